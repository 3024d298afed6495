"""Who may try a PIN or a password now: the protocol of a throttle, and which ledger counts for it.

The rules, and why they can't be used to lock everybody out, are in `attempt_limits`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal, Protocol

from convonet.auth.attempt_limits import BRIEF_S, AttemptLimits
from convonet.auth.throttle_sqlite import SqliteLedger
from convonet.core.errors import AuthThrottled
from convonet.settings import Settings

PATIENCE_S = 2.0
"""How long a check waits for attempts that are just being checked: fifty colleagues behind one address are let in one
after the other, not turned away."""

MAX_WAITING = 100
"""Checks that may wait in one process; each looks again every `BRIEF_S`, which takes 0.1 ms of CPU."""

CROWDED_RETRY_MS = 1_000


class PinThrottle(Protocol):
    """Limits attempts at PINs and passwords: `check` before each, then `failed` or `succeeded`. `address` is an IP.

    Every method raises `StorageError` when attempts can't be counted.
    """

    async def check(self, session_id: str, address: str) -> None:
        """Reserve one attempt. Raises `AuthThrottled` with the time to wait."""
        ...

    async def failed(self, session_id: str, address: str) -> None:
        """The attempt was a wrong PIN."""
        ...

    async def succeeded(self, session_id: str, address: str) -> None:
        """The attempt was a right PIN."""
        ...


class Ledger(Protocol):
    """Counts attempts: as `PinThrottle`, but its `check` waits for nothing."""

    async def check(self, session_id: str, address: str) -> None:
        """Reserve one attempt. Raises `AuthThrottled` with the time after which it may be tried again."""
        ...

    async def failed(self, session_id: str, address: str) -> None:
        """The attempt that `check` let through was a wrong PIN."""
        ...

    async def succeeded(self, session_id: str, address: str) -> None:
        """The attempt that `check` let through was a right PIN."""
        ...


def throttle(settings: Settings, of: Literal["pin", "staff"]) -> PinThrottle:
    """The attempts of callers at PINs or of staff at passwords: in Redis when REDIS_URL is set, else in a file.

    Each has a ledger of its own: who floods one must not keep people out of the other.
    """
    limits = AttemptLimits.of(settings.login)
    embedded = LedgerThrottle(SqliteLedger.in_folder(settings.storage.data_dir, limits, of))
    if not settings.storage.redis_url:
        return embedded
    # imported here: a process without Redis does without its client, a tenth of a second of imports
    from convonet.auth.throttle_redis import RedisLedger, RedisThrottle

    return RedisThrottle(RedisLedger(settings.storage.redis_url.get_secret_value(), limits, of), embedded)


class LedgerThrottle:
    """`PinThrottle` on a ledger: a check waits for a moment when only attempts still being checked are in its way."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting = 0

    async def check(self, session_id: str, address: str) -> None:
        """See `PinThrottle.check`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self._ledger.check(session_id, address)
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
        await self._ledger.failed(session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `PinThrottle.succeeded`."""
        await self._ledger.succeeded(session_id, address)
