"""Tells this process's replica that Serve stops it, and lets it finish what it has to do first.

Serve stops a replica that is scaled down, redeployed or on a node that is drained, but Ray 2.60 tells the application
nothing of it, and behind HAProxy it closes all WebSockets `RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S` later. Two
private methods of its replica are wrapped here and nowhere else; a test fails when another release has other ones.
Called when a deployment's module is imported, which is before a replica can be stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from ray.serve._private.replica import Replica

log = structlog.get_logger(__name__)

MARGIN_S = 3.0
"""What Ray itself needs, of `graceful_shutdown_timeout_s`, to close the servers before it kills the process."""

Work = Callable[[float], Awaitable[None]]

_works: list[tuple[asyncio.AbstractEventLoop, Work]] = []


def when_stopped(work: Work) -> None:
    """Do this as soon as Serve stops the replica, in the event loop of this call.

    Args:
        work: Is told how many seconds it has. WebSockets stay open until it has ended.
    """
    _works.append((asyncio.get_running_loop(), work))


def hear_of_stops() -> None:
    """Wrap the methods; once more does nothing."""
    if not hasattr(Replica._perform_graceful_shutdown, "__wrapped__"):
        replica: Any = Replica
        replica._perform_graceful_shutdown = _stopping(replica._perform_graceful_shutdown)
        replica._drain_behind_haproxy = _draining(replica._drain_behind_haproxy)


def _stopping(perform: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def perform_after_work(replica: Any) -> None:
        within_s = max(0.0, replica._deployment_config.graceful_shutdown_timeout_s - MARGIN_S)
        # not awaited: Ray has to stop sending requests here meanwhile
        replica._convonet_work = asyncio.ensure_future(_work(within_s))
        await perform(replica)

    perform_after_work.__wrapped__ = perform  # type: ignore[attr-defined]
    return perform_after_work


def _draining(drain: Callable[[Any, float], Awaitable[None]]) -> Callable[[Any, float], Awaitable[None]]:
    async def drain_after_work(replica: Any, min_draining_period_s: float) -> None:
        await asyncio.gather(replica._convonet_work, asyncio.sleep(min_draining_period_s))
        await drain(replica, 0.0)

    drain_after_work.__wrapped__ = drain  # type: ignore[attr-defined]
    return drain_after_work


async def _work(within_s: float) -> None:
    """All works at the same time, each in its own loop: a replica's user code may have one of its own."""
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
