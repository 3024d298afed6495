"""The call center as a Serve application: the desks at /call-center, and the host of all hand-overs.

There is one replica. Its successor takes everything over, and sessions, media legs and desks find it. While there are
two clusters, each has a replica, and the one in the cluster that serves owns the call center.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray
from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.health_checks import check_event_loop
from deployments.logs import log_to_own_stderr
from deployments.ray_compat import has_haproxy

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.rpc.wire import Address

MAX_ONGOING = 4_000
"""A desk has one socket for a whole shift."""


def build_http() -> FastAPI:
    """Build the desks' web application.

    Only replicas need these imports. The process that builds the Serve application does not.
    """
    from deployments.call_center.audio import audio_parts
    from deployments.call_center.parts import desks_http

    log_to_own_stderr(get_settings())
    app = desks_http()
    if not has_haproxy():
        audio_parts().sockets.add_route(app, "/audio")
    return app


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class CallCenter:
    """The one replica."""

    async def __init__(self) -> None:  # type: ignore[misc]
        from convonet.rpc.server import RpcServer
        from convonet.telephony.requests import MAX_STREAMS, STOP_TIMEOUT_S, HostRequests
        from deployments.call_center.audio import audio_parts
        from deployments.call_center.parts import cluster, transfer_host
        from deployments.reporting import start_reports

        self._cluster, host = cluster(), transfer_host()
        await self._cluster.start()
        # Serve awaits this constructor, so nobody reaches this host before it has restored all hand-overs
        await host.start()
        requests = HostRequests(host)
        self._port = RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S, max_at_once=MAX_STREAMS)
        self._address = await self._port.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        self._reporter = start_reports("call_center", host.gauges)
        self._audio = None if has_haproxy() else audio_parts()
        if self._audio is not None:
            await self._audio.start()

    async def __del__(self) -> None:  # Serve awaits it
        await self._port.stop()
        await self._cluster.stop()
        await self._reporter.close()
        if self._audio is not None:
            await self._audio.close()

    async def check_health(self) -> None:
        """Raise when the event loop is late or nobody can reach this host's own port any more."""
        await check_event_loop()
        self._port.check_listening()

    async def ready(self) -> bool:
        """Return True: a replica is reachable only after it has restored all hand-overs."""
        return True

    async def listens_at(self) -> Address:
        """Return the address for sessions, media legs and webhooks."""
        return self._address


def build(args: dict[str, str]) -> Application:
    """Build the Serve application."""
    center: Deployment = CallCenter  # type: ignore[assignment]
    app: Application = center.options(num_replicas=1).bind()
    return app
