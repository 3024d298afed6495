"""The MCP servers of all domains: for the agents on a replica's own port, for other clients at /mcp/<domain>."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from deployments.health_checks import check_event_loop

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from convonet.rpc.wire import Address

MAX_ONGOING = 200
"""A tool call takes milliseconds; the proxy queues the others."""

HEALTH_CHECK_TIMEOUT_S = 5.0
"""Serve replaces a replica after three failed checks, so one that hangs is replaced within half a minute. The agents
avoid it after one second already."""


def build_http() -> Starlette:
    """Make the replica's application. Imported here, since the process that builds the Serve app needs none of it."""
    from deployments.tools.server import tools_replica

    return tools_replica().http


@serve.deployment(
    max_ongoing_requests=MAX_ONGOING,
    health_check_timeout_s=HEALTH_CHECK_TIMEOUT_S,
)
@serve.ingress(build_http)
class Tools:
    """One replica."""

    async def check_health(self) -> None:
        """Raise when the event loop is late, the database does not answer this process, or the own port is closed."""
        from deployments.tools.server import tools_replica

        await check_event_loop()
        tools_replica().database_watch.check()
        tools_replica().port.check_listening()

    async def ready(self) -> bool:
        """Return True: a replica is reachable only after its servers have started."""
        return True

    async def listens_at(self) -> Address:
        """Return the address at which this replica answers the agents."""
        from deployments.tools.server import tools_replica

        return tools_replica().address


def build(args: dict[str, str]) -> Application:
    """Build the Serve application; `serve_config.yaml` sets the number of replicas."""
    tools: Deployment = Tools  # type: ignore[assignment]
    return tools.bind()
