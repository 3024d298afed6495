"""What all MCP servers share: who is asking, and errors that can be spoken.

A domain's tools never take an identity as an argument. A signed token says for whom they act; the idempotency key comes
in the call's metadata. `http` serves any MCP client, `requests` the agents of the product.
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
"""Name of the metadata entry of a tool call that names its effect."""

MAX_KEY = 128
MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """What came with an MCP request besides its message: for whom it acts, and the trace that it belongs to."""

    claims: CallerClaims
    traceparent: str | None = None


def caller_of(context: Context[Any, Any]) -> CallerClaims:
    """For whom this call acts."""
    if (request := _request_of(context)) is None:
        raise AuthRefused("nobody is named")
    return request.claims


def _request_of(context: Context[Any, Any] | None) -> ToolRequest | None:
    request = context.request_context.request if context is not None else None
    if isinstance(request, Request):
        # the SDK's HTTP transport hands over its own
        request = getattr(request.state, "request", None)
    return request if isinstance(request, ToolRequest) else None


def owner_of(context: Context[Any, Any]) -> Owner:
    """For whom this call acts, as services take it."""
    claims = caller_of(context)
    return Owner(uuid.UUID(claims.user_id), ZoneInfo(claims.timezone), idempotency_key_of(context))


def idempotency_key_of(context: Context[Any, Any]) -> str | None:
    """The key of this call's effect, None when the client sent none."""
    meta = context.request_context.meta or {}
    key = meta.get(IDEMPOTENCY_KEY)
    return key[:MAX_KEY] if isinstance(key, str) and key else None


def tool_result(sentence: str, data: dict[str, Any]) -> CallToolResult:
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
        # the revision of the protocol in which a request says all that it needs, so that nothing comes before it
        self._respond = modern_on_request(self._lowlevel_server, {})

    async def respond(
        self, request_id: int, method: str, params: Mapping[str, Any], request: ToolRequest
    ) -> dict[str, Any]:
        """Answer one request of the protocol's revision 2026-07-28 with its result.

        Raises `MCPError` and `ValidationError` for what the protocol calls an error.
        """
        return await self._respond(SingleAnswer(request_id, request), method, params)

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool; errors of ours and wrong arguments are explained, anything else is logged and excused."""
        if self._tool_manager.get_tool(name) is None:
            # an error of the protocol: who asks has a list of tools that is not ours
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
    """The name of a tool for logs and traces; a model may make up another, in words of the caller."""
    return name if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) else "unknown"


@contextmanager
def _traced(name: str, context: Context[Any, Any] | None) -> Generator[Span, None, None]:
    """A call in logs and traces. The trace that the request names is believed, since its token was."""
    about: Attributes = {"tool": tool_name(name)}
    parent = None
    if (request := _request_of(context)) is not None:
        about |= {"session_id": request.claims.session_id or "", "turn_id": request.claims.turn_id}
        parent = request.traceparent
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
    details = {"error": sentence, "reason": reason} if reason else {"error": sentence}
    return CallToolResult(content=[TextContent(type="text", text=sentence)], structured_content=details, is_error=True)
