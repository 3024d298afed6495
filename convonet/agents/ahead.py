"""A stream that is begun before anybody listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Runs `stream` at once, in a task of its own. Read its `items`, or `close` it."""

    def __init__(self, stream: AsyncGenerator[T, None]) -> None:
        self._inbox: asyncio.Queue[T | None] = asyncio.Queue()
        """Ended by None."""
        self._work = asyncio.create_task(self._run(stream))

    async def items(self) -> AsyncGenerator[T, None]:
        """What the stream yields; raises what it raises. To be read once."""
        try:
            while (item := await self._inbox.get()) is not None:
                yield item
            self._work.result()
        finally:
            await self.close()

    async def close(self) -> None:
        """Nobody listens any more."""
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)

    async def _run(self, stream: AsyncGenerator[T, None]) -> None:
        try:
            async with contextlib.aclosing(stream):
                async for item in stream:
                    self._inbox.put_nowait(item)
        finally:
            self._inbox.put_nowait(None)
