"""A client's connections to the replicas of one deployment: discovery, and the choice of the next one to ask.

Each process has one connection to each replica. A request goes to the least busy one; `convonet.rpc.calls` moves it to
another one when that dies or is silent.
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
from convonet.rpc.replica import Replica, ReplicaUnavailable, SilenceTimeouts
from convonet.rpc.wire import MAX_MESSAGE_BYTES, Address

log = structlog.get_logger(__name__)

EXPECTED_REPLICAS = 2
"""Most deployments have two replicas: when one dies the other answers at once."""


class NoReplica(Exception):
    """The deployment has had no replica for too long."""


@dataclass(frozen=True, slots=True)
class PoolDelays:
    """Delays and timeouts of a pool, in seconds."""

    silence: SilenceTimeouts = field(default_factory=SilenceTimeouts)
    replacement_timeout_s: float = 4.0
    """Longest wait of a request when there is no replica at all: a new one starts within three seconds."""
    retry_s: float = 0.2
    max_retry_s: float = 1.0
    """First and longest delay between two discoveries while a replica is missing."""
    missing_for_s: float = 60.0
    """Time for which a vanished replica counts as missing; afterwards there may be fewer on purpose."""
    refresh_s: float = 60.0
    """Delay between two discoveries while none is missing: more may have been started."""


class ReplicaPool:
    """The replicas of one deployment. `close` it at the end."""

    def __init__(
        self,
        name: str,
        find: Callable[[], Awaitable[Iterable[Address]]],
        *,
        expected: int = EXPECTED_REPLICAS,
        is_single: bool = False,
        delays: PoolDelays | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """Create a pool that opens its connections at first use.

        Args:
            name: Name of the deployment, for logs.
            find: Returns the addresses of its replicas, or raises `ConvonetError`.
            expected: Fewest replicas that it should have.
            is_single: There is never more than one replica: a new one replaces the connection to the old one.
            delays: Delays and timeouts.
            max_message_bytes: Longest message, either way; the replicas' servers have the same limit.
        """
        self._name = name
        self._find = find
        self._delays = delays or PoolDelays()
        self._max_message_bytes = max_message_bytes
        self._replicas: dict[Address, Replica] = {}
        self._expected = expected
        self._is_single = is_single
        self._empty_since = 0.0
        self._missing_since = 0.0
        self._discovery_fails = False
        self._refresh = asyncio.Event()
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
        """Choose the least busy replica that is not among `asked`; a stopping or silent one only as a last resort."""
        self.start_discovery()
        others = [replica for replica in self._replicas.values() if replica not in asked]
        return min(
            others, key=lambda one: (one.is_stopping, one.is_silent, one.in_flight, one.last_request_at), default=None
        )

    def choose_ready(self, asked: Collection[Replica] = ()) -> Replica | None:
        """Choose like `choose`, but never a stopping or silent replica."""
        chosen = self.choose(asked)
        return None if chosen is None or chosen.is_stopping or chosen.is_silent else chosen

    async def is_answering(self) -> bool:
        """Whether a replica answers a ping now; takes a second when one has just begun to hang."""
        asked: list[Replica] = []
        while (replica := self.choose(asked)) is not None:
            asked.append(replica)
            ping = replica.ping()
            await asyncio.wait((ping.answer, replica.silence), return_when=asyncio.FIRST_COMPLETED)
            has_answered = ping.answer.done() and not ping.is_lost
            replica.abandon(ping)
            if has_answered:
                return True
        return False

    async def wait_for_arrival(self) -> None:
        """Wait until a new replica is connected or a silent one recovers."""
        await self._arrival.wait()

    async def wait_for_any(self) -> None:
        """Wait until there is a replica. Raises `NoReplica` when there has been none for `replacement_timeout_s`."""
        try:
            since = max(self._empty_since, self._missing_since)
            async with asyncio.timeout_at(since + self._delays.replacement_timeout_s):
                await self._arrival.wait()
        except TimeoutError:
            raise NoReplica("no replica can be reached") from None

    def refresh_soon(self) -> None:
        """A replica does not answer: discover others soon."""
        self._missing_since = asyncio.get_running_loop().time()
        self._refresh.set()

    def start_discovery(self) -> None:
        """Discover replicas from now on until `close`; does nothing the second time."""
        if not self._tasks:
            self._empty_since = self._missing_since = asyncio.get_running_loop().time()
            self._tasks.spawn(self._discover_forever(), own_context=True)

    async def _discover_forever(self) -> None:
        delay = self._delays.retry_s
        while True:
            try:
                await self._discover()
            except Exception:
                # the top of a task that nobody awaits: it goes on, and the log has the reason
                log.exception("replicas_not_looked_for", deployment=self._name)
            delay = min(2 * delay, self._delays.max_retry_s) if self._misses_one() else self._delays.refresh_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._refresh.wait()
                    delay = self._delays.retry_s
            self._refresh.clear()

    async def _discover(self) -> None:
        try:
            addresses = set(await self._find())
        except ConvonetError as error:
            if not self._discovery_fails:
                log.warning("replicas_unknown", deployment=self._name, error=str(error))
            self._discovery_fails = True
            return
        self._discovery_fails = False
        for address, replica in tuple(self._replicas.items()):
            if address not in addresses and replica.is_silent:
                replica.close()
            else:
                # without a ping, only a request would notice that its node has vanished
                replica.ping()
        await asyncio.gather(*(self._connect(address) for address in addresses - self._replicas.keys()))

    async def _connect(self, address: Address) -> None:
        try:
            replica = await Replica.connect(
                address,
                self._delays.silence,
                partial(self._drop, address),
                on_recovery=self._announce,
                max_message_bytes=self._max_message_bytes,
            )
        except (OSError, ReplicaUnavailable) as error:
            log.info("replica_unreachable", deployment=self._name, error=type(error).__name__)
            return
        if not replica.is_open:
            return
        if self._is_single:
            for before in tuple(self._replicas.values()):
                before.close()
        self._replicas[address] = replica
        self._expected = max(self._expected, len(self._replicas))
        self._announce()

    def _announce(self) -> None:
        """Wake whoever waits for a replica."""
        arrived, self._arrival = self._arrival, asyncio.Event()
        arrived.set()

    def _drop(self, address: Address) -> None:
        if self._replicas.pop(address, None) is None:
            return
        if not self._replicas:
            self._empty_since = asyncio.get_running_loop().time()
        self.refresh_soon()

    def _misses_one(self) -> bool:
        answering = sum(not replica.is_silent for replica in self._replicas.values())
        missing_for_s = asyncio.get_running_loop().time() - self._missing_since
        return not answering or (answering < self._expected and missing_for_s < self._delays.missing_for_s)
