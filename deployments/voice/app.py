"""The voice application: the gateway that browsers and Twilio reach, and the session hosts behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment
from ray.serve.config import RequestRouterConfig

from actors.placement import SessionPlacement
from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure

if TYPE_CHECKING:
    from fastapi import FastAPI

CALLS_PER_SOCKET = 2
"""A socket is one ongoing request of its replica for as long as it lives, and one stream of its session host."""


def build_http() -> FastAPI:
    """The gateway's HTTP side.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.voice.gateway import gateway_http

    log_to_own_stderr(get_settings())
    measure("voice")
    metrics.begin(REFUSALS)
    return gateway_http()


@serve.deployment
@serve.ingress(build_http)
class Voice:
    """One replica: accepts sockets and relays each to its session."""

    def __init__(self, _hosts: object) -> None:
        """The hosts are found by their name; that they are given makes them part of this application."""

    async def drain(self, before: float) -> int:
        """See `Gateway.drain`."""
        from deployments.voice.gateway import gateway

        return await gateway().drain(before)


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    from deployments.voice.session_hosts import ServedSessionHost

    settings = get_settings()
    hosts = serve.deployment(ServedSessionHost).options(  # type: ignore[attr-defined]
        name="SessionHost",
        max_ongoing_requests=settings.sessions_per_host * CALLS_PER_SOCKET + 100,
        request_router_config=RequestRouterConfig(request_router_class=SessionPlacement),  # type: ignore[arg-type]
    )
    voice: Deployment = Voice  # type: ignore[assignment]
    return voice.options(max_ongoing_requests=settings.sessions_per_host * CALLS_PER_SOCKET).bind(hosts.bind())
