"""The product with hosted speech and a hosted model, both played on the loopback, whose pace a test sets.

It has Ray's dashboard, which looks for Prometheus and Grafana at ports where nothing is until a test starts them.
"""

import asyncio
import threading

from tests.e2e.product import PIN, Product
from tests.fixtures.ports import free_port
from tests.vendors import openai
from tests.vendors.chat import ChatServer
from tests.vendors.deepgram import DeepgramServer

GRAFANA_IN_THE_BROWSER = "http://grafana.example:3000"
"""What an operator's browser reaches need not be what the dashboard reaches."""


class Vendors:
    """Both in a thread with a loop of its own: Playwright holds the test's thread."""

    def __init__(self):
        self.speech = DeepgramServer()
        self.chat = ChatServer(openai.WIRE)

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        for server in (self.speech, self.chat):
            self._wait_for(server.__aenter__())
        return self

    def __exit__(self, *_):
        for server in (self.speech, self.chat):
            self._wait_for(server.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def hosted_product(folder, vendors):
    """Not started yet."""
    product = Product(
        folder,
        VOICE_PIN=PIN,
        # tests wait for a desk that does not answer
        TRANSFER_TIMEOUT="8",
        DEEPGRAM_API_KEY="a-key",
        DEEPGRAM_BASE_URL=vendors.speech.url,
        LLM_BASE_URL=f"{vendors.chat.url}/v1",
        LLM_MODEL="stand-in-1",
        CONVONET_DASHBOARD_PORT=str(free_port()),
        RAY_PROMETHEUS_HOST=f"http://127.0.0.1:{free_port()}",
        RAY_GRAFANA_HOST=f"http://127.0.0.1:{free_port()}",
        RAY_GRAFANA_IFRAME_HOST=GRAFANA_IN_THE_BROWSER,
    )
    product.vendors = vendors
    return product
