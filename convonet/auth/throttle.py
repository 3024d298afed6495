"""Who may try a PIN now: the protocol that session hosts use, and its version for one process.

The rules, and why they can't be used to lock everybody out, are in `attempt_limits`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from convonet.auth.attempt_limits import BRIEF_S, AttemptLimits
from convonet.auth.attempts import AttemptLedger
from convonet.auth.throttle_redis import RedisLedger
from convonet.errors import AuthThrottled, StorageError
from convonet.settings import Settings

log = structlog.get_logger(__name__)

PATIENCE_S = 2.0
"""How long a check waits for attempts that are just being checked: fifty colleagues behind one address are let in one
after the other, not turned away."""

MAX_WAITING = 500
"""Checks that may wait in one process; each looks again every `BRIEF_S`, about 10 us of work."""

CROWDED_RETRY_MS = 1_000


class PinThrottle(Protocol):
    """Limits attempts at PINs and passwords: `check` before each, then `failed` or `succeeded`. `address` is an IP."""

    async def check(self, session_id: str, address: str) -> None:
        """Reserve one attempt. Raises `AuthThrottled` with the time to wait."""
        ...

    async def failed(self, session_id: str, address: str) -> None:
        """The attempt was a wrong PIN."""
        ...

    async def succeeded(self, session_id: str, address: str) -> None:
        """The attempt was a right PIN."""
        ...


class LocalThrottle:
    """`PinThrottle` in the memory of one process; exact only if all attempts come here."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = AttemptLedger(AttemptLimits.of(settings), clock)
        self._waiting_room = _WaitingRoom()

    async def check(self, session_id: str, address: str) -> None:
        """See `PinThrottle.check`."""

        async def once() -> None:
            self._ledger.check(session_id, address)

        await self._waiting_room.admit(once)

    async def failed(self, session_id: str, address: str) -> None:
        """See `PinThrottle.failed`."""
        self._ledger.failed(session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `PinThrottle.succeeded`."""
        self._ledger.succeeded(session_id, address)


class RedisThrottle:
    """`PinThrottle` for a cluster with Redis. While Redis is away each process counts for itself: callers get in."""

    def __init__(
        self, url: str, settings: Settings, clock: Callable[[], float] | None = None, *, of: str = "pin"
    ) -> None:
        self._ledger = RedisLedger(url, AttemptLimits.of(settings), clock, of)
        self._waiting_room = _WaitingRoom()
        self._substitute = LocalThrottle(settings)

    async def check(self, session_id: str, address: str) -> None:
        """See `PinThrottle.check`."""
        try:
            await self._waiting_room.admit(lambda: self._ledger.check(session_id, address))
        except StorageError as error:
            log.warning("pin_throttle_local", error=str(error))
            await self._substitute.check(session_id, address)

    async def failed(self, session_id: str, address: str) -> None:
        """See `PinThrottle.failed`."""
        try:
            await self._ledger.failed(session_id, address)
        except StorageError:
            await self._substitute.failed(session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `PinThrottle.succeeded`."""
        try:
            await self._ledger.succeeded(session_id, address)
        except StorageError:
            await self._substitute.succeeded(session_id, address)


class _WaitingRoom:
    """Lets a check wait for a moment when nothing but attempts still being checked is in its way."""

    def __init__(self) -> None:
        self._waiting = 0

    async def admit(self, attempt: Callable[[], Awaitable[None]]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await attempt()
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
