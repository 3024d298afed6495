"""How the agent reaches the tool servers: `replicas` goes to the product's own, `streamable_http` to others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from mcp_types import CallToolResult, Tool

from convonet.auth.tokens import CallerClaims
from convonet.core.ids import TurnId, UserId

ANONYMOUS = CallerClaims(UserId("00000000-0000-0000-0000-000000000000"), "", "UTC", TurnId(""))
"""For whom the list of tools is asked: it is the same for everybody."""


class ToolServers(Protocol):
    """The MCP servers of all domains. Every method raises `ToolsUnavailable` when none can be reached, and `MCPError`
    when one answers with an error of the protocol.
    """

    async def list_tools(self, server: str) -> Sequence[Tool]:
        """The tools of the server of that name."""
        ...

    async def call_tool(
        self, server: str, tool: str, arguments: dict[str, Any], *, claims: CallerClaims, idempotency_key: str
    ) -> CallToolResult:
        """Call a tool for a caller, once however often it has to be asked for.

        It takes as long as the tool does; whoever cancels it does not get the tool's effect, or gets it whole.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
