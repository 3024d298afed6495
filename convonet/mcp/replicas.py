"""The product's own tool replicas: which there are, which of them is asked, and who is asked when one does not answer.

Each process has one connection to each replica. A call goes to the one with the least to do; when that dies or is
silent, another one is asked under the same idempotency key, so that the effect happens once.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from mcp_types import CallToolResult, ListToolsResult, Tool

from convonet.auth.tokens import CallerClaims
from convonet.errors import ConvonetError, ToolsUnavailable
from convonet.mcp.port import NOBODY
from convonet.mcp.replica import Lost, Patience, Question, Replica
from convonet.mcp.server import IDEMPOTENCY_KEY
from convonet.mcp.wire import Message, ToolAddress

log = structlog.get_logger(__name__)


EXPECTED = 2
"""Replicas of the tools everywhere: when one dies the other answers at once."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds."""

    patience: Patience = field(default_factory=Patience)
    replaced_within: float = 4.0
    """For which a call waits when there is no replica at all: a new one is there after three."""
    retry: float = 0.2
    max_retry: float = 1.0
    """Between two looks for replicas while one is missing, the first and the longest."""
    missed_for: float = 60.0
    """So long one that was there is missed; afterwards there may be fewer on purpose."""
    refresh: float = 60.0
    """Between two looks while none is missing: more may have been started."""


class ToolReplicas:
    """`ToolServers` on the product's own replicas. `close` it at the end."""

    def __init__(
        self, find: Callable[[], Awaitable[Iterable[ToolAddress]]], *, secret: bytes, delays: Delays | None = None
    ) -> None:
        """`find` tells where the replicas listen now, or raises `ConvonetError`."""
        self._find = find
        self._secret = secret
        self._delays = delays or Delays()
        self._replicas: dict[ToolAddress, Replica] = {}
        self._most = EXPECTED
        self._alone_since = 0.0
        self._missing_since = 0.0
        self._is_unknown = False
        self._is_wanted = asyncio.Event()
        self._arrival = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def list_tools(self, server: str) -> Sequence[Tool]:
        """See `ToolServers.list_tools`."""
        listed = await self._ask(server, "tools/list", {}, NOBODY)
        return ListToolsResult.model_validate(listed, by_name=False).tools

    async def call_tool(
        self, server: str, tool: str, arguments: dict[str, Any], *, claims: CallerClaims, idempotency_key: str
    ) -> CallToolResult:
        """See `ToolServers.call_tool`."""
        params = {"name": tool, "arguments": arguments, "_meta": {IDEMPOTENCY_KEY: idempotency_key}}
        answer = await self._ask(server, "tools/call", params, claims)
        return CallToolResult.model_validate(answer, by_name=False)

    async def close(self) -> None:
        """See `ToolServers.close`."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        replicas = tuple(self._replicas.values())
        for replica in replicas:
            replica.close()
        await asyncio.gather(*(replica.closed for replica in replicas), return_exceptions=True)

    # -- one request

    async def _ask(self, server: str, method: str, params: Mapping[str, Any], claims: CallerClaims) -> Message:
        self._keep_found()
        questions: list[Question] = []
        try:
            while True:
                if (replica := self._choose({question.replica for question in questions})) is not None:
                    questions.append(replica.ask(server, method, params, claims))
                elif all(question.is_lost for question in questions):
                    await self._some_replica()
                    continue
                if (answer := await self._first_answer(questions, replica)) is not None:
                    return answer
                self._miss()
        finally:
            for question in questions:
                question.replica.give_up(question)

    def _choose(self, asked: set[Replica]) -> Replica | None:
        """Another one than those, with the least to do; a silent one only when there is no other."""
        others = [replica for replica in self._replicas.values() if replica not in asked]
        return min(others, key=lambda one: (one.is_silent, one.at_work, one.asked_at), default=None)

    async def _first_answer(self, questions: Sequence[Question], newest: Replica | None) -> Message | None:
        """The first answer; None when another replica is to be asked too, since the newest does not answer."""
        answers = [question.answer for question in questions if not question.is_lost]
        if not answers:
            return None
        doubt = newest.silence if newest is not None else asyncio.ensure_future(self._arrival.wait())
        try:
            await asyncio.wait({*answers, doubt}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if newest is None:
                doubt.cancel()
        for answer in answers:
            if answer.done() and not isinstance(answer.exception(), Lost):
                return answer.result()
        return None

    async def _some_replica(self) -> None:
        """Wait until there is one. Raises `ToolsUnavailable` when there has been none for too long."""
        try:
            async with asyncio.timeout_at(self._alone_since + self._delays.replaced_within):
                await self._arrival.wait()
        except TimeoutError:
            raise ToolsUnavailable("no tool replica can be reached") from None

    # -- which replicas there are

    def _keep_found(self) -> None:
        if self._keeper is None:
            self._alone_since = self._missing_since = asyncio.get_running_loop().time()
            # not in the context of the call that comes first: Serve cancels what a cancelled call has started
            self._keeper = asyncio.create_task(self._keep(), context=contextvars.Context())

    async def _keep(self) -> None:
        """Look for replicas, soon again while one is missing."""
        delay = self._delays.retry
        while True:
            try:
                await self._look()
            except Exception:
                # the top of a task that nobody waits for: it goes on, and the log says what was in the way
                log.exception("tool_replicas_not_looked_for")
            delay = min(2 * delay, self._delays.max_retry) if self._misses_one() else self._delays.refresh
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._is_wanted.wait()
                    delay = self._delays.retry
            self._is_wanted.clear()

    async def _look(self) -> None:
        try:
            addresses = set(await self._find())
        except ConvonetError as error:
            if not self._is_unknown:
                log.warning("tool_replicas_unknown", error=str(error))
            self._is_unknown = True
            return
        self._is_unknown = False
        for address, replica in tuple(self._replicas.items()):
            if address not in addresses and replica.is_silent:
                replica.close()
            else:
                # one whose node is gone would be found out only by a call
                replica.ping()
        await asyncio.gather(*(self._connect(address) for address in addresses - self._replicas.keys()))

    async def _connect(self, address: ToolAddress) -> None:
        try:
            replica = await Replica.connect(address, self._secret, self._delays.patience, partial(self._drop, address))
        except (OSError, Lost) as error:
            log.info("tool_replica_unreachable", error=type(error).__name__)
            return
        self._replicas[address] = replica
        self._most = max(self._most, len(self._replicas))
        arrived, self._arrival = self._arrival, asyncio.Event()
        arrived.set()

    def _drop(self, address: ToolAddress) -> None:
        """The connection to it has ended."""
        if self._replicas.pop(address, None) is None:
            return
        if not self._replicas:
            self._alone_since = asyncio.get_running_loop().time()
        self._miss()

    def _miss(self) -> None:
        self._missing_since = asyncio.get_running_loop().time()
        self._is_wanted.set()

    def _misses_one(self) -> bool:
        heard = sum(not replica.is_silent for replica in self._replicas.values())
        missed_for = asyncio.get_running_loop().time() - self._missing_since
        return not heard or (heard < self._most and missed_for < self._delays.missed_for)
