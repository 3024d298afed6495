"""What a replica of the tools is made of: all domains' MCP servers over one database, on its own port and over HTTP."""

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
from convonet.mcp.replicas import STOP_TIMEOUT_S
from convonet.mcp.requests import ToolRequests
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import Settings, get_settings
from convonet.storage.database import Database
from convonet.storage.database_watch import DatabaseWatch
from convonet.storage.effects import forget_old_effects
from deployments.garbage import leave_alone_what_is_there
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.reporting import reporting

log = structlog.get_logger(__name__)

TIDY_EVERY_S = 3600.0


class ToolsReplica:
    """All of one process."""

    address: Address
    """Where the agents are answered, once the HTTP application has started."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.storage.database_url)
        self.database_watch = DatabaseWatch(self._database)
        self._servers = all_servers(self._database, settings)
        requests = ToolRequests(self._servers, secret=settings.signing_secret)
        self._port = RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S)
        self.http = http_app(self._servers, secret=settings.signing_secret, alongside=self._alongside)

    @asynccontextmanager
    async def _alongside(self) -> AsyncGenerator[None, None]:
        tasks = BackgroundTasks()
        tasks.spawn(_tidy(self._database))
        reporter = reporting("tools", self._figures)
        self.address = await self._port.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        leave_alone_what_is_there()
        try:
            yield
        finally:
            await self._port.stop()
            await reporter.close()
            await tasks.cancel_and_wait()
            await self.database_watch.close()
            await self._database.close()

    def _figures(self) -> dict[str, float]:
        figures: dict[str, float] = {}
        for domain, server in self._servers.items():
            figures |= {f"calls.{domain}": server.calls, f"failures.{domain}": server.failures}
        return figures


@cache
def tools_replica() -> ToolsReplica:
    """That of this process, for Serve and for HTTP."""
    settings = get_settings()
    log_to_own_stderr(settings)
    measure("tools")
    return ToolsReplica(settings)


async def _tidy(database: Database) -> None:
    while True:
        try:
            await forget_old_effects(database, datetime.now(UTC))
        except Exception:
            # the top of a task that nobody waits for: it goes on, and the log says what was in the way
            log.exception("effects_not_tidied")
        await asyncio.sleep(TIDY_EVERY_S)
