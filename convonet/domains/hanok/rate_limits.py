"""Limits on how often one address may use the public API, and how often it may guess; counted in each replica.

A code has four letters and could be guessed, so an address that keeps naming wrong ones has to wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from fastapi import Request

from convonet.core.errors import NotFound
from convonet.settings.hanok import HanokSettings
from convonet.web.rate_limit import BucketPerAddress, TokenBucket
from convonet.web.refusals import Refused

REQUEST_WINDOW_S = 60.0
MISS_WINDOW_S = 900.0

MISSES = 10
"""Wrong codes or phone numbers of one address in a quarter of an hour; a person mistypes two or three."""
BOOKING_WINDOW_S = 3600.0

BOOKINGS = 20
"""Reservations that one address may make in an hour: a script can't fill an evening, a company can book for many."""


class AddressLimits:
    """The limits of one replica."""

    def __init__(
        self,
        requests_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        misses: int = MISSES,
        bookings: int = BOOKINGS,
    ) -> None:
        self._requests = BucketPerAddress(requests_per_minute, REQUEST_WINDOW_S, clock)
        self._misses = BucketPerAddress(misses, MISS_WINDOW_S, clock)
        self._bookings = BucketPerAddress(bookings, BOOKING_WINDOW_S, clock)

    @classmethod
    def of(cls, settings: HanokSettings) -> AddressLimits:
        return cls(settings.requests_per_minute)

    async def admit(self, request: Request) -> None:
        """FastAPI dependency of every public route. Raises `Refused` with 429 when it was too often."""
        _take(self._requests.of(_address(request)))

    async def admit_booking(self, request: Request) -> None:
        """The same for the route that makes a reservation."""
        await self.admit(request)
        _take(self._bookings.of(_address(request)))

    @contextmanager
    def guess(self, request: Request) -> Generator[None, None, None]:
        """Count a lookup by code as a miss until it has found something, so that many at once are limited too.

        Raises `Refused` with 429 when the address has missed too often.
        """
        misses = self._misses.of(_address(request))
        _take(misses)
        try:
            yield
        except NotFound:
            raise
        except BaseException:
            misses.give_back()
            raise
        misses.give_back()


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _take(bucket: TokenBucket) -> None:
    if not bucket.take():
        raise Refused(
            429,
            "rate_limited",
            "Too many requests from your address. Please wait a little.",
            retry_after_ms=max(1, int(bucket.wait_s() * 1000)),
        )
