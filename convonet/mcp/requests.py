"""MCP requests of the agents on a tool replica's own port, for the servers of all domains.

The messages are those of revision 2026-07-28, in which every request is complete by its metadata: nothing is
negotiated, and any replica can answer. The metadata also has what HTTP has in its headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import ValidationError

from convonet.auth.tokens import CallerClaims, mint_caller_token, read_caller_token
from convonet.core.errors import AuthRefused
from convonet.mcp.server import DomainServer, ToolRequest
from convonet.rpc.server import Request
from convonet.rpc.wire import Message, RpcError

SERVER = "convonet/server"
CALLER_TOKEN = "convonet/caller_token"  # noqa: S105 -- the name of an entry
TRACEPARENT = "traceparent"
"""Metadata entries of a request: the server's name, the token of the caller, and the W3C trace context."""


def with_metadata(
    params: Mapping[str, Any], *, server: str, claims: CallerClaims, secret: bytes, traceparent: str | None
) -> Message:
    """Add the metadata of a request to that server; `params` may have metadata of its own."""
    meta = {
        PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION,
        CLIENT_CAPABILITIES_META_KEY: {},
        SERVER: server,
        CALLER_TOKEN: mint_caller_token(claims, secret=secret),
        **params.get("_meta", {}),
    }
    if traceparent is not None:
        meta[TRACEPARENT] = traceparent
    return {**params, "_meta": meta}


class ToolRequests:
    """Answers requests for all servers."""

    def __init__(self, servers: Mapping[str, DomainServer], *, secret: bytes) -> None:
        self._servers = servers
        self._secret = secret

    async def answer(self, request: Request) -> Message:
        """Answer a request with its result. Raises `RpcError`."""
        try:
            server, tool_request = self._authenticate(request.params)
        except AuthRefused:
            raise RpcError(INVALID_REQUEST, "The caller's token is not valid.") from None
        if server not in self._servers:
            raise RpcError(INVALID_PARAMS, "There is no such server.")
        try:
            return await self._servers[server].respond(request.number, request.method, request.params, tool_request)
        except MCPError as error:
            raise RpcError(error.error.code, error.error.message, error.error.data) from error
        except ValidationError:
            # the details would quote the caller
            raise RpcError(INVALID_PARAMS, "Invalid request parameters") from None

    def _authenticate(self, params: Message) -> tuple[str, ToolRequest]:
        """Return the server's name and the caller. Raises `AuthRefused` without a valid token."""
        meta = params.get("_meta")
        if not isinstance(meta, dict) or not isinstance(token := meta.get(CALLER_TOKEN), str):
            raise AuthRefused("no token")
        trace = meta.get(TRACEPARENT)
        claims = read_caller_token(token, secret=self._secret)
        return str(meta.get(SERVER)), ToolRequest(claims, trace if isinstance(trace, str) else None)
