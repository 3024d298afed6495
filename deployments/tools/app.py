"""The tools: every domain's MCP server, at /mcp/<domain>."""

from ray import serve
from ray.serve import Application, Deployment
from starlette.applications import Starlette

from convonet.domains.discovery import all_servers
from convonet.mcp.server import http_app
from convonet.settings import get_settings
from convonet.storage.database import Database
from deployments.logs import log_to_own_stderr

MAX_ONGOING = 200
"""A tool call takes milliseconds; what comes on top waits in the proxy."""


def build_http() -> Starlette:
    """The replica's application, with the server of every domain."""
    settings = get_settings()
    log_to_own_stderr(settings)
    servers = all_servers(Database(settings.database_url), settings)
    return http_app(servers, secret=settings.signing_secret)


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Tools:
    """One replica."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    tools: Deployment = Tools  # type: ignore[assignment]
    return tools.bind()
