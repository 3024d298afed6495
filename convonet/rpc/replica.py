"""The client's side of a connection to one replica, with its silence detection.

A request may take seconds, so a missing answer proves nothing. A replica that sends nothing for a moment while requests
are pending gets a ping; without an answer to that it hangs, or its node has vanished.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from convonet.rpc import wire
from convonet.rpc.wire import Address, Connection, Message, RpcError

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 1.0
"""A replica answers within a millisecond; one that hangs still accepts connections."""


class ReplicaUnavailable(Exception):
    """The connection broke before the answer, or the replica is stopping and did not take the request."""


@dataclass(frozen=True, slots=True)
class SilenceTimeouts:
    """Timeouts for a replica with pending requests.

    Together they are about a second: a caller notices no more, and an event loop on a busy machine is late by less.
    """

    ping_after_s: float = 0.4
    """Without a message until it gets a ping."""
    silent_after_s: float = 0.5
    """After the ping until it counts as silent."""


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request without an answer yet; `answer` is its result, or raises `RpcError` or `ReplicaUnavailable`."""

    number: int
    replica: Replica
    answer: asyncio.Future[Message]
    on_event: Callable[[Message], None] | None
    """Called with each event before the answer."""

    @property
    def is_lost(self) -> bool:
        return self.answer.done() and isinstance(self.answer.exception(), ReplicaUnavailable)


class Replica(Connection):
    """An open connection to a replica; `connect` creates one."""

    def __init__(
        self,
        timeouts: SilenceTimeouts,
        on_end: Callable[[], None],
        on_recovery: Callable[[], None],
        max_message_bytes: int,
    ) -> None:
        super().__init__(max_message_bytes)
        self._timeouts = timeouts
        self._on_end = on_end
        self._on_recovery = on_recovery
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._pending: dict[int, PendingRequest] = {}
        self._silent_since = self._loop.time()
        self._is_pinged = False
        self._timer: asyncio.TimerHandle | None = None
        self.is_stopping = False
        self.last_request_at = 0.0
        self.silence: asyncio.Future[None] = self._loop.create_future()
        """Done while the replica is silent; a new future when it has recovered."""
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection has ended."""

    @classmethod
    async def connect(
        cls,
        address: Address,
        timeouts: SilenceTimeouts,
        on_end: Callable[[], None],
        *,
        on_recovery: Callable[[], None] = lambda: None,
        max_message_bytes: int = wire.MAX_MESSAGE_BYTES,
    ) -> Replica:
        """Open a connection.

        Args:
            address: Address of the replica.
            timeouts: How long it may be silent.
            on_end: Called when the connection ends.
            on_recovery: Called when a silent replica answers again.
            max_message_bytes: Longest message, either way.

        Raises:
            OSError: No replica listens there.
            ReplicaUnavailable: The replica does not accept the key.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, replica = await loop.create_connection(
                lambda: cls(timeouts, on_end, on_recovery, max_message_bytes), address.host, address.port
            )
            try:
                replica.send({"method": wire.HELLO, "params": {"key": address.key}})
                await replica.ping().answer
            except BaseException:
                replica.close()
                raise
        return replica

    @property
    def is_silent(self) -> bool:
        return self.silence.done()

    @property
    def in_flight(self) -> int:
        """Number of pending requests."""
        return len(self._pending)

    def send_request(
        self, method: str, params: Mapping[str, Any], on_event: Callable[[Message], None] | None = None
    ) -> PendingRequest:
        """Send a request; one whose answer is not awaited must be passed to `abandon`.

        Raises `ValueError` for a message that is too long or not valid Unicode.
        """
        request = PendingRequest(next(self._numbers), self, self._loop.create_future(), on_event)
        self.send({"id": request.number, "method": method, "params": params})
        self.last_request_at = self._loop.time()
        if not self._pending:
            # without pending requests it had nothing to send
            self._silent_since = self.last_request_at
        self._pending[request.number] = request
        if self.is_open:
            self._check_silence_in(self._timeouts.ping_after_s)
        else:
            self._fail_pending()
        return request

    def ping(self) -> PendingRequest:
        """Send a ping."""
        return self.send_request(wire.PING, {})

    def abandon(self, request: PendingRequest) -> None:
        """Cancel a request whose answer nobody awaits any more."""
        if self._pending.pop(request.number, None) is not None:
            self.send({"method": wire.CANCELLED, "params": {"requestId": request.number}})
        if not request.answer.cancel() and not request.answer.cancelled():
            request.answer.exception()  # marks it as retrieved

    def message_received(self, message: Message) -> None:
        """See `Connection.message_received`."""
        self._silent_since = self._loop.time()
        self._is_pinged = False
        if self.is_silent:
            self.silence = self._loop.create_future()
            self._check_silence_in(self._timeouts.ping_after_s)
            log.info("replica_speaks_again")
            self._on_recovery()
        number = message.get("id", 0)
        request = self._pending.get(number)
        if request is None or request.answer.done():
            return
        match message:
            case {"event": dict(event)} if request.on_event is not None:
                request.on_event(event)
                return
            case {"result": dict(result)}:
                request.answer.set_result(result)
            case {"error": {"code": wire.STOPPING}}:
                self.is_stopping = True
                request.answer.set_exception(ReplicaUnavailable("the replica stops"))
            case {"error": {"code": int(code), "message": str(text), **rest}}:
                request.answer.set_exception(RpcError(code, text, rest.get("data")))
            case _:
                raise ValueError("neither an event nor an answer")
        del self._pending[number]

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol.connection_lost`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # first: a request that is sent again must not find this replica
        self._on_end()
        self._fail_pending()
        self.closed.set_result(None)

    def _check_silence_in(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(delay_s, self._check_silence)

    def _check_silence(self) -> None:
        """Runs while requests are pending."""
        self._timer = None
        if not self._pending or self.is_silent:
            return
        silent_for_s = self._loop.time() - self._silent_since
        if self._is_pinged:
            self.silence.set_result(None)
            log.warning("replica_silent", at_work=self.in_flight)
        elif silent_for_s < self._timeouts.ping_after_s:
            self._check_silence_in(self._timeouts.ping_after_s - silent_for_s)
        else:
            self._is_pinged = True
            # before the ping, which would set an earlier timer
            self._check_silence_in(self._timeouts.silent_after_s)
            self.ping()

    def _fail_pending(self) -> None:
        for request in self._pending.values():
            if not request.answer.done():
                request.answer.set_exception(ReplicaUnavailable("the connection is closed"))
                request.answer.exception()  # marks it as retrieved: nobody awaits the answer to a ping
        self._pending.clear()
