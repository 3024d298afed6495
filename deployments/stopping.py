"""Work that a replica finishes before Serve stops it, such as moving its callers.

Serve stops a replica that is scaled down, redeployed or on a node that drains. `deployments/__init__.py` calls
`watch_for_stop` in each replica, and applications register their work with `when_stopped`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from deployments.ray_compat import run_before_shutdown

log = structlog.get_logger(__name__)

MARGIN_S = 3.0
"""Ray's own share of `graceful_shutdown_timeout_s`: it closes the servers before it kills the process."""

Work = Callable[[float], Awaitable[None]]

_works: list[tuple[asyncio.AbstractEventLoop, Work]] = []


def when_stopped(work: Work) -> None:
    """Register work for the moment when Serve stops the replica; it runs in the event loop of this call.

    Args:
        work: called with the seconds that it has. WebSockets stay open until it has ended.
    """
    _works.append((asyncio.get_running_loop(), work))


def watch_for_stop() -> None:
    """Run the registered work when Serve stops this process's replica; a second call does nothing."""
    run_before_shutdown(_run_registered)


async def _run_registered(shutdown_timeout_s: float) -> None:
    """Run all registered work at the same time, each in its own loop: a replica's user code may have a separate one."""
    within_s = max(0.0, shutdown_timeout_s - MARGIN_S)
    works = [
        asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_as_coroutine(work, within_s), loop))
        for loop, work in _works
    ]
    if not works:
        return
    done, late = await asyncio.wait(works, timeout=within_s)
    for task in late:
        task.cancel()
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work_before_stop_crashed", exc_info=error)


async def _as_coroutine(work: Work, within_s: float) -> None:
    await work(within_s)
