"""The base of all domains' MCP servers: identity of the caller, idempotency keys, errors that can be spoken.

Tools never take an identity as an argument: a signed token names the caller, and the call's metadata has the
idempotency key. `http` serves any MCP client, `requests` our own agents.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.runner import modern_on_request
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, TextContent
from pydantic import ValidationError
from starlette.requests import Request

from convonet.auth.tokens import CallerClaims
from convonet.core.errors import AuthRefused, ConvonetError, DomainError
from convonet.core.owner import Owner
from convonet.core.validation import fault_in_words
from convonet.mcp.dispatch import SingleAnswer
from convonet.tracing.spans import Attributes, Span, span

log = structlog.get_logger(__name__)

IDEMPOTENCY_KEY = "convonet/idempotency_key"
"""Metadata entry of a tool call."""

MAX_KEY = 128
MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """Context of an MCP request: the caller that it acts for, and its trace."""

    claims: CallerClaims
    traceparent: str | None = None


def owner_of(context: Context[Any, Any]) -> Owner:
    """Return the owner of this call's effects: its caller, and its idempotency key if the client sent one."""
    if (request := _request_of(context)) is None:
        raise AuthRefused("no caller")
    claims, key = request.claims, (context.request_context.meta or {}).get(IDEMPOTENCY_KEY)
    key = key[:MAX_KEY] if isinstance(key, str) and key else None
    return Owner(uuid.UUID(claims.user_id), ZoneInfo(claims.timezone), key)


def _request_of(context: Context[Any, Any] | None) -> ToolRequest | None:
    request = context.request_context.request if context is not None else None
    if isinstance(request, Request):
        # from the SDK's HTTP transport, which passes its own request
        request = getattr(request.state, "request", None)
    return request if isinstance(request, ToolRequest) else None


def tool_result(sentence: str, data: dict[str, Any]) -> CallToolResult:
    """Create a tool's result: a short sentence that can be spoken, and the data behind it."""
    return CallToolResult(content=[TextContent(type="text", text=sentence)], structured_content=data)


class DomainServer(MCPServer):
    """An MCP server whose failures are results that can be spoken."""

    calls = 0
    failures = 0
    """Counts of this process."""

    def __init__(self, domain: str, instructions: str, release: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(f"convonet-{domain}", instructions=instructions, log_level="WARNING")
        self.release = release
        """Called when the application stops, to close the domain's resources."""
        # stateless: in this revision of the protocol a request is complete by its metadata
        self._respond = modern_on_request(self._lowlevel_server, {})

    async def respond(
        self, request_id: int, method: str, params: Mapping[str, Any], request: ToolRequest
    ) -> dict[str, Any]:
        """Answer a request of MCP revision 2026-07-28 with its result. Raises `MCPError` or `ValidationError`."""
        return await self._respond(SingleAnswer(request_id, request), method, params)

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool; the result explains our own errors and invalid arguments; other errors are logged."""
        if self._tool_manager.get_tool(name) is None:
            # a protocol error: the client's list of tools is out of date
            raise MCPError(INVALID_PARAMS, f"There is no tool named {tool_name(name)}.")
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
    """Return a tool's name for logs and traces, but none that a model made up from the caller's words."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) else "unknown"


@contextmanager
def _traced(name: str, context: Context[Any, Any] | None) -> Generator[Span, None, None]:
    """Bind a call to logs and traces. The request's trace is trusted, since its token is valid."""
    attributes: Attributes = {"tool": tool_name(name)}
    parent = None
    if (request := _request_of(context)) is not None:
        attributes |= {"session_id": request.claims.session_id or "", "turn_id": request.claims.turn_id}
        parent = request.traceparent
    with (
        structlog.contextvars.bound_contextvars(**attributes),
        span("execute_tool", kind="server", parent=parent, begins_trace=True, **attributes) as calling,
    ):
        yield calling


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]).replace("_", " ")
    return f"I can't do that: {field}, {fault_in_words(first)}."


def _failure(sentence: str, reason: str = "") -> CallToolResult:
    details = {"error": sentence, "reason": reason} if reason else {"error": sentence}
    return CallToolResult(content=[TextContent(type="text", text=sentence)], structured_content=details, is_error=True)
