"""Timeouts of a session that nobody uses, and the moving deadline that the `SessionActor` sets from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Timeouts in seconds: `grace` without a socket, `idle` with a socket but no activity."""

    idle: float
    grace: float

    @property
    def checkpoint(self) -> float:
        """Time to live of a checkpoint: as long as the session may go on after it was written."""
        return self.idle + self.grace


class SessionDeadline:
    """The moving deadline of a session: idle time while the caller is connected, grace time while not.

    There is none while the caller talks with a human: two people may be silent as long as they like.
    """

    def __init__(self, lifetimes: Lifetimes) -> None:
        self.lifetimes = lifetimes
        self._connected = False
        self._talking = False
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def limit(self) -> AsyncGenerator[None, None]:
        """Limit the block. Raises `TimeoutError` at the deadline."""
        try:
            async with asyncio.timeout(self._span()) as self._timeout:
                yield
        finally:
            self._timeout = None

    def caller_connected(self) -> None:
        """Switch to the idle time: a socket is attached."""
        self._connected = True
        self.renew()

    def caller_disconnected(self) -> None:
        """Switch to the grace period: no socket is attached any more."""
        self._connected = False
        self.renew()

    def set_talking(self, is_talking: bool) -> None:
        """Suspend the deadline while the caller talks with a human."""
        if is_talking != self._talking:
            self._talking = is_talking
            self.renew()

    def renew(self) -> None:
        """Start the current timeout again: the session is in use."""
        if self._timeout is not None and not self._timeout.expired():
            span = self._span()
            self._timeout.reschedule(None if span is None else asyncio.get_running_loop().time() + span)

    def _span(self) -> float | None:
        if not self._connected:
            return self.lifetimes.grace
        return None if self._talking else self.lifetimes.idle
