"""What a replica of the tools serves: all domains' MCP servers over one database."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from starlette.applications import Starlette

from convonet.domains.discovery import all_servers
from convonet.mcp.server import DomainServer, http_app
from convonet.settings import get_settings
from convonet.storage.database import Database
from convonet.storage.effects import forget_old_effects
from deployments.logs import log_to_own_stderr
from deployments.measuring import measure
from deployments.reporting import reporting

log = structlog.get_logger(__name__)

TIDY_EVERY_S = 3600.0


def tools_server() -> Starlette:
    """The replica's application, with the server of every domain."""
    settings = get_settings()
    log_to_own_stderr(settings)
    measure("tools")
    database = Database(settings.database_url)

    @asynccontextmanager
    async def alongside() -> AsyncGenerator[None, None]:
        tidying = asyncio.create_task(_tidy(database))
        reporter = reporting("tools", lambda: _figures(servers))
        try:
            yield
        finally:
            await reporter.close()
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)
            await database.close()

    servers = all_servers(database, settings)
    return http_app(servers, secret=settings.signing_secret, alongside=alongside)


def _figures(servers: Mapping[str, DomainServer]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for domain, server in servers.items():
        figures |= {f"calls.{domain}": server.calls, f"failures.{domain}": server.failures}
    return figures


async def _tidy(database: Database) -> None:
    while True:
        try:
            await forget_old_effects(database, datetime.now(UTC))
        except Exception:
            # the top of a task that nobody waits for: it goes on, and the log says what was in the way
            log.exception("effects_not_tidied")
        await asyncio.sleep(TIDY_EVERY_S)
