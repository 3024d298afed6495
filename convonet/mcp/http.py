"""The tool servers over streamable HTTP for any MCP client, with a signed caller token on every request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from convonet.auth.tokens import read_caller_token
from convonet.core.errors import AuthRefused
from convonet.mcp.server import MAX_BODY_BYTES, DomainServer, ToolRequest


class RequireCaller:
    """ASGI middleware that requires a valid caller token and passes its claims to the tools."""

    def __init__(self, app: ASGIApp, secret: bytes) -> None:
        self._app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, or answer 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Request(scope).headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise AuthRefused("no token")
            claims = read_caller_token(token, secret=self._secret)
        except AuthRefused:
            refusal = JSONResponse({"error": "invalid_token"}, 401, headers={"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["request"] = ToolRequest(claims, headers.get("traceparent"))
        await self._app(scope, receive, send)


def http_app(
    servers: Mapping[str, DomainServer],
    *,
    secret: bytes,
    alongside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> Starlette:
    """Create one application for all servers, stateless so that any replica can answer any request.

    Host names are not checked: every request needs a signed token, which a page that rebinds DNS does not have.

    Args:
        servers: The servers by domain; each is mounted at `/<domain>`.
        secret: Key of the caller tokens.
        alongside: Creates a context that is open while the application runs.
    """
    apps = [
        server.streamable_http_app(
            streamable_http_path=f"/{domain}",
            json_response=True,
            stateless_http=True,
            max_request_body_size=MAX_BODY_BYTES,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        for domain, server in servers.items()
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            for server in servers.values():
                if server.release is not None:
                    stack.push_async_callback(server.release)
            await stack.enter_async_context(alongside())
            for app in apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    return Starlette(
        routes=[route for app in apps for route in app.routes],
        middleware=[Middleware(RequireCaller, secret=secret)],
        lifespan=lifespan,
    )
