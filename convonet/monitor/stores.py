"""Whether the stores answer: asked by the monitor itself, one small question each every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from convonet.core.errors import StorageError
from convonet.monitor.messages import StoreView

ASK_EVERY_S = 5.0
"""Each time costs two processes a millisecond, day and night."""

ANSWER_WITHIN_S = 3.0

Kind = Literal["embedded", "redis", "postgresql"]
Name = Literal["records", "checkpoints", "database"]


class WatchedStore:
    """One store. `ask` raises `StorageError` when it is away."""

    def __init__(
        self, name: Name, kind: Kind, ask: Callable[[], Awaitable[None]], clock: Callable[[], float] = time.time
    ) -> None:
        self._name = name
        self._kind = kind
        self._ask = ask
        self._clock = clock
        self._is_there = True
        self._since = clock()
        self.progress: float | None = None
        """Of reading all that it holds, from 0 to 1; None when nothing is read."""
        self.came_back = asyncio.Event()
        """Set when it is there again after it was away; whoever waits for that clears it."""

    async def watch(self) -> None:
        """Ask for ever."""
        while True:
            await self.look()
            await asyncio.sleep(ASK_EVERY_S)

    async def look(self) -> bool:
        """Ask once; returns whether it is there."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._ask()
            is_there = True
        except (StorageError, TimeoutError):
            is_there = False
        if is_there is not self._is_there:
            self._is_there, self._since = is_there, self._clock()
            if is_there:
                self.came_back.set()
        return is_there

    def view(self, waiting: int = 0) -> StoreView:
        """How it is."""
        state: Literal["ok", "away", "reading"] = "ok" if self.progress is None else "reading"
        return StoreView(
            name=self._name,
            kind=self._kind,
            state=state if self._is_there else "away",
            since=self._since,
            progress=self.progress,
            waiting=waiting,
        )
