"""The tools as the agent uses them: whatever becomes of a call, there is a sentence that can be spoken."""

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
"""Bytes of a tool's name and arguments; the rest of a request is what the protocol adds."""

UNREACHABLE = "I can't reach that service right now. Please try again in a moment."
BAD_CALL = "Sorry, I couldn't do that. Please say it again."
"""A call that no server can do as it is; a model may do better, so it is told what is wrong with it."""
TIMED_OUT = "That is taking too long right now. Please try again in a moment."


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it; `parameters` is its JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered; `text` can be spoken also when it failed."""

    ok: bool
    text: str
    data: dict[str, Any]


def no_such_tool(name: str, names: Sequence[str]) -> ToolResult:
    """The result of a tool that a model has made up: it may take one of `names` instead."""
    there_are = f"there are {', '.join(names)}" if names else "there are none"
    return _wrong(name, f"There is no tool named {name}; {there_are}.")


class ToolBox:
    """All tools of this process, by the name of their server. `close` it at the end."""

    def __init__(self, servers: ToolServers, *, timeout_s: float) -> None:
        self._servers = servers
        self._timeout_s = timeout_s
        self._specs: dict[str, list[ToolSpec]] = {}

    async def list_tools(self, server: str) -> list[ToolSpec]:
        """The server's tools, asked for once. Raises `ConnectionError` when it can't be reached."""
        if server not in self._specs:
            try:
                async with asyncio.timeout(self._timeout_s):
                    listed = await self._servers.list_tools(server)
            except (TimeoutError, ToolsUnavailable, MCPError) as error:
                raise ConnectionError(f"tool server {server} is away") from error
            self._specs[server] = [ToolSpec(t.name, t.description or "", t.input_schema) for t in listed]
        return self._specs[server]

    async def call(
        self, server: str, tool: str, arguments: dict[str, object], *, claims: CallerClaims, idempotency_key: str
    ) -> ToolResult:
        """Call a tool for a caller. Never raises for a failing, slow or dead tool: the result says so in words."""
        if fault := _fault(tool, arguments):
            return _wrong(tool, fault)
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
                # the server has understood the call, and that it is none: what it has is not what was listed
                self._specs.pop(server, None)
                return _wrong(tool, error.error.message)
            return _away(tool, error)
        except ToolsUnavailable as error:
            return _away(tool, error)

    async def close(self) -> None:
        """Close all connections."""
        await self._servers.close()


def _wrong(tool: str, fault: str) -> ToolResult:
    # the fault is for the model only: it may quote the caller
    log.warning("tool_call_wrong", tool=tool_name(tool))
    return ToolResult(False, BAD_CALL, {"error": fault})


def _away(tool: str, error: Exception) -> ToolResult:
    log.warning("tool_server_away", tool=tool_name(tool), error=type(error).__name__)
    return ToolResult(False, UNREACHABLE, {})


def _fault(tool: str, arguments: Mapping[str, object]) -> str:
    """What would break the connection, which other turns use too; empty for a call that can be sent."""
    try:
        body = json.dumps([tool, arguments], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "The call holds half of a UTF-16 pair."
    return "The call is too long." if len(body) > MAX_CALL_BYTES else ""


def _result(result: CallToolResult) -> ToolResult:
    text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
    return ToolResult(not result.is_error, text, result.structured_content or {})
