"""Local speech as a Serve application of its own, asked on its own port: no voice replica runs recognition itself."""

from typing import cast

import ray
from ray import serve
from ray.serve import Application, Deployment

from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import get_settings
from convonet.speech.local.service import LocalSpeech
from convonet.speech.requests import MAX_MESSAGE_BYTES, STOP_TIMEOUT_S, SpeechRequests
from deployments.garbage import leave_alone_what_is_there
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.reporting import reporting
from deployments.speech.scaling import WORK


class Speech:
    """One replica: local speech with its worker processes, warm before the first call."""

    async def __init__(self) -> None:  # type: ignore[misc] # Serve awaits it
        settings = get_settings()
        log_to_own_stderr(settings)
        measure("speech")
        self._speech = LocalSpeech(settings.speech, settings.storage.data_dir)
        await self._speech.start()
        requests = SpeechRequests(self._speech)
        self._port = RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S, max_message_bytes=MAX_MESSAGE_BYTES)
        self._address = await self._port.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        leave_alone_what_is_there()
        self._reporter = reporting("speech", self._speech.gauges)

    async def __del__(self) -> None:  # Serve awaits it
        await self._port.stop()
        await self._reporter.close()
        self._speech.close()

    async def ready(self) -> bool:
        """Whether calls are answered: a replica is there only when its workers run."""
        return True

    async def listens_at(self) -> Address:
        """Where this replica answers whoever holds callers."""
        return self._address

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """What Serve's autoscaler asks each replica: work comes by its own port, which Serve does not see."""
        figures = self._speech.gauges()
        return {WORK: figures["hearing"] + figures["speaking"]}


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    # the class itself stays importable, so that a replica imports this package instead of unpickling a copy
    speech = cast("Deployment", serve.deployment(Speech))
    return speech.bind()
