"""A value with any number of followers: each gets the current value, then the newest one after each change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Published(Generic[T]):
    """Keeps no history: a slow follower gets only the newest value."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._version = 0
        self._closed = False
        self._changed = asyncio.Event()
        self.followers = 0
        self.times_followed = 0
        """Number of times that somebody began to follow: if it has not grown, nobody came back meanwhile."""

    @property
    def value(self) -> T:
        return self._value

    def publish(self, value: T) -> None:
        """Replace the value; followers don't get an equal one again."""
        if value != self._value:
            self._value = value
            self._version += 1
            self._wake()

    def close(self) -> None:
        """End all followers once they have the last value."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncGenerator[T, None]:
        """Yield the current value, then the newest one after each change, until `close`."""
        self.followers += 1
        self.times_followed += 1
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
        # a new event per change, so that all who wait on the old one wake
        self._changed.set()
        self._changed = asyncio.Event()
