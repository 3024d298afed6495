"""JSON-RPC 2.0 over TCP between processes of the product, one message per line, for `replica` and `server`.

It extends the standard in one point: events may precede a result, each a message with the request's id and `event`.
The methods that every connection knows have the names of the Model Context Protocol, so that a tool call is MCP.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog
from pydantic_core import from_json, to_json

from convonet.rpc.keepalive import close_when_peer_vanishes

log = structlog.get_logger(__name__)

Message: TypeAlias = dict[str, Any]

HELLO = "hello"
"""The first message of a connection, with the server's key."""
PING = "ping"
CANCELLED = "notifications/cancelled"

MAX_MESSAGE_BYTES = 4_000_000
"""The longest list of a domain has some 50,000 bytes, the longest conversation less than a million."""

MAX_UNSENT_BYTES = 32_000_000
"""A peer that is so far behind does not read; its connection ends."""

INTERNAL_ERROR = -32603
METHOD_NOT_FOUND = -32601
STOPPING = -32001
"""Error code of a stopping server: nothing was done, ask another one."""


@dataclass(frozen=True, slots=True)
class Address:
    """A replica's host and port, and the key that opens a connection; clients get it through Serve only."""

    host: str
    port: int
    key: str = field(repr=False)


class RpcError(Exception):
    """A request was answered with an error; `data` is the server's addition."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class MessageTooLong(ValueError):
    """The peer would refuse a message of this length."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a message is too long: {size} bytes")


class Connection(asyncio.Protocol):
    """One end of a connection, which splits the stream into messages. An invalid message ends it."""

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._transport: asyncio.Transport | None = None
        self._partial: list[bytes] = []
        self._partial_bytes = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: Message) -> None:
        """Send a message; does nothing when the connection is closed.

        Raises:
            MessageTooLong: It exceeds `max_message_bytes`.
            ValueError: A string in it is not valid Unicode.
        """
        line = to_json({"jsonrpc": "2.0", **message}) + b"\n"
        if len(line) > self.max_message_bytes:
            raise MessageTooLong(len(line))
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(line)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("rpc_peer_does_not_read")
            self._transport.abort()

    def close(self) -> None:
        """Close the connection after what was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once and drop unsent messages."""
        if self._transport is not None:
            self._transport.abort()

    def message_received(self, message: Message) -> None:
        """Handle a message. Raises `ValueError` for one that the peer may not send."""
        raise NotImplementedError

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        close_when_peer_vanishes(transport)

    def data_received(self, data: bytes) -> None:
        *ends, begin = data.split(b"\n")
        try:
            for end in ends:
                self._collect(end)
                line = b"".join(self._partial)
                self._partial, self._partial_bytes = [], 0
                message = from_json(line)
                if not isinstance(message, dict):
                    raise ValueError("a message is an object")
                self.message_received(message)
                if not self.is_open:
                    return
            self._collect(begin)
        except ValueError as problem:
            # nothing of the message: it may hold a caller's words
            log.warning("rpc_connection_refused", error=type(problem).__name__)
            self.abort()

    def _collect(self, part: bytes) -> None:
        self._partial.append(part)
        self._partial_bytes += len(part)
        if self._partial_bytes > self.max_message_bytes:
            raise MessageTooLong(self._partial_bytes)
