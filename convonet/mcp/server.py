"""What all MCP servers share: a signed caller token on every request, and errors that can be spoken.

A domain's tools never take an identity as an argument. The token says for whom they act; the idempotency key comes in
the call's metadata.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from convonet.auth.owner import Owner
from convonet.auth.tokens import CallerClaims, read_caller_token
from convonet.errors import AuthRefused, ConvonetError, DomainError
from convonet.tracing.spans import Attributes, Span, span
from convonet.words import fault_in_words

log = structlog.get_logger(__name__)

IDEMPOTENCY_KEY = "convonet/idempotency_key"
"""Name of the metadata entry of a tool call that names its effect."""

MAX_KEY = 128
MAX_BODY_BYTES = 65_536


class RequireCaller:
    """ASGI middleware: lets a request through only with a valid caller token, whose claims tools then read."""

    def __init__(self, app: ASGIApp, secret: bytes) -> None:
        self._app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scheme, _, token = Request(scope).headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise AuthRefused("no token")
            scope.setdefault("state", {})["caller"] = read_caller_token(token, secret=self._secret)
        except AuthRefused:
            refusal = JSONResponse({"error": "invalid_token"}, 401, headers={"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def http_app(
    servers: Mapping[str, DomainServer],
    *,
    secret: bytes,
    alongside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> Starlette:
    """One application for all servers, each at `/<domain>`; stateless, so that any replica answers any request.

    What `alongside` makes is entered before the first request and left after the last.

    Host names are not checked: every request needs a signed token, which a page that rebinds DNS does not have.
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
            await stack.enter_async_context(alongside())
            for server in servers.values():
                if server.release is not None:
                    stack.push_async_callback(server.release)
            for app in apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    return Starlette(
        routes=[route for app in apps for route in app.routes],
        middleware=[Middleware(RequireCaller, secret=secret)],
        lifespan=lifespan,
    )


def caller_of(context: Context[Any, Any]) -> CallerClaims:
    """For whom this call acts."""
    request = context.request_context.request
    if not isinstance(request, Request):
        raise AuthRefused("not a call over HTTP")
    claims: CallerClaims = request.state.caller
    return claims


def owner_of(context: Context[Any, Any]) -> Owner:
    """For whom this call acts, as services take it."""
    claims = caller_of(context)
    return Owner(uuid.UUID(claims.user_id), ZoneInfo(claims.timezone), idempotency_key_of(context))


def idempotency_key_of(context: Context[Any, Any]) -> str | None:
    """The key of this call's effect, None when the client sent none."""
    meta = context.request_context.meta or {}
    key = meta.get(IDEMPOTENCY_KEY)
    return key[:MAX_KEY] if isinstance(key, str) and key else None


def told(sentence: str, data: dict[str, Any]) -> CallToolResult:
    """A tool's result: a short sentence that can be spoken, and the data behind it."""
    return CallToolResult(content=[TextContent(type="text", text=sentence)], structured_content=data)


class DomainServer(MCPServer):
    """An MCP server whose failures are results with a sentence that can be spoken."""

    calls = 0
    failures = 0
    """Of this process, so far."""

    def __init__(self, domain: str, instructions: str, release: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(f"convonet-{domain}", instructions=instructions, log_level="WARNING")
        self.release = release
        """Called when the application stops: what the domain holds open is closed."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool; errors of ours and wrong arguments are explained, anything else is logged and excused."""
        self.calls += 1
        with _traced(name, context) as calling:
            log.debug("tool_called", arguments=arguments)
            result = await self._call_tool(name, arguments, context)
            log.debug("tool_answered", result=result)
            if isinstance(result, CallToolResult) and result.is_error:
                self.failures += 1
                calling.status = "failed"
        return result

    async def _call_tool(self, name: str, arguments: dict[str, Any], context: Any) -> Any:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                return _failure(_explain(cause))
            if isinstance(cause, DomainError):
                return _failure(cause.spoken, cause.reason)
            if isinstance(cause, ConvonetError):
                return _failure(cause.spoken)
            if cause is None:
                return _failure(f"{error}.")
            log.error("tool_crashed", tool=tool_name(name), exc_info=error)
            return _failure(ConvonetError.spoken)


def tool_name(name: str) -> str:
    """The name of a tool for logs and traces; a model may make up another, in words of the caller."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) else "unknown"


@contextmanager
def _traced(name: str, context: Context[Any, Any] | None) -> Generator[Span, None, None]:
    """A call in logs and traces. The trace that the request names is believed, since its token was."""
    about: Attributes = {"tool": tool_name(name)}
    parent = None
    request = context.request_context.request if context is not None else None
    if isinstance(request, Request):
        claims: CallerClaims = request.state.caller
        about |= {"session_id": claims.session_id or "", "turn_id": claims.turn_id}
        parent = request.headers.get("traceparent")
    with (
        structlog.contextvars.bound_contextvars(**about),
        span("execute_tool", kind="server", parent=parent, begins_trace=True, **about) as calling,
    ):
        yield calling


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]).replace("_", " ")
    return f"I can't do that: {field}, {fault_in_words(first)}."


def _failure(sentence: str, reason: str = "") -> CallToolResult:
    told = {"error": sentence, "reason": reason} if reason else {"error": sentence}
    return CallToolResult(content=[TextContent(type="text", text=sentence)], structured_content=told, is_error=True)
