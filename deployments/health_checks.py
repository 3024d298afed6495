"""The part that the health checks of all replicas share.

Serve calls `check_health` of each replica every `health_check_period_s`. It replaces a replica after three consecutive
checks that raise, or that do not end within `health_check_timeout_s`, as when the event loop hangs. A check raises when
its own process can't work any more but another one could.
"""

from __future__ import annotations

import asyncio

MAX_LOOP_LAG_S = 10.0
"""A page gives up on a server after four silent seconds, and a peer after one. So a replica that exceeds this in three
consecutive checks serves nobody, while one that is starved of CPU for a moment is not replaced."""


class EventLoopLate(RuntimeError):
    """The event loop takes longer for one turn than pages and peers wait for an answer."""


async def check_event_loop(max_lag_s: float = MAX_LOOP_LAG_S) -> None:
    """Raise `EventLoopLate` when the event loop takes longer than `max_lag_s` for all that is ready to run."""
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    await asyncio.sleep(0)
    if (lag_s := loop.time() - begun_at) > max_lag_s:
        raise EventLoopLate(f"the event loop took {lag_s:.1f} s for one turn")
