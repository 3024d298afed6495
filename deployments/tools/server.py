"""The parts of a tools replica: all domains' MCP servers over one database, on its own port and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache

import ray
import structlog

from convonet.core.background import BackgroundTasks
from convonet.domains.discovery import all_servers
from convonet.mcp.http import http_app
from convonet.mcp.remote_tools import STOP_TIMEOUT_S
from convonet.mcp.requests import ToolRequests
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import Settings, get_settings
from convonet.storage.database import Database
from convonet.storage.database_watch import DatabaseWatch
from convonet.storage.effects import delete_old_effects
from deployments.garbage import freeze_startup_objects
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.reporting import start_reports

log = structlog.get_logger(__name__)

CLEAN_UP_EVERY_S = 3600.0


class ToolsReplica:
    """The MCP servers of one process, their port, their HTTP application and their database."""

    address: Address
    """The address for the agents, once the HTTP application has started."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.storage.database_url)
        self.database_watch = DatabaseWatch(self._database)
        self._servers = all_servers(self._database, settings)
        requests = ToolRequests(self._servers, secret=settings.signing_secret)
        self.port = RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S)
        self.http = http_app(self._servers, secret=settings.signing_secret, alongside=self._while_serving)

    @asynccontextmanager
    async def _while_serving(self) -> AsyncGenerator[None, None]:
        tasks = BackgroundTasks()
        tasks.spawn(_delete_old_effects(self._database))
        reporter = start_reports("tools", self._gauges)
        self.address = await self.port.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        freeze_startup_objects()
        try:
            yield
        finally:
            await self.port.stop()
            await reporter.close()
            await tasks.cancel_and_wait()
            await self.database_watch.close()
            await self._database.close()

    def _gauges(self) -> dict[str, float]:
        gauges: dict[str, float] = {}
        for domain, server in self._servers.items():
            gauges |= {f"calls.{domain}": server.calls, f"failures.{domain}": server.failures}
        return gauges


@cache
def tools_replica() -> ToolsReplica:
    """Return the replica of this process, for Serve and for HTTP."""
    settings = get_settings()
    log_to_own_stderr(settings)
    measure("tools")
    return ToolsReplica(settings)


async def _delete_old_effects(database: Database) -> None:
    while True:
        try:
            await delete_old_effects(database, datetime.now(UTC))
        except Exception:
            # the top of a background task: log the failure and try again later
            log.exception("effects_not_tidied")
        await asyncio.sleep(CLEAN_UP_EVERY_S)
