"""What a socket may do before its caller has logged in: wait for a while, and try as often as the throttle allows."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

from convonet.auth.attempt_limits import network_of
from convonet.core.errors import AuthRefused, AuthThrottled

MAX_BLOCKED_NETWORKS = 10_000
"""About 200 bytes each. Attempts of those who are forgotten go to the throttle, which refuses them as well."""

SHORT_WAIT_MS = 1_000
"""Refusals up to this length may come from a crowd at the throttle, which says nothing about an address."""


class LoginBackoff:
    """Refuses attempts of an address that has to wait, without asking the throttle again; one for each process.

    The throttle lies in another process or in Redis: a flood of attempts would keep it busy, and those who wait for
    their turn there. It says how long the wait is, and until then its answer can only be the same.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._blocked_until: OrderedDict[str, float] = OrderedDict()

    def attempts_from(self, address: str) -> LoginAttempts:
        """The attempts of one socket."""
        return LoginAttempts(self, network_of(address), self._clock)

    def blocked_until(self, network: str) -> float:
        """Until when this network has to wait; in the past when it need not."""
        return self._blocked_until.get(network, -math.inf)

    def block_until(self, until: float, network: str) -> None:
        """Remember until when a network has to wait; `until` lies in the future."""
        self._blocked_until[network] = max(until, self.blocked_until(network))
        self._blocked_until.move_to_end(network)
        for _ in range(2):  # two leave for each that comes, so it shrinks to those who have to wait
            oldest, its_end = next(iter(self._blocked_until.items()))
            if its_end > self._clock() and len(self._blocked_until) <= MAX_BLOCKED_NETWORKS:
                break
            del self._blocked_until[oldest]


class LoginAttempts:
    """See `LoginBackoff`. A socket waits for its own wrong PINs as well, which are nobody else's affair."""

    def __init__(self, backoff: LoginBackoff, network: str, clock: Callable[[], float]) -> None:
        self._backoff = backoff
        self._network = network
        self._clock = clock
        self._blocked_until = -math.inf
        self._has_failed = False

    @contextmanager
    def attempt(self) -> Generator[None, None, None]:
        """Around one attempt, from asking the throttle on. Raises `AuthThrottled` when that would only refuse it."""
        wait_s = max(self._blocked_until, self._backoff.blocked_until(self._network)) - self._clock()
        if wait_s > 0:
            raise AuthThrottled(math.ceil(wait_s * 1000))
        try:
            yield
        except AuthThrottled as refusal:
            self._wait(refusal.retry_after_ms)
            raise
        except AuthRefused:
            self._has_failed = True
            raise

    def _wait(self, wait_ms: int) -> None:
        self._blocked_until = self._clock() + wait_ms / 1000
        # where no wrong PIN of this socket is the reason, everybody at its address has to wait
        if not self._has_failed and wait_ms > SHORT_WAIT_MS:
            self._backoff.block_until(self._blocked_until, self._network)


class UnauthenticatedSockets:
    """The sockets of one process whose callers have not logged in yet.

    They may stay for a time; when there are more than there is room for, the one that has waited longest has to leave.
    So a page may show its PIN form in peace, and a stranger with a thousand silent sockets only drives out their own.
    """

    def __init__(self, *, places: int, timeout_s: float) -> None:
        self._places = places
        self._timeout_s = timeout_s
        self._waiting: OrderedDict[object, asyncio.Timeout] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def wait_for_login(self) -> AsyncGenerator[None, None]:
        """Around all that a socket does until its caller has logged in. Raises `TimeoutError` when it has to leave."""
        place = object()
        async with asyncio.timeout(self._timeout_s) as stay:
            self._waiting[place] = stay
            try:
                if len(self._waiting) > self._places:
                    self._evict_oldest()
                yield
            finally:
                self._waiting.pop(place, None)

    def _evict_oldest(self) -> None:
        _, stay = self._waiting.popitem(last=False)
        if not stay.expired():
            stay.reschedule(asyncio.get_running_loop().time())
