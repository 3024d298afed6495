"""The tools: every domain's MCP server, at /mcp/<domain>."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

if TYPE_CHECKING:
    from starlette.applications import Starlette

MAX_ONGOING = 200
"""A tool call takes milliseconds; what comes on top waits in the proxy."""


def build_http() -> Starlette:
    """The replica's application.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.tools.server import tools_server

    return tools_server()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Tools:
    """One replica."""

    async def ready(self) -> bool:
        """Whether calls are answered: a replica is there only when its servers are."""
        return True


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    tools: Deployment = Tools  # type: ignore[assignment]
    return tools.bind()
