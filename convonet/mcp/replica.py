"""The agent's side of a connection to one tool replica, which knows when the replica is silent.

A call may take seconds, so a call without an answer proves nothing. A replica that says nothing for a moment while it
is asked something is asked for a sign of life; one that gives none hangs, or its node is gone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from mcp.shared.exceptions import MCPError
from mcp_types import ErrorData

from convonet.auth.tokens import CallerClaims
from convonet.mcp import wire
from convonet.mcp.port import NOBODY
from convonet.mcp.wire import Message, ToolAddress
from convonet.tracing.spans import current_traceparent

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 1.0
"""A replica answers within a millisecond; one that hangs accepts connections all the same."""


class Lost(Exception):
    """The connection broke before the answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds without a word, while something is asked, until a sign of life is asked for, and then until it is due.

    Together they are about a second: a caller notices no more, and an event loop on a busy machine is late by less.
    """

    ping_after: float = 0.4
    silent_after: float = 0.5


@dataclass(frozen=True, slots=True)
class Question:
    """A request on its way; `answer` is its result, or raises `MCPError` or `Lost`."""

    number: int
    replica: Replica
    answer: asyncio.Future[Message]

    @property
    def is_lost(self) -> bool:
        return self.answer.done() and isinstance(self.answer.exception(), Lost)


class Replica:
    """An open connection; `connect` makes it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        secret: bytes,
        patience: Patience,
        on_end: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._secret = secret
        self._patience = patience
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._open: dict[int, Question] = {}
        self._quiet_since = self._loop.time()
        self._is_pinged = False
        self._watch: asyncio.TimerHandle | None = None
        self.asked_at = 0.0
        """When it was asked last."""
        self.silence: asyncio.Future[None] = self._loop.create_future()
        """Done as long as the replica is silent; a new one when it has spoken again."""
        self.closed = asyncio.create_task(self._read())
        """Done when the connection is of no more use."""

    @classmethod
    async def connect(
        cls, address: ToolAddress, secret: bytes, patience: Patience, on_end: Callable[[], None]
    ) -> Replica:
        """Raises `OSError` or `Lost` when nobody answers there. `on_end` is called when the connection ends."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            streams = await asyncio.open_connection(address.host, address.port, limit=wire.MAX_ANSWER_BYTES)
            replica = cls(*streams, secret, patience, on_end)
            try:
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

    def ask(self, server: str, method: str, params: Mapping[str, Any], claims: CallerClaims) -> Question:
        """Send a request. Whoever does not wait for the answer must `give_up`."""
        self.asked_at = self._loop.time()
        if not self._open:
            # until now there was nothing to say
            self._quiet_since = self.asked_at
        question = Question(next(self._numbers), self, self._loop.create_future())
        self._open[question.number] = question
        trace = current_traceparent()
        line = wire.request(
            question.number, method, params, server=server, claims=claims, secret=self._secret, traceparent=trace
        )
        if self._writer.is_closing():
            self._lose()
        else:
            self._writer.write(line)
            self._look_in(self._patience.ping_after)
        return question

    def ping(self) -> Question:
        """Ask for a sign of life."""
        return self.ask("", wire.PING, {}, NOBODY)

    def give_up(self, question: Question) -> None:
        """Nobody waits for this answer any more: what is being done for it is not needed."""
        if self._open.pop(question.number, None) is not None:
            self._writer.write(wire.cancelled(question.number))
        if not question.answer.cancel() and not question.answer.cancelled():
            question.answer.exception()  # seen, even if it comes too late for anybody

    def close(self) -> None:
        """Give the connection back."""
        self.closed.cancel()
        self._end()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._hear(wire.read(line))
        except (OSError, ValueError) as error:
            log.warning("tool_replica_broken", error=type(error).__name__)
        finally:
            self._end()

    def _hear(self, message: Message) -> None:
        self._quiet_since = self._loop.time()
        self._is_pinged = False
        if self.is_silent:
            self.silence = self._loop.create_future()
            self._look_in(self._patience.ping_after)
            log.info("tool_replica_speaks_again")
        question = self._open.pop(message.get("id", 0), None)
        if question is None or question.answer.done():
            return
        match message:
            case {"result": dict(result)}:
                question.answer.set_result(result)
            case {"error": dict(fault)}:
                question.answer.set_exception(MCPError.from_error_data(ErrorData.model_validate(fault)))
            case _:
                raise ValueError("an answer without a result")

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
            log.warning("tool_replica_silent", at_work=self.at_work)
        elif quiet_for < self._patience.ping_after:
            self._look_in(self._patience.ping_after - quiet_for)
        else:
            self._is_pinged = True
            # before the ping, which would look earlier
            self._look_in(self._patience.silent_after)
            self.ping()

    def _end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._writer.close()
        # before anybody hears of it: who asks again must not find this one
        self._on_end()
        self._lose()

    def _lose(self) -> None:
        for question in self._open.values():
            if not question.answer.done():
                question.answer.set_exception(Lost("the connection is closed"))
        self._open.clear()
