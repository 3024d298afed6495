"""Voice as a Serve application: the sockets of browsers and Twilio, and the sessions of their callers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.settings import get_settings
from deployments.health_checks import check_event_loop
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.voice.scaling import SESSIONS

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.gateway.connections import Moved

MAX_ONGOING = 20_000
"""Sockets and requests of one replica; a socket is one request for as long as it lives. Beyond this limit callers would
wait in silence, so the gateway refuses them long before."""


def build_http() -> FastAPI:
    """Build the gateway's web application.

    Imports are made here because only a replica needs them, not the process that builds the Serve application.
    """
    from deployments.voice.gateway import gateway_http

    log_to_own_stderr(get_settings())
    measure("voice")
    metrics.declare(REFUSALS)
    return gateway_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Voice:
    """One replica: accepts sockets, and holds the sessions of their callers."""

    async def check_health(self) -> None:
        """Raise when the event loop is late or the checkpoint store does not answer this process."""
        from deployments.voice.replica import voice_replica

        await check_event_loop()
        voice_replica().sessions.check_confirming()

    async def move_callers(self, before: float, within_s: float) -> Moved:
        """See `Gateway.move_callers`."""
        from deployments.voice.gateway import gateway

        return await gateway().move_callers(before, within_s)

    async def shorten_drain(self) -> None:
        """See `Connections.shorten_drain`."""
        from deployments.voice.gateway import gateway

        gateway().connections.shorten_drain()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Report the sessions to Serve's autoscaler, whose own count includes sockets of pages that no caller uses."""
        from deployments.voice.replica import voice_replica

        return {SESSIONS: voice_replica().sessions.gauges()["sessions"]}


def build(args: dict[str, str]) -> Application:
    """Build the Serve application; `serve_config.yaml` sets the number of replicas."""
    voice: Deployment = Voice  # type: ignore[assignment]
    return voice.bind()
