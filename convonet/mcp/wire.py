"""MCP between an agent and a tool replica: JSON-RPC over TCP, one message a line, as on the protocol's stdio transport.

The messages are those of revision 2026-07-28, in which every request says in its metadata all that it needs: nothing
is negotiated, and any replica may be asked at any time. What HTTP has in its headers is in the metadata too.
`listener` is the replica's side, `replica` the agent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mcp_types import CLIENT_CAPABILITIES_META_KEY, PROTOCOL_VERSION_META_KEY, ErrorData
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic_core import from_json, to_json

from convonet.auth.tokens import CallerClaims, mint_caller_token, read_caller_token
from convonet.errors import AuthRefused
from convonet.mcp.server import ToolRequest

Message: TypeAlias = dict[str, Any]
"""A JSON object of the protocol."""

SERVER = "convonet/server"
CALLER_TOKEN = "convonet/caller_token"  # noqa: S105 -- the name of an entry
TRACEPARENT = "traceparent"
"""Entries of a request's metadata: the server's name, for whom the call acts, and the W3C trace context."""

PING = "ping"
CANCELLED = "notifications/cancelled"

MAX_ANSWER_BYTES = 4_000_000
"""Of a line to the agent. The longest list of a domain has some 50,000."""


@dataclass(frozen=True, slots=True)
class ToolAddress:
    """Where a tool replica listens."""

    host: str
    port: int


def read(line: bytes) -> Message:
    """A line as a message. Raises `ValueError` when it is none."""
    message = from_json(line)
    if not isinstance(message, dict):
        raise ValueError("a message is an object")
    return message


def request(
    number: int,
    method: str,
    params: Mapping[str, Any],
    *,
    server: str,
    claims: CallerClaims,
    secret: bytes,
    traceparent: str | None,
) -> bytes:
    """The line that asks a server; `params` may have metadata of its own."""
    meta = {
        PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION,
        CLIENT_CAPABILITIES_META_KEY: {},
        SERVER: server,
        CALLER_TOKEN: mint_caller_token(claims, secret=secret),
        **params.get("_meta", {}),
    }
    if traceparent is not None:
        meta[TRACEPARENT] = traceparent
    return _line({"id": number, "method": method, "params": {**params, "_meta": meta}})


def who_asks(params: Message, *, secret: bytes) -> tuple[str, ToolRequest]:
    """The server's name, and for whom it is asked. Raises `AuthRefused` without a valid token."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or not isinstance(token := meta.get(CALLER_TOKEN), str):
        raise AuthRefused("no token")
    claims = read_caller_token(token, secret=secret)
    trace = meta.get(TRACEPARENT)
    return str(meta.get(SERVER)), ToolRequest(claims, trace if isinstance(trace, str) else None)


def result(number: int, content: Message) -> bytes:
    """The line that answers a request."""
    return _line({"id": number, "result": content})


def error(number: int, fault: ErrorData) -> bytes:
    """The line that says why a request has no result."""
    return _line({"id": number, "error": fault.model_dump(mode="json", exclude_none=True)})


def cancelled(number: int) -> bytes:
    """The line that tells a server that nobody waits for this answer any more."""
    return _line({"method": CANCELLED, "params": {"requestId": number}})


def _line(message: Message) -> bytes:
    return to_json({"jsonrpc": "2.0", **message}) + b"\n"
