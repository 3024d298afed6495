"""Background tasks with an owner: whoever spawns them cancels them or waits for them, and a crash reaches the log.

Used in place of a bare `asyncio.create_task` wherever nobody awaits the task in the function that creates it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class BackgroundTasks:
    """The tasks that one object has started and that have not ended yet."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return sum(not task.done() for task in self._tasks)

    def spawn(self, work: Coroutine[Any, Any, Result], *, own_context: bool = False) -> asyncio.Task[Result]:
        """Start `work` and keep its task until it ends; an exception that it raises is logged.

        Args:
            work: The coroutine to run.
            own_context: Run it outside the caller's context. Serve cancels what a cancelled request has started, and
                finds it by that context; log lines would carry the caller's ids.
        """
        task = asyncio.create_task(work, context=contextvars.Context() if own_context else None)
        self._tasks.add(task)
        task.add_done_callback(self._discard_finished)
        return task

    def cancel_all(self) -> None:
        """Cancel every task without waiting for its end."""
        for task in tuple(self._tasks):
            task.cancel()

    async def wait_all(self) -> None:
        """Wait until every task has ended, except the one that calls this."""
        await asyncio.gather(*(self._tasks - {asyncio.current_task()}), return_exceptions=True)

    async def cancel_and_wait(self) -> None:
        """Cancel every task and wait until all have ended."""
        self.cancel_all()
        await self.wait_all()

    def _discard_finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_task_crashed", exc_info=error)
