"""The part that is common to the health checks of all replicas.

Serve calls `check_health` of each replica every `health_check_period_s`. It replaces one after three checks in a row
that raise, or do not end within `health_check_timeout_s`, as when the event loop hangs. A check raises when its process
can't work any more though another one could.
"""

from __future__ import annotations

import asyncio

MAX_LOOP_LAG_S = 10.0
"""Pages give a server up that is silent for four seconds, and peers after one. So late three times in a row, a replica
serves nobody; a process that is starved for a moment is not replaced."""


class EventLoopLate(RuntimeError):
    """The event loop takes longer for one turn than any peer waits for an answer."""


async def check_event_loop(max_lag_s: float = MAX_LOOP_LAG_S) -> None:
    """Raise `EventLoopLate` when the event loop takes longer than `max_lag_s` for all that is ready to run."""
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    await asyncio.sleep(0)
    if (lag_s := loop.time() - begun_at) > max_lag_s:
        raise EventLoopLate(f"the event loop took {lag_s:.1f} s for one turn")
