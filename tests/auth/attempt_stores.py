"""Virtual time, and stores of PIN attempts that use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from convonet.auth.attempt_limits import AttemptLimits
from convonet.auth.throttle import AttemptStore
from convonet.core.errors import AuthThrottled


@dataclass
class VirtualClock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


MakeStore = Callable[[AttemptLimits, VirtualClock], Awaitable[AttemptStore]]


async def wait_of(store: AttemptStore, session_id: str, address: str) -> int:
    """Return the milliseconds to wait by `check`; 0 when it allows the attempt."""
    try:
        await store.check(session_id, address)
    except AuthThrottled as refusal:
        return max(refusal.retry_after_ms, 1)
    return 0
