"""Tasks whose result nobody waits for."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine

import structlog

log = structlog.get_logger(__name__)


def in_background(work: Coroutine[None, None, None], *, own_context: bool = False) -> asyncio.Task[None]:
    """Begin `work`; if it crashes, the log says so. Whoever begins it keeps the task, or it may be lost.

    With `own_context` it does not run in the context of the call that led to it: Serve cancels what a cancelled call
    has started.
    """
    task = asyncio.create_task(work, context=contextvars.Context() if own_context else None)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background_task_crashed", exc_info=error)
