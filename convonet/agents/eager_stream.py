"""A stream that runs before anybody reads it: `AgentService` asks a hosted model while the graph is still starting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class EagerStream(Generic[T]):
    """Starts `stream` at once, in a task of its own. Read its `items`, or `close` it."""

    def __init__(self, stream: AsyncGenerator[T, None]) -> None:
        self._queue: asyncio.Queue[T | None] = asyncio.Queue()
        """None marks the end."""
        self._task = asyncio.create_task(self._run(stream))

    async def items(self) -> AsyncGenerator[T, None]:
        """Yield the stream's items and raise its error. Can be read once."""
        try:
            while (item := await self._queue.get()) is not None:
                yield item
            self._task.result()
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop the stream."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, stream: AsyncGenerator[T, None]) -> None:
        try:
            async with contextlib.aclosing(stream):
                async for item in stream:
                    self._queue.put_nowait(item)
        finally:
            self._queue.put_nowait(None)
