"""The Agent Monitor as a Serve application: the page at /agent-monitor, and the host that all parts report to.

There is one replica. Nothing is lost with it: the parts tell the next one everything, past turns are in a file.
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

    from convonet.monitor.report_connection import ReportAddress

MAX_ONGOING = 500
"""A page has one socket for as long as it is open."""


def build_http() -> FastAPI:
    """The pages' side.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.monitor.parts import monitor_http

    log_to_own_stderr(get_settings())
    return monitor_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Monitor:
    """The one replica."""

    async def __init__(self) -> None:  # type: ignore[misc]
        from convonet.monitor.report_connection import ReportServer
        from convonet.storage.database_watch import DatabaseWatch
        from deployments.monitor.parts import cluster, monitor_host

        self._cluster, self._host = cluster(), monitor_host()
        await self._cluster.start()
        self._reports = ReportServer(self._host.report)
        self._index_watch = DatabaseWatch(self._host.index)
        # Serve awaits a constructor that is a coroutine: nobody reaches this host before its file is open
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
        """Whether reports are taken: a replica is there only when its file is open."""
        return True

    async def takes_reports_at(self) -> ReportAddress:
        """Where other processes tell this host what `MonitorHost.report` takes."""
        return self._address


def build(args: dict[str, str]) -> Application:
    """The Serve application."""
    monitor: Deployment = Monitor  # type: ignore[assignment]
    app: Application = monitor.options(num_replicas=1).bind()
    return app
