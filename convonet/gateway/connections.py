"""The callers' sockets of one process: who is there, who may still come, and how all of them are moved elsewhere."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from convonet.core.background import BackgroundTasks
from convonet.gateway.connection import RECONNECT_GRACE_S, CallerConnection

log = structlog.get_logger(__name__)

CLOSE_MARGIN_S = 1.0
"""What closing a socket may take beyond the time that its client has for leaving."""

SHORT_DRAIN_S = 1.0
"""For telling all and for those who go at once, when nobody is waited for."""

CHECK_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the sockets that were to be moved."""

    moved: int
    stayed: int
    """Callers who talk with a human: they are moved when they come back from that."""


class Connections:
    """Every method belongs to one event loop."""

    def __init__(self, has_media_legs: Callable[[], bool]) -> None:
        """`has_media_legs` tells whether a telephone line of a talk with a human ends in this process."""
        self._has_media_legs = has_media_legs
        self._connections: set[CallerConnection] = set()
        self._leaving: set[CallerConnection] = set()
        self._tasks = BackgroundTasks()
        self._drain_is_short = False
        self.is_closed = False
        """Whether whoever comes is sent elsewhere."""

    def __len__(self) -> int:
        return len(self._connections)

    @contextmanager
    def hold(self, connection: CallerConnection) -> Generator[None, None, None]:
        """Around the life of a socket."""
        self._connections.add(connection)
        try:
            yield
        finally:
            self._connections.discard(connection)
            self._leaving.discard(connection)

    def move_from_proxy(self, address: str, within_s: float) -> None:
        """HAProxy of the node with this address is to end: whoever has come through it connects anew.

        At their next silence, after so many seconds in any case. May be called again and again.
        """
        for connection in self._connections - self._leaving:
            if connection.proxy == address:
                self._leaving.add(connection)
                self._tasks.spawn(connection.move(within_s, with_talks=True), own_context=True)

    async def move(self, within_s: float, *, before: float = math.inf, with_talks: bool = False) -> Moved:
        """Let each client connect anew at its next silence, after so many seconds in any case.

        Those who connected after `before` (Unix time) are left alone: another replica may just have sent them here.
        """
        asked = [connection for connection in self._connections if connection.connected_at < before]
        moving = [self._tasks.spawn(connection.move(within_s, with_talks=with_talks)) for connection in asked]
        if not moving:
            return Moved(0, 0)
        _, late = await asyncio.wait(moving, timeout=within_s + RECONNECT_GRACE_S + CLOSE_MARGIN_S)
        for task in late:
            task.cancel()
        return Moved(len(moving) - len(late), len(late))

    def drain_in_background(self, within_s: float) -> None:
        """Another cluster serves: send on whoever comes, and whoever is here when they fall silent.

        Whoever talks with a human is moved when that is over, however long it takes.
        """
        self.is_closed = True
        self._tasks.spawn(self._move_and_log(within_s, with_talks=False))

    async def drain(self, within_s: float) -> None:
        """This process is to stop: the same within that time, and wait until nobody is left.

        The last seconds are for clients that do not leave when they are asked to.
        """
        self.is_closed = True
        within_s = SHORT_DRAIN_S if self._drain_is_short else within_s
        try:
            async with asyncio.timeout(within_s):
                await self._move_and_log(max(0.0, within_s - RECONNECT_GRACE_S), with_talks=True)
                while self._connections or self._has_media_legs():  # noqa: ASYNC110 -- two counts that many change
                    await asyncio.sleep(CHECK_INTERVAL_S)
        except TimeoutError:
            log.info("left_before_all_had_gone", sockets=len(self._connections))

    def shorten_drain(self) -> None:
        """All of the product stops: nobody can be moved anywhere, so nobody waits for a silence."""
        self._drain_is_short = True

    async def _move_and_log(self, within_s: float, *, with_talks: bool) -> None:
        moved = await self.move(within_s, with_talks=with_talks)
        log.info("callers_moved", moved=moved.moved, stayed=moved.stayed)
