"""JSON-RPC 2.0 between processes of the product: over TCP, one message a line.

It goes beyond the standard in one thing: a request may be answered by events before its result, each a message with the
request's id and `event`. Names of the methods that every connection knows are those of the Model Context Protocol, so
that a tool call is MCP.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog
from pydantic_core import from_json, to_json

from convonet.rpc.keepalive import end_when_peer_is_lost

log = structlog.get_logger(__name__)

Message: TypeAlias = dict[str, Any]
"""A JSON object."""

HELLO = "hello"
"""The first message of a connection, with the server's key."""
PING = "ping"
CANCELLED = "notifications/cancelled"

MAX_MESSAGE_BYTES = 4_000_000
"""The longest list of a domain has some 50,000, the longest conversation less than a million."""

MAX_UNSENT_BYTES = 32_000_000
"""A peer that is so far behind does not read: its connection ends."""

INTERNAL_ERROR = -32603
LEAVING = -32001
"""The server stops: nothing was done, another one is to be asked."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a replica listens, and the key that opens a connection; only Serve gives it to anybody."""

    host: str
    port: int
    key: str = field(repr=False)


class RpcError(Exception):
    """A request was answered with an error; `data` is what the server adds to it."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class MessageTooLong(ValueError):
    """No other side would take a message of this length."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a message is too long: {size} bytes")


class Connection(asyncio.Protocol):
    """One end of a connection: cuts what comes into messages. A message that makes no sense ends it."""

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._transport: asyncio.Transport | None = None
        self._begun: list[bytes] = []
        """Parts of a message that is not whole yet."""
        self._begun_bytes = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, message: Message) -> None:
        """Send a message; without an open connection nothing happens.

        Raises `MessageTooLong`, and `ValueError` for what is no text.
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
        """End the connection; what was sent still leaves."""
        if self._transport is not None:
            self._transport.close()

    def message_received(self, message: Message) -> None:
        """Take a message. Raises `ValueError` for one that the other side may not send."""
        raise NotImplementedError

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        end_when_peer_is_lost(transport)

    def data_received(self, data: bytes) -> None:
        *ends, begin = data.split(b"\n")
        try:
            for end in ends:
                self._keep(end)
                line = b"".join(self._begun)
                self._begun, self._begun_bytes = [], 0
                message = from_json(line)
                if not isinstance(message, dict):
                    raise ValueError("a message is an object")
                self.message_received(message)
                if not self.is_open:
                    return
            self._keep(begin)
        except ValueError as problem:
            # nothing of the message: it may be anybody's
            log.warning("rpc_connection_refused", error=type(problem).__name__)
            if self._transport is not None:
                self._transport.abort()

    def _keep(self, part: bytes) -> None:
        self._begun.append(part)
        self._begun_bytes += len(part)
        if self._begun_bytes > self.max_message_bytes:
            raise MessageTooLong(self._begun_bytes)
