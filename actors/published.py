"""A value that many follow: each gets it as it is now, then again whenever it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Published(Generic[T]):
    """Keeps no history: a follower that is slow gets the newest value only."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._version = 0
        self._closed = False
        self._changed = asyncio.Event()
        self.followers = 0

    @property
    def value(self) -> T:
        return self._value

    def publish(self, value: T) -> None:
        """Replace the value; an equal one is no news."""
        if value != self._value:
            self._value = value
            self._version += 1
            self._wake()

    def close(self) -> None:
        """Followers get the last value and then the end."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncGenerator[T, None]:
        """The value now and after each change, until it is closed."""
        self.followers += 1
        seen = -1
        try:
            while True:
                if seen != self._version:
                    seen = self._version
                    yield self._value
                elif self._closed:
                    return
                else:
                    await self._changed.wait()
        finally:
            self.followers -= 1

    def _wake(self) -> None:
        # an event per change: whoever waits on the old one wakes, however many there are
        self._changed.set()
        self._changed = asyncio.Event()
