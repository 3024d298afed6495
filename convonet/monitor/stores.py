"""The availability of each data store; the monitor's host pings them every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from convonet.core.errors import StorageError
from convonet.monitor.messages import StoreView

PING_INTERVAL_S = 5.0
"""A ping costs two processes a millisecond, day and night."""

PING_TIMEOUT_S = 3.0

Kind = Literal["embedded", "redis", "postgresql"]
Name = Literal["records", "checkpoints", "database"]


class WatchedStore:
    """One data store and its state. `ping` raises `StorageError` when the store is down."""

    def __init__(
        self, name: Name, kind: Kind, ping: Callable[[], Awaitable[None]], clock: Callable[[], float] = time.time
    ) -> None:
        self._name = name
        self._kind = kind
        self._ping = ping
        self._clock = clock
        self._is_up = True
        self._since = clock()
        self.progress: float | None = None
        """Progress of reading all records, from 0 to 1; None when no reading is going on."""
        self.recovered = asyncio.Event()
        """Set when the store is up again after it was down; the waiting task clears it."""

    async def watch(self) -> None:
        """Ping forever."""
        while True:
            await self.check()
            await asyncio.sleep(PING_INTERVAL_S)

    async def check(self) -> bool:
        """Ping once; return whether the store is up."""
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                await self._ping()
            is_up = True
        except (StorageError, TimeoutError):
            is_up = False
        if is_up is not self._is_up:
            self._is_up, self._since = is_up, self._clock()
            if is_up:
                self.recovered.set()
        return is_up

    def view(self, waiting: int = 0) -> StoreView:
        """Return the state for the page; `waiting` is the number of records that wait to be written."""
        state: Literal["ok", "away", "reading"] = "ok" if self.progress is None else "reading"
        return StoreView(
            name=self._name,
            kind=self._kind,
            state=state if self._is_up else "away",
            since=self._since,
            progress=self.progress,
            waiting=waiting,
        )
