"""The replicas of one deployment, as another process asks them: which there are, and which of them is asked next.

Each process has one connection to each replica. Who asks goes to the one with the least to do, and to another one when
that dies or is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import ConvonetError
from convonet.rpc.replica import Lost, Patience, Replica
from convonet.rpc.wire import MAX_MESSAGE_BYTES, Address

log = structlog.get_logger(__name__)

EXPECTED = 2
"""Replicas of most deployments that are asked in this way: when one dies the other answers at once."""


class NoReplica(Exception):
    """There has been none for too long."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds."""

    patience: Patience = field(default_factory=Patience)
    replaced_within: float = 4.0
    """For which a request waits when there is no replica at all: a new one is there after three."""
    retry: float = 0.2
    max_retry: float = 1.0
    """Between two looks for replicas while one is missing, the first and the longest."""
    missed_for: float = 60.0
    """So long one that was there is missed; afterwards there may be fewer on purpose."""
    refresh: float = 60.0
    """Between two looks while none is missing: more may have been started."""


class ReplicaPool:
    """The replicas of one deployment. `close` it at the end."""

    def __init__(
        self,
        name: str,
        find: Callable[[], Awaitable[Iterable[Address]]],
        *,
        expected: int = EXPECTED,
        is_single: bool = False,
        delays: Delays | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """Connections are opened when a replica is asked for.

        Args:
            name: the deployment's.
            find: tells where its replicas listen now, or raises `ConvonetError`.
            expected: how many there are at least.
            is_single: never two at once: with a new one the connection to the one before ends.
            delays: how long what is waited for.
            max_message_bytes: longest message, either way; the replicas' servers have the same limit.
        """
        self._name = name
        self._find = find
        self._delays = delays or Delays()
        self._max_message_bytes = max_message_bytes
        self._replicas: dict[Address, Replica] = {}
        self._most = expected
        self._is_single = is_single
        self._alone_since = 0.0
        self._missing_since = 0.0
        self._is_unknown = False
        self._is_wanted = asyncio.Event()
        self._arrival = asyncio.Event()
        self._tasks = BackgroundTasks()

    async def close(self) -> None:
        """Close all connections."""
        await self._tasks.cancel_and_wait()
        replicas = tuple(self._replicas.values())
        for replica in replicas:
            replica.close()
        await asyncio.gather(*(replica.closed for replica in replicas))

    def choose(self, asked: Collection[Replica] = ()) -> Replica | None:
        """Another one than those, with the least to do; one that stops or is silent only when there is no other."""
        self.keep_found()
        others = [replica for replica in self._replicas.values() if replica not in asked]
        return min(others, key=lambda one: (one.leaves, one.is_silent, one.at_work, one.asked_at), default=None)

    def choose_ready(self, asked: Collection[Replica] = ()) -> Replica | None:
        """The same, but none that stops or is silent."""
        chosen = self.choose(asked)
        return None if chosen is None or chosen.leaves or chosen.is_silent else chosen

    async def answers(self) -> bool:
        """Whether a replica gives a sign of life now; it takes a second when one has just begun to hang."""
        asked: list[Replica] = []
        while (replica := self.choose(asked)) is not None:
            asked.append(replica)
            ping = replica.ping()
            await asyncio.wait((ping.answer, replica.silence), return_when=asyncio.FIRST_COMPLETED)
            is_heard = ping.answer.done() and not ping.is_lost
            replica.give_up(ping)
            if is_heard:
                return True
        return False

    async def arrival(self) -> None:
        """Wait until a replica has come, or one that was silent speaks again."""
        await self._arrival.wait()

    async def wait_for_any(self) -> None:
        """Wait until there is a replica. Raises `NoReplica` when there has been none for too long."""
        try:
            since = max(self._alone_since, self._missing_since)
            async with asyncio.timeout_at(since + self._delays.replaced_within):
                await self._arrival.wait()
        except TimeoutError:
            raise NoReplica("no replica can be reached") from None

    def miss(self) -> None:
        """One does not answer: look for others soon."""
        self._missing_since = asyncio.get_running_loop().time()
        self._is_wanted.set()

    def keep_found(self) -> None:
        """Begin to look for replicas, and go on until `close`."""
        if not self._tasks:
            self._alone_since = self._missing_since = asyncio.get_running_loop().time()
            self._tasks.spawn(self._keep(), own_context=True)

    async def _keep(self) -> None:
        """Look for replicas, soon again while one is missing."""
        delay = self._delays.retry
        while True:
            try:
                await self._look()
            except Exception:
                # the top of a task that nobody waits for: it goes on, and the log says what was in the way
                log.exception("replicas_not_looked_for", deployment=self._name)
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
                log.warning("replicas_unknown", deployment=self._name, error=str(error))
            self._is_unknown = True
            return
        self._is_unknown = False
        for address, replica in tuple(self._replicas.items()):
            if address not in addresses and replica.is_silent:
                replica.close()
            else:
                # one whose node is gone would be found out only by a request
                replica.ping()
        await asyncio.gather(*(self._connect(address) for address in addresses - self._replicas.keys()))

    async def _connect(self, address: Address) -> None:
        try:
            replica = await Replica.connect(
                address,
                self._delays.patience,
                partial(self._drop, address),
                on_voice=self._announce,
                max_message_bytes=self._max_message_bytes,
            )
        except (OSError, Lost) as error:
            log.info("replica_unreachable", deployment=self._name, error=type(error).__name__)
            return
        if not replica.is_open:
            return
        if self._is_single:
            for before in tuple(self._replicas.values()):
                before.close()
        self._replicas[address] = replica
        self._most = max(self._most, len(self._replicas))
        self._announce()

    def _announce(self) -> None:
        """There is a replica that can be asked."""
        arrived, self._arrival = self._arrival, asyncio.Event()
        arrived.set()

    def _drop(self, address: Address) -> None:
        """The connection to it has ended."""
        if self._replicas.pop(address, None) is None:
            return
        if not self._replicas:
            self._alone_since = asyncio.get_running_loop().time()
        self.miss()

    def _misses_one(self) -> bool:
        heard = sum(not replica.is_silent for replica in self._replicas.values())
        missed_for = asyncio.get_running_loop().time() - self._missing_since
        return not heard or (heard < self._most and missed_for < self._delays.missed_for)
