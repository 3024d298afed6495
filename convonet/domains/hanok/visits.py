"""How often one address may come to the public API, and how often it may guess; counted in each replica.

Guessing is what it protects from: a code has four letters, so an address that keeps naming wrong ones has to wait.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from fastapi import Request

from convonet.auth.attempt_limits import network_of
from convonet.core.errors import NotFound
from convonet.settings.hanok import HanokSettings
from convonet.web.refusals import Refused

REQUEST_WINDOW_S = 60.0
MISS_WINDOW_S = 900.0
MISSES = 10
"""Wrong codes or phone numbers of one address in a quarter of an hour; a person mistypes two or three."""
BOOKING_WINDOW_S = 3600.0
BOOKINGS = 20
"""Reservations that one address may make in an hour: a script must not empty an evening, an office may book for all."""
MAX_ADDRESSES = 10_000
"""What is kept of each is at most a few kB; who came longest ago is forgotten first."""


class _Window:
    """Counts what an address did within the last `seconds`."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, address: str) -> float:
        """Count one more; returns what `take_back` takes."""
        times = self._times.setdefault(address, deque(maxlen=self._most))
        self._times.move_to_end(address)
        times.append(now := self._clock())
        if len(self._times) > MAX_ADDRESSES:
            self._times.popitem(last=False)
        return now

    def take_back(self, address: str, counted: float) -> None:
        """It was none after all."""
        with suppress(KeyError, ValueError):  # forgotten meanwhile
            self._times[address].remove(counted)

    def wait_s(self, address: str) -> float:
        """Seconds until there is room; 0 or less when there is."""
        times = self._times.get(address)
        if times is None or len(times) < self._most:
            return 0.0
        return times[0] + self._seconds - self._clock()


class Visits:
    """The limits of one replica."""

    def __init__(
        self,
        requests_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        misses: int = MISSES,
        bookings: int = BOOKINGS,
    ) -> None:
        self._requests = _Window(requests_per_minute, REQUEST_WINDOW_S, clock)
        self._misses = _Window(misses, MISS_WINDOW_S, clock)
        self._bookings = _Window(bookings, BOOKING_WINDOW_S, clock)

    @classmethod
    def of(cls, settings: HanokSettings) -> Visits:
        return cls(settings.requests_per_minute)

    async def admit(self, request: Request) -> None:
        """FastAPI dependency of every public route. Raises `Refused` with 429 when it was too often."""
        address = _address(request)
        _require(self._requests.wait_s(address))
        self._requests.count(address)

    async def admit_booking(self, request: Request) -> None:
        """The same for the route that makes a reservation."""
        await self.admit(request)
        address = _address(request)
        _require(self._bookings.wait_s(address))
        self._bookings.count(address)

    @contextmanager
    def guess(self, request: Request) -> Generator[None, None, None]:
        """Around a look by code: it counts as a miss until it has found something, so that none are made at once.

        Raises `Refused` with 429 when the address has missed too often.
        """
        address = _address(request)
        _require(self._misses.wait_s(address))
        miss = self._misses.count(address)
        try:
            yield
        except NotFound:
            raise
        except BaseException:
            self._misses.take_back(address, miss)
            raise
        self._misses.take_back(address, miss)


def _address(request: Request) -> str:
    return network_of(request.client.host if request.client else "unknown")


def _require(wait_s: float) -> None:
    if wait_s > 0:
        raise Refused(
            429,
            "rate_limited",
            "Too many requests from your address. Please wait a little.",
            retry_after_ms=max(1, int(wait_s * 1000)),
        )
