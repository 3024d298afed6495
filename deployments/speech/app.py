"""Local speech as a Serve application, reached on its own port: no voice replica runs recognition itself."""

from typing import cast

import ray
from ray import serve
from ray.serve import Application, Deployment

from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import get_settings
from convonet.speech.local.service import LocalSpeech
from convonet.speech.requests import MAX_MESSAGE_BYTES, STOP_TIMEOUT_S, SpeechRequests
from deployments.garbage import freeze_startup_objects
from deployments.health_checks import check_event_loop
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.reporting import start_reports
from deployments.speech.scaling import WORK


class Speech:
    """One replica: local speech with its worker processes, which are warm before the first call."""

    async def __init__(self) -> None:  # type: ignore[misc] # Serve awaits it
        settings = get_settings()
        log_to_own_stderr(settings)
        measure("speech")
        self._speech = LocalSpeech(settings.speech, settings.storage.data_dir)
        await self._speech.start()
        requests = SpeechRequests(self._speech)
        self._port = RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S, max_message_bytes=MAX_MESSAGE_BYTES)
        self._address = await self._port.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        freeze_startup_objects()
        self._reporter = start_reports("speech", self._speech.gauges)

    async def __del__(self) -> None:  # Serve awaits it
        await self._port.stop()
        await self._reporter.close()
        self._speech.close()

    async def check_health(self) -> None:
        """Raise when the event loop is late, a worker process can't be started, or the own port is closed."""
        await check_event_loop()
        self._speech.check_workers()
        self._port.check_listening()

    async def ready(self) -> bool:
        """Answer that requests are taken, as by every replica that has started."""
        return True

    async def listens_at(self) -> Address:
        """Return the address of this replica's own port."""
        return self._address

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Report the work to Serve's autoscaler, which does not see requests on the replica's own port."""
        gauges = self._speech.gauges()
        return {WORK: gauges["hearing"] + gauges["speaking"]}


def build(args: dict[str, str]) -> Application:
    """Build the Serve application; `serve_config.yaml` sets the number of replicas."""
    # `Speech` itself stays importable, so that a replica imports this package instead of unpickling a copy
    speech = cast("Deployment", serve.deployment(Speech))
    return speech.bind()
