"""A replica's own port, where other processes of the product send their requests without Serve's proxy.

A Serve handle takes 1.6 ms of CPU on each side and 3 to 4 ms of a turn; this takes 0.05. A client needs the key, which
it gets from the replica through Serve; any other connection is closed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest

import structlog

from convonet.rpc import wire
from convonet.rpc.wire import Address, Connection, Message, MessageTooLong, RpcError

log = structlog.get_logger(__name__)

MAX_AT_ONCE = 200
"""Concurrent requests of one connection. Further ones wait here, so that pings and cancellations need not."""

MAX_HELLO_BYTES = 1_000

HELLO_TIMEOUT_S = 5.0
"""Our processes send their key as soon as they are connected."""

TOO_LONG = RpcError(wire.INTERNAL_ERROR, "The answer is too long.")
STOPPING = RpcError(wire.STOPPING, "The server stops.")
CRASHED = RpcError(wire.INTERNAL_ERROR, "Internal server error")


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a handler; `emit` sends an event before the result."""

    number: int
    method: str
    params: Message
    emit: Callable[[Message], None]


Handler = Callable[[Request], Awaitable[Message]]
"""Returns the result of a request or raises `RpcError`; cancelled when nobody awaits the answer any more."""


class RpcServer:
    """Serves requests with `handler`. `start` it before use and `stop` it at the end."""

    def __init__(
        self,
        handler: Handler,
        *,
        stop_timeout_s: float,
        hello_timeout_s: float = HELLO_TIMEOUT_S,
        max_at_once: int = MAX_AT_ONCE,
        max_message_bytes: int = wire.MAX_MESSAGE_BYTES,
    ) -> None:
        """Create a server.

        Args:
            handler: Answers each request.
            stop_timeout_s: Time for running requests when the server stops.
            hello_timeout_s: Time for a client to send its key.
            max_at_once: Concurrent requests per connection.
            max_message_bytes: Longest message, either way.
        """
        self._handler = handler
        self._stop_timeout_s = stop_timeout_s
        self._hello_timeout_s = hello_timeout_s
        self._max_at_once = max_at_once
        self._max_message_bytes = max_message_bytes
        self._key = secrets.token_urlsafe(24)
        self._listening: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    async def start(self, host: str) -> Address:
        """Listen on this address only, on any port."""
        self._listening = await asyncio.get_running_loop().create_server(self._new_client, host, 0)
        host, port = self._listening.sockets[0].getsockname()[:2]
        return Address(host, port, self._key)

    def check_listening(self) -> None:
        """Raise `RuntimeError` when nobody can connect any more."""
        if self._listening is None or not self._listening.is_serving():
            raise RuntimeError("the replica's own port is closed")

    async def stop(self) -> None:
        """Finish running requests and close all connections."""
        if self._listening is not None:
            self._listening.close()
        await asyncio.gather(*(client.stop(self._stop_timeout_s) for client in tuple(self._clients)))

    def _new_client(self) -> _Client:
        client = _Client(
            self._handler,
            self._key,
            hello_timeout_s=self._hello_timeout_s,
            max_at_once=self._max_at_once,
            max_message_bytes=self._max_message_bytes,
            on_end=self._clients.discard,
        )
        self._clients.add(client)
        return client


class _Client(Connection):
    """The connection of one client process; its requests are answered in the order in which they are done."""

    def __init__(
        self,
        handler: Handler,
        key: str,
        *,
        hello_timeout_s: float,
        max_at_once: int,
        max_message_bytes: int,
        on_end: Callable[[_Client], None],
    ) -> None:
        super().__init__(MAX_HELLO_BYTES)
        self._handler = handler
        self._key = key.encode()
        self._max_authenticated_bytes = max_message_bytes
        self._on_end = on_end
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(max_at_once)
        self._is_authenticated = False
        self._is_stopping = False
        self._hello_timer = asyncio.get_running_loop().call_later(hello_timeout_s, self.close)

    async def stop(self, timeout_s: float) -> None:
        """Finish running requests and close."""
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=timeout_s)
        self._cancel_all()
        self.close()

    def message_received(self, message: Message) -> None:
        """See `Connection.message_received`."""
        if not self._is_authenticated:
            self._authenticate(message)
            return
        match message:
            case {"method": wire.CANCELLED, "params": {"requestId": int(number)}}:
                if (task := self._tasks.get(number)) is not None:
                    task.cancel()
            case {"id": int(number), "method": wire.PING}:
                self.send({"id": number, "result": {}})
            case {"id": int(number), "method": str()} if self._is_stopping:
                self._send_error(number, STOPPING)
            case {"id": int(number), "method": str(method), "params": dict(params)} if number not in self._tasks:
                request = Request(number, method, params, lambda event: self.send({"id": number, "event": event}))
                task = self._tasks[number] = asyncio.create_task(self._answer(request))
                task.add_done_callback(lambda _: self._tasks.pop(number))
            case _:
                raise ValueError("neither a request nor a cancellation")

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol.connection_lost`."""
        self._hello_timer.cancel()
        self._cancel_all()
        self._on_end(self)

    def _authenticate(self, message: Message) -> None:
        match message:
            case {"method": wire.HELLO, "params": {"key": str(key)}} if compare_digest(key.encode(), self._key):
                self._is_authenticated = True
                self.max_message_bytes = self._max_authenticated_bytes
                self._hello_timer.cancel()
            case _:
                raise ValueError("not the key")

    async def _answer(self, request: Request) -> None:
        try:
            async with self._slots:
                result = await self._handler(request)
            self.send({"id": request.number, "result": result})
        except RpcError as fault:
            self._send_error(request.number, fault)
        except MessageTooLong as error:
            log.error("rpc_answer_too_long", method=request.method, error=str(error))
            self._send_error(request.number, TOO_LONG)
        except Exception:
            # the top of a task: the other requests of this connection go on
            log.exception("rpc_request_crashed", method=request.method)
            self._send_error(request.number, CRASHED)

    def _send_error(self, number: int, fault: RpcError) -> None:
        added = {} if fault.data is None else {"data": fault.data}
        self.send({"id": number, "error": {"code": fault.code, "message": fault.message, **added}})

    def _cancel_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
