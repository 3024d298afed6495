"""The agent's port to the tool servers: `replicas` connects it to our own, `streamable_http` to external ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mcp_types import CallToolResult, Tool

from convonet.auth.tokens import CallerClaims
from convonet.core.ids import TurnId, UserId

ANONYMOUS = CallerClaims(UserId("00000000-0000-0000-0000-000000000000"), "", "UTC", TurnId(""))
"""Caller of requests for the list of tools, which is the same for everybody."""


class ToolServers(Protocol):
    """The MCP servers of all domains.

    Every method raises `ToolsUnavailable` when no server can be reached, and `MCPError` for protocol errors.
    """

    async def list_tools(self, server: str) -> Sequence[Tool]:
        """List the tools of a server."""
        ...

    async def call_tool(
        self, server: str, tool: str, arguments: dict[str, Any], *, claims: CallerClaims, idempotency_key: str
    ) -> CallToolResult:
        """Call a tool for a caller, with one effect even if the call has to be repeated.

        There is no timeout. A cancelled call has its whole effect or none.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
