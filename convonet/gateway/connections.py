"""The callers' sockets of one process. The gateway drains them when the process stops or is replaced."""

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
"""Time for closing a socket after its client's grace period."""

SHORT_DRAIN_S = 1.0
"""Length of a drain that does not wait for silence."""

CHECK_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a move."""

    moved: int
    stayed: int
    """Callers who talk with a human; they are moved after the talk."""


class Connections:
    """The open sockets. It belongs to one event loop."""

    def __init__(self, has_media_legs: Callable[[], bool]) -> None:
        """`has_media_legs` returns whether the media leg of any talk ends in this process."""
        self._has_media_legs = has_media_legs
        self._connections: set[CallerConnection] = set()
        self._leaving: set[CallerConnection] = set()
        self._tasks = BackgroundTasks()
        self._drain_is_short = False
        self.is_closed = False
        """True if new clients are sent to another process."""

    def __len__(self) -> int:
        return len(self._connections)

    @contextmanager
    def hold(self, connection: CallerConnection) -> Generator[None, None, None]:
        """Register a socket while the block runs."""
        self._connections.add(connection)
        try:
            yield
        finally:
            self._connections.discard(connection)
            self._leaving.discard(connection)

    def move_from_proxy(self, address: str, within_s: float) -> None:
        """Move the callers whose sockets pass through the HAProxy at this node address, since it will stop.

        Each is moved at the next silence, or after `within_s` seconds. May be called repeatedly.
        """
        for connection in self._connections - self._leaving:
            if connection.proxy == address:
                self._leaving.add(connection)
                self._tasks.spawn(connection.move(within_s, with_talks=True), own_context=True)

    async def move(self, within_s: float, *, before: float = math.inf, with_talks: bool = False) -> Moved:
        """Move each caller at the next silence, or after `within_s` seconds.

        Args:
            within_s: Deadline for callers who never fall silent.
            before: Unix time. Callers who connected later stay: another replica may just have sent them here.
            with_talks: Whether the deadline also ends talks with a human.
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
        """Send new clients elsewhere and move all callers, since another cluster serves now.

        Callers who talk with a human are moved after the talk, however long it takes.
        """
        self.is_closed = True
        self._tasks.spawn(self._move_and_log(within_s, with_talks=False))

    async def drain(self, within_s: float) -> None:
        """Send new clients elsewhere, move all callers within `within_s`, and wait until none is left.

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
        """Make a later `drain` short: the whole product stops, so callers can't be moved anywhere."""
        self._drain_is_short = True

    async def _move_and_log(self, within_s: float, *, with_talks: bool) -> None:
        moved = await self.move(within_s, with_talks=with_talks)
        log.info("callers_moved", moved=moved.moved, stayed=moved.stayed)
