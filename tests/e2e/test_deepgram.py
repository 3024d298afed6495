"""A whole spoken turn with Deepgram, played on the loopback, and one in which Deepgram fails."""

import asyncio
import threading
from contextlib import contextmanager

from tests.e2e.product import PIN, Product
from tests.vendors.deepgram import DeepgramServer, Fault


@contextmanager
def deepgram():
    """The server in a thread with a loop of its own: Playwright holds the test's thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait_for(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    server = DeepgramServer()
    wait_for(server.__aenter__())
    try:
        yield server, loop
    finally:
        wait_for(server.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_deepgram_hears_and_speaks_and_when_it_fails_local_speech_takes_over_and_says_so(tmp_path, chromium):
    with deepgram() as (vendor, loop):
        vendor.transcripts = ["add buy oranges to my todo list"]
        product = Product(tmp_path, VOICE_PIN=PIN, DEEPGRAM_API_KEY="a-key", DEEPGRAM_BASE_URL=vendor.url)
        product.start()
        try:
            says = ["add call mom to my todo list"] * 2
            with chromium(product, says=says) as caller:
                assert not {"stt", "tts"} & set(caller.until("auth_ok")["offline"])
                caller.hold_and_speak(0)
                assert caller.until("transcript_final")["text"] == "add buy oranges to my todo list"
                assert "oranges" in caller.answer()[0]
                mark = len(caller.frames)
                vendor.fail_with(*[Fault(status=401)] * 20)
                for socket in vendor.sockets:
                    loop.call_soon_threadsafe(socket.die)
                caller.hold_and_speak(1)
                # who listens matters here, not how well on a busy machine
                assert "mom to my todo list" in caller.until("transcript_final", after=mark)["text"]
                text, audio = caller.answer(after=mark)
                assert "mom" in text
                assert audio
                told = " ".join(m["message"] for m in caller.frames[mark:] if m["type"] == "status")
                assert "local listens instead" in told
                assert "local speaks instead" in told
        finally:
            product.stop()
        assert not product.processes()
