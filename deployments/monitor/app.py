"""The Agent Monitor as a Serve application: the page at /agent-monitor, and the host that all replicas report to.

There is one replica. Nothing is lost with it: the next one gets complete reports, and past turns are in a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray
from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.health_checks import check_event_loop
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.rpc.wire import Address

MAX_ONGOING = 500
"""A page has one socket for as long as it is open."""


def build_http() -> FastAPI:
    """Build the pages' web application.

    Imports are made here because only a replica needs them, not the process that builds the Serve application.
    """
    from deployments.monitor.parts import monitor_http

    log_to_own_stderr(get_settings())
    return monitor_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Monitor:
    """The only replica."""

    async def __init__(self) -> None:  # type: ignore[misc]
        from convonet.monitor.report_requests import report_server
        from convonet.storage.database_watch import DatabaseWatch
        from deployments.monitor.parts import cluster, monitor_host

        self._cluster, self._host = cluster(), monitor_host()
        await self._cluster.start()
        self._reports = report_server(self._host.report)
        self._index_watch = DatabaseWatch(self._host.index)
        # Serve awaits this constructor: no request reaches the host before its file is open
        await self._host.start()
        self._address = await self._reports.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]

    async def __del__(self) -> None:  # Serve awaits it
        await self._cluster.stop()
        await self._reports.stop()
        await self._index_watch.close()
        await self._host.stop()

    async def check_health(self) -> None:
        """Raise when the event loop is late, the file of turns does not answer, or nobody can report any more."""
        await check_event_loop()
        self._index_watch.check()
        self._reports.check_listening()

    async def ready(self) -> bool:
        """Answer that reports are taken, as by every replica that has started."""
        return True

    async def takes_reports_at(self) -> Address:
        """Return the address for the reports of other processes; see `report_server`."""
        return self._address


def build(args: dict[str, str]) -> Application:
    """Build the Serve application."""
    monitor: Deployment = Monitor  # type: ignore[assignment]
    app: Application = monitor.options(num_replicas=1).bind()
    return app
