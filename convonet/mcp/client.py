"""The tools as the agent calls them: every call returns a sentence that can be spoken, even when it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND, CallToolResult, TextContent

from convonet.auth.tokens import CallerClaims
from convonet.core.errors import ToolsUnavailable
from convonet.mcp.port import ToolServers
from convonet.mcp.server import MAX_BODY_BYTES, tool_name

log = structlog.get_logger(__name__)

MAX_CALL_BYTES = MAX_BODY_BYTES - 2048
"""Largest tool name plus arguments, which leaves room for the rest of the request."""

UNREACHABLE = "I can't reach that service right now. Please try again in a moment."
BAD_CALL = "Sorry, I couldn't do that. Please say it again."
"""Spoken for an invalid call; the model gets the reason and may correct the call."""
TIMED_OUT = "That is taking too long right now. Please try again in a moment."


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it; `parameters` is its JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool; its `text` can be spoken, even when it failed."""

    ok: bool
    text: str
    data: dict[str, Any]


def no_such_tool(name: str, names: Sequence[str]) -> ToolResult:
    """Create the result for a tool that a model has made up; it lists the tools of `names`."""
    available = f"there are {', '.join(names)}" if names else "there are none"
    return _bad_call(name, f"There is no tool named {name}; {available}.")


class ToolBox:
    """All tools of this process, by the name of their server. `close` it at the end."""

    def __init__(self, servers: ToolServers, *, timeout_s: float) -> None:
        self._servers = servers
        self._timeout_s = timeout_s
        self._specs: dict[str, list[ToolSpec]] = {}

    async def list_tools(self, server: str) -> list[ToolSpec]:
        """List the tools of a server, cached after the first time. Raises `ConnectionError` when it is unreachable."""
        if server not in self._specs:
            try:
                async with asyncio.timeout(self._timeout_s):
                    listed = await self._servers.list_tools(server)
            except (TimeoutError, ToolsUnavailable, MCPError) as error:
                raise ConnectionError(f"tool server {server} is unreachable") from error
            self._specs[server] = [ToolSpec(t.name, t.description or "", t.input_schema) for t in listed]
        return self._specs[server]

    async def call(
        self, server: str, tool: str, arguments: dict[str, object], *, claims: CallerClaims, idempotency_key: str
    ) -> ToolResult:
        """Call a tool for a caller. When it fails, is slow or can't be reached, the result says so in words."""
        if fault := _fault(tool, arguments):
            return _bad_call(tool, fault)
        try:
            async with asyncio.timeout(self._timeout_s):
                return _result(
                    await self._servers.call_tool(
                        server, tool, arguments, claims=claims, idempotency_key=idempotency_key
                    )
                )
        except TimeoutError:
            log.warning("tool_timed_out", tool=tool_name(tool))
            return ToolResult(False, TIMED_OUT, {})
        except MCPError as error:
            if error.code in {INVALID_PARAMS, METHOD_NOT_FOUND}:
                # the server does not know the tool or its arguments: the listed tools are out of date
                self._specs.pop(server, None)
                return _bad_call(tool, error.error.message)
            return _unreachable(tool, error)
        except ToolsUnavailable as error:
            return _unreachable(tool, error)

    async def close(self) -> None:
        """Close all connections."""
        await self._servers.close()


def _bad_call(tool: str, fault: str) -> ToolResult:
    # not in the log: the fault may quote the caller
    log.warning("tool_call_wrong", tool=tool_name(tool))
    return ToolResult(False, BAD_CALL, {"error": fault})


def _unreachable(tool: str, error: Exception) -> ToolResult:
    log.warning("tool_server_away", tool=tool_name(tool), error=type(error).__name__)
    return ToolResult(False, UNREACHABLE, {})


def _fault(tool: str, arguments: Mapping[str, object]) -> str:
    """Describe why a call can't be sent, which would break a shared connection; empty when it can."""
    try:
        body = json.dumps([tool, arguments], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "The call holds half of a UTF-16 pair."
    return "The call is too long." if len(body) > MAX_CALL_BYTES else ""


def _result(result: CallToolResult) -> ToolResult:
    text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
    return ToolResult(not result.is_error, text, result.structured_content or {})
