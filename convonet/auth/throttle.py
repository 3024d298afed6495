"""The throttle of PIN and password attempts, which all logins of callers and staff check first.

The rules, and why nobody can use them to lock everybody out, are in `attempt_limits`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal, Protocol

from convonet.auth.attempt_limits import BRIEF_S, AttemptLimits
from convonet.auth.throttle_sqlite import SqliteAttempts
from convonet.core.errors import AuthThrottled
from convonet.settings import Settings

CHECK_TIMEOUT_S = 2.0
"""Longest wait for attempts that are being checked: fifty colleagues behind one address get in one after the other
instead of being refused."""

MAX_WAITING = 100
"""Waiting checks in one process; each looks again every `BRIEF_S`, which takes 0.1 ms of CPU."""

CROWDED_RETRY_MS = 1_000


class PinThrottle(Protocol):
    """Limits PIN and password attempts: call `check` before each, then `failed` or `succeeded`.

    `address` is an IP address. Every method raises `StorageError` when attempts can't be counted.
    """

    async def check(self, session_id: str, address: str) -> None:
        """Reserve one attempt. Raises `AuthThrottled` with the time to wait."""
        ...

    async def failed(self, session_id: str, address: str) -> None:
        """Count the attempt as a wrong PIN."""
        ...

    async def succeeded(self, session_id: str, address: str) -> None:
        """Settle the attempt as a right PIN."""
        ...


class AttemptStore(PinThrottle, Protocol):
    """Counts attempts: a `PinThrottle` whose `check` refuses at once instead of waiting for others."""


def throttle(settings: Settings, of: Literal["pin", "staff"]) -> PinThrottle:
    """Create the throttle for callers' PINs or staff's passwords: in Redis when REDIS_URL is set, else in a file.

    Their attempts are counted apart, so that a flood of one does not keep people out of the other.
    """
    limits = AttemptLimits.of(settings.login)
    embedded = WaitingThrottle(SqliteAttempts.in_folder(settings.storage.data_dir, limits, of))
    if not settings.storage.redis_url:
        return embedded
    # imported here: a process without Redis does without its client, a tenth of a second of imports
    from convonet.auth.throttle_redis import RedisAttempts, RedisThrottle

    return RedisThrottle(RedisAttempts(settings.storage.redis_url.get_secret_value(), limits, of), embedded)


class WaitingThrottle:
    """A `PinThrottle` whose `check` waits a moment while other attempts are being checked."""

    def __init__(self, store: AttemptStore) -> None:
        self._store = store
        self._waiting = 0

    async def check(self, session_id: str, address: str) -> None:
        """See `PinThrottle.check`."""
        deadline = time.monotonic() + CHECK_TIMEOUT_S
        while True:
            try:
                return await self._store.check(session_id, address)
            except AuthThrottled as refusal:
                if refusal.retry_after_ms > BRIEF_S * 1000:
                    raise
                if self._waiting >= MAX_WAITING or time.monotonic() > deadline:
                    raise AuthThrottled(CROWDED_RETRY_MS) from None
            self._waiting += 1
            try:
                await asyncio.sleep(BRIEF_S)
            finally:
                self._waiting -= 1

    async def failed(self, session_id: str, address: str) -> None:
        """See `PinThrottle.failed`."""
        await self._store.failed(session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `PinThrottle.succeeded`."""
        await self._store.succeeded(session_id, address)
