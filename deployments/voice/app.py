"""The voice application: what browsers and Twilio reach, and where their calls live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.voice.scaling import SESSIONS

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.gateway.connections import Moved

MAX_ONGOING = 20_000
"""Sockets and requests of one replica. A socket is one request for as long as it lives, and what comes on top of this
would wait without a word: who is let in is decided by the gateway, which tells the others."""


def build_http() -> FastAPI:
    """The gateway's HTTP side.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.voice.gateway import gateway_http

    log_to_own_stderr(get_settings())
    measure("voice")
    metrics.begin(REFUSALS)
    return gateway_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Voice:
    """One replica: accepts sockets, and holds the sessions of their callers."""

    async def move_callers(self, before: float, within_s: float) -> Moved:
        """See `Gateway.move_callers`."""
        from deployments.voice.gateway import gateway

        return await gateway().move_callers(before, within_s)

    async def hurry(self) -> None:
        """See `Connections.hurry`."""
        from deployments.voice.gateway import gateway

        gateway().connections.shorten_drain()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """What Serve's autoscaler asks each replica: its own count has sockets of pages that no caller uses."""
        from deployments.voice.replica import voice_replica

        return {SESSIONS: voice_replica().sessions.gauges()["sessions"]}


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    voice: Deployment = Voice  # type: ignore[assignment]
    return voice.bind()
