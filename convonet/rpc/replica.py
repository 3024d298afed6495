"""The client's side of a connection to one replica, which knows when the replica is silent.

A request may take seconds, so one without an answer proves nothing. A replica that says nothing for a moment while it
is asked something is asked for a sign of life; one that gives none hangs, or its node is gone.
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
"""A replica answers within a millisecond; one that hangs accepts connections all the same."""


class Lost(Exception):
    """The connection broke before the answer, or the replica stops and has not begun with it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds without a word, while something is asked, until a sign of life is asked for, and then until it is due.

    Together they are about a second: a caller notices no more, and an event loop on a busy machine is late by less.
    """

    ping_after: float = 0.4
    silent_after: float = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """A request on its way; `answer` is its result, or raises `RpcError` or `Lost`."""

    number: int
    replica: Replica
    answer: asyncio.Future[Message]
    on_event: Callable[[Message], None] | None
    """Takes what comes before the answer."""

    @property
    def is_lost(self) -> bool:
        return self.answer.done() and isinstance(self.answer.exception(), Lost)


class Replica(Connection):
    """An open connection; `connect` makes it."""

    def __init__(
        self,
        patience: Patience,
        on_end: Callable[[], None],
        on_voice: Callable[[], None],
        max_message_bytes: int,
    ) -> None:
        super().__init__(max_message_bytes)
        self._patience = patience
        self._on_end = on_end
        self._on_voice = on_voice
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._open: dict[int, Question] = {}
        self._quiet_since = self._loop.time()
        self._is_pinged = False
        self._watch: asyncio.TimerHandle | None = None
        self.leaves = False
        """Whether it has said that it stops."""
        self.asked_at = 0.0
        """When it was asked last."""
        self.silence: asyncio.Future[None] = self._loop.create_future()
        """Done as long as the replica is silent; a new one when it has spoken again."""
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is of no more use."""

    @classmethod
    async def connect(
        cls,
        address: Address,
        patience: Patience,
        on_end: Callable[[], None],
        *,
        on_voice: Callable[[], None] = lambda: None,
        max_message_bytes: int = wire.MAX_MESSAGE_BYTES,
    ) -> Replica:
        """Open a connection.

        Args:
            address: where the replica listens.
            patience: how long it may be silent.
            on_end: called when the connection ends.
            on_voice: called when a replica that was silent speaks again.
            max_message_bytes: longest message, either way.

        Raises `OSError` or `Lost` when nobody answers there.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, replica = await loop.create_connection(
                lambda: cls(patience, on_end, on_voice, max_message_bytes), address.host, address.port
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
    def at_work(self) -> int:
        """Questions that are not answered yet."""
        return len(self._open)

    def ask(
        self, method: str, params: Mapping[str, Any], on_event: Callable[[Message], None] | None = None
    ) -> Question:
        """Send a request. Whoever does not wait for the answer must `give_up`.

        Raises `ValueError` for what is too long, or no text.
        """
        question = Question(next(self._numbers), self, self._loop.create_future(), on_event)
        self.send({"id": question.number, "method": method, "params": params})
        self.asked_at = self._loop.time()
        if not self._open:
            # until now there was nothing to say
            self._quiet_since = self.asked_at
        self._open[question.number] = question
        if self.is_open:
            self._look_in(self._patience.ping_after)
        else:
            self._lose()
        return question

    def ping(self) -> Question:
        """Ask for a sign of life."""
        return self.ask(wire.PING, {})

    def give_up(self, question: Question) -> None:
        """Nobody waits for this answer any more: what is being done for it is not needed."""
        if self._open.pop(question.number, None) is not None:
            self.send({"method": wire.CANCELLED, "params": {"requestId": question.number}})
        if not question.answer.cancel() and not question.answer.cancelled():
            question.answer.exception()  # seen, even if it comes too late for anybody

    def message_received(self, message: Message) -> None:
        """See `Connection.message_received`."""
        self._quiet_since = self._loop.time()
        self._is_pinged = False
        if self.is_silent:
            self.silence = self._loop.create_future()
            self._look_in(self._patience.ping_after)
            log.info("replica_speaks_again")
            self._on_voice()
        number = message.get("id", 0)
        question = self._open.get(number)
        if question is None or question.answer.done():
            return
        match message:
            case {"event": dict(event)} if question.on_event is not None:
                question.on_event(event)
                return
            case {"result": dict(result)}:
                question.answer.set_result(result)
            case {"error": {"code": wire.LEAVING}}:
                self.leaves = True
                question.answer.set_exception(Lost("the replica stops"))
            case {"error": {"code": int(code), "message": str(text), **rest}}:
                question.answer.set_exception(RpcError(code, text, rest.get("data")))
            case _:
                raise ValueError("neither an event nor an answer")
        del self._open[number]

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol.connection_lost`."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        # before anybody hears of it: who asks again must not find this one
        self._on_end()
        self._lose()
        self.closed.set_result(None)

    def _look_in(self, delay_s: float) -> None:
        if self._watch is None:
            self._watch = self._loop.call_later(delay_s, self._look)

    def _look(self) -> None:
        """Runs while something is asked: notices when nothing is heard."""
        self._watch = None
        if not self._open or self.is_silent:
            return
        quiet_for = self._loop.time() - self._quiet_since
        if self._is_pinged:
            self.silence.set_result(None)
            log.warning("replica_silent", at_work=self.at_work)
        elif quiet_for < self._patience.ping_after:
            self._look_in(self._patience.ping_after - quiet_for)
        else:
            self._is_pinged = True
            # before the ping, which would look earlier
            self._look_in(self._patience.silent_after)
            self.ping()

    def _lose(self) -> None:
        for question in self._open.values():
            if not question.answer.done():
                question.answer.set_exception(Lost("the connection is closed"))
                question.answer.exception()  # seen: nobody waits for the answer to a ping
        self._open.clear()
