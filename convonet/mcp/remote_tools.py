"""The agent's client of our own tool replicas.

A call whose replica dies or is silent goes to another one with the same idempotency key, so that its effect happens
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ListToolsResult, Tool

from convonet.auth.tokens import CallerClaims
from convonet.core.errors import ToolsUnavailable
from convonet.core.trace import current_traceparent
from convonet.mcp.port import ANONYMOUS
from convonet.mcp.requests import with_metadata
from convonet.mcp.server import IDEMPOTENCY_KEY
from convonet.rpc.calls import call_any_replica
from convonet.rpc.pool import NoReplica, ReplicaPool
from convonet.rpc.wire import Message, RpcError

STOP_TIMEOUT_S = 2.0
"""Time for running calls when a replica stops; the clients repeat the rest on another one, with the same key."""


class ToolReplicas:
    """`ToolServers` on our own replicas. `close` it at the end."""

    def __init__(self, pool: ReplicaPool, *, secret: bytes) -> None:
        self.pool = pool
        self._secret = secret

    async def list_tools(self, server: str) -> Sequence[Tool]:
        """See `ToolServers.list_tools`."""
        listed = await self._request(server, "tools/list", {}, ANONYMOUS)
        return ListToolsResult.model_validate(listed, by_name=False).tools

    async def call_tool(
        self, server: str, tool: str, arguments: dict[str, Any], *, claims: CallerClaims, idempotency_key: str
    ) -> CallToolResult:
        """See `ToolServers.call_tool`."""
        params = {"name": tool, "arguments": arguments, "_meta": {IDEMPOTENCY_KEY: idempotency_key}}
        answer = await self._request(server, "tools/call", params, claims)
        return CallToolResult.model_validate(answer, by_name=False)

    async def close(self) -> None:
        """See `ToolServers.close`."""
        await self.pool.close()

    async def _request(self, server: str, method: str, params: Mapping[str, Any], claims: CallerClaims) -> Message:
        request = with_metadata(
            params, server=server, claims=claims, secret=self._secret, traceparent=current_traceparent()
        )
        try:
            return await call_any_replica(self.pool, method, request)
        except RpcError as error:
            raise MCPError(error.code, error.message, error.data) from None
        except NoReplica as error:
            raise ToolsUnavailable(f"tools: {error}") from None
