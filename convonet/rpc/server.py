"""A replica's own port, for other processes of the product: they need neither the public front door nor HTTP.

A Serve handle takes 1.6 ms of CPU on each side and 3 to 4 ms of a turn; this takes 0.05. Only who knows the key is
answered, and gets it from the replica through Serve; any other connection is closed.
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
"""Requests of one connection at work; what comes on top waits here, so that pings and cancellations do not."""

MAX_HELLO_BYTES = 1_000

HELLO_TIMEOUT_S = 5.0
"""A process of ours speaks as soon as it is connected; whoever does not is none."""

TOO_LONG = RpcError(wire.INTERNAL_ERROR, "The answer is too long.")
LEAVING = RpcError(wire.LEAVING, "The server stops.")
CRASHED = RpcError(wire.INTERNAL_ERROR, "Internal server error")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `emit` sends an event before the result."""

    number: int
    method: str
    params: Message
    emit: Callable[[Message], None]


Handler = Callable[[Request], Awaitable[Message]]
"""Answers a request with its result, or raises `RpcError`. It is cancelled when nobody waits for the answer."""


class RpcServer:
    """Answers with `handler`. `start` it before use and `stop` it at the end."""

    def __init__(
        self,
        handler: Handler,
        *,
        stop_timeout_s: float,
        hello_timeout_s: float = HELLO_TIMEOUT_S,
        max_at_once: int = MAX_AT_ONCE,
        max_message_bytes: int = wire.MAX_MESSAGE_BYTES,
    ) -> None:
        """`stop_timeout_s` is for what is being done when the server stops; the two limits are for one connection."""
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
        """Finish what is being done and close all connections."""
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
    """The connection of one process: each of its requests is answered as soon as that is done."""

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
        self._max_known_bytes = max_message_bytes
        self._on_end = on_end
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(max_at_once)
        self._is_known = False
        self._stops = False
        self._late = asyncio.get_running_loop().call_later(hello_timeout_s, self.close)

    async def stop(self, timeout_s: float) -> None:
        """Answer what is being done, and close."""
        self._stops = True
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=timeout_s)
        self._cancel_all()
        self.close()

    def message_received(self, message: Message) -> None:
        """See `Connection.message_received`."""
        if not self._is_known:
            self._greet(message)
            return
        match message:
            case {"method": wire.CANCELLED, "params": {"requestId": int(number)}}:
                if (task := self._tasks.get(number)) is not None:
                    task.cancel()
            case {"id": int(number), "method": wire.PING}:
                self.send({"id": number, "result": {}})
            case {"id": int(number), "method": str()} if self._stops:
                self._send_error(number, LEAVING)
            case {"id": int(number), "method": str(method), "params": dict(params)} if number not in self._tasks:
                request = Request(number, method, params, lambda event: self.send({"id": number, "event": event}))
                task = self._tasks[number] = asyncio.create_task(self._answer(request))
                task.add_done_callback(lambda _: self._tasks.pop(number))
            case _:
                raise ValueError("neither a request nor a cancellation")

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol.connection_lost`."""
        self._late.cancel()
        self._cancel_all()
        self._on_end(self)

    def _greet(self, message: Message) -> None:
        match message:
            case {"method": wire.HELLO, "params": {"key": str(key)}} if compare_digest(key.encode(), self._key):
                self._is_known = True
                self.max_message_bytes = self._max_known_bytes
                self._late.cancel()
            case _:
                raise ValueError("not the key")

    async def _answer(self, request: Request) -> None:
        try:
            async with self._places:
                result = await self._handler(request)
            self.send({"id": request.number, "result": result})
        except RpcError as fault:
            self._send_error(request.number, fault)
        except MessageTooLong as error:
            log.error("rpc_answer_too_long", method=request.method, error=str(error))
            self._send_error(request.number, TOO_LONG)
        except Exception:
            # the top of a task: the others of this connection go on
            log.exception("rpc_request_crashed", method=request.method)
            self._send_error(request.number, CRASHED)

    def _send_error(self, number: int, fault: RpcError) -> None:
        added = {} if fault.data is None else {"data": fault.data}
        self.send({"id": number, "error": {"code": fault.code, "message": fault.message, **added}})

    def _cancel_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
