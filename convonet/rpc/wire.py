"""JSON-RPC 2.0 between processes of the product: over TCP, one message a line.

It goes beyond the standard in one thing: a request may be answered by events before its result, each a message with the
request's id and `event`. Names of the methods that every connection knows are those of the Model Context Protocol, so
that a tool call is MCP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog
from pydantic_core import from_json, to_json

log = structlog.get_logger(__name__)

Message: TypeAlias = dict[str, Any]
"""A JSON object."""

HELLO = "hello"
"""The first message of a connection, with the server's key."""
PING = "ping"
CANCELLED = "notifications/cancelled"

MAX_MESSAGE_BYTES = 4_000_000
"""The longest list of a domain has some 50,000, the longest conversation less than a million."""

MAX_UNSENT_BYTES = 16_000_000
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


def hello(key: str) -> bytes:
    """The line that begins a connection."""
    return _line({"method": HELLO, "params": {"key": key}})


def request(number: int, method: str, params: Mapping[str, Any]) -> bytes:
    """The line that asks something."""
    return _line({"id": number, "method": method, "params": params})


def event(number: int, content: Message) -> bytes:
    """The line that tells what happens before the result."""
    return _line({"id": number, "event": content})


def result(number: int, content: Message) -> bytes:
    """The line that answers a request."""
    return _line({"id": number, "result": content})


def error(number: int, fault: RpcError) -> bytes:
    """The line that says why a request has no result."""
    said: Message = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        said["data"] = fault.data
    return _line({"id": number, "error": said})


def cancelled(number: int) -> bytes:
    """The line that tells a server that nobody waits for this answer any more."""
    return _line({"method": CANCELLED, "params": {"requestId": number}})


def _line(message: Message) -> bytes:
    return to_json({"jsonrpc": "2.0", **message}) + b"\n"


class Connection(asyncio.Protocol):
    """One end of a connection: cuts what comes into messages. A message that makes no sense ends it."""

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        """Of a message that is not whole yet."""
        self._size = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, line: bytes) -> None:
        """Send a message; without an open connection nothing happens."""
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

    def data_received(self, data: bytes) -> None:
        first, *lines = data.split(b"\n")
        self._add(first)
        for line in lines:
            if not self._take():
                return
            self._add(line)
        if self._size > self.max_message_bytes:
            self._refuse("MessageTooLong")

    def _add(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)

    def _take(self) -> bool:
        """Take the message that is whole now; returns whether the connection goes on."""
        line, size = b"".join(self._parts), self._size
        self._parts, self._size = [], 0
        if size > self.max_message_bytes:
            self._refuse("MessageTooLong")
            return False
        try:
            message = from_json(line)
            if not isinstance(message, dict):
                raise ValueError("a message is an object")
            self.message_received(message)
        except ValueError as problem:
            # nothing of the message: it may be anybody's
            self._refuse(type(problem).__name__)
        return self.is_open

    def _refuse(self, why: str) -> None:
        log.warning("rpc_connection_refused", error=why)
        if self._transport is not None:
            self._transport.abort()
