"""Limits before login: how many sockets may wait for a login, for how long, and how often each may try."""

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
"""Blocked networks that are remembered, at 200 bytes each. Beyond that the throttle refuses the attempts."""

SHORT_WAIT_MS = 1_000
"""Waits up to this long may come from a busy throttle, and don't block an address."""


class LoginBackoff:
    """Refuses the attempts of an address that has to wait, without asking the throttle. One per process.

    The throttle is in another process or in Redis, where a flood of attempts would delay everybody else. Its refusal
    says how long to wait, and any attempt before then would be refused again.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, max_networks: int = MAX_BLOCKED_NETWORKS
    ) -> None:
        self._clock = clock
        self._max_networks = max_networks
        self._blocked_until: OrderedDict[str, float] = OrderedDict()

    def attempts_from(self, address: str) -> LoginAttempts:
        """Create the limits for one socket."""
        return LoginAttempts(self, network_of(address), self._clock)

    def blocked_until(self, network: str) -> float:
        """Return the time until which a network is blocked; in the past when it is not."""
        return self._blocked_until.get(network, -math.inf)

    def block_until(self, until: float, network: str) -> None:
        """Block a network until a time in the future."""
        self._blocked_until[network] = max(until, self.blocked_until(network))
        self._blocked_until.move_to_end(network)
        for _ in range(2):  # up to two are dropped for each one added, so that no expired ones pile up
            oldest, oldest_until = next(iter(self._blocked_until.items()))
            if oldest_until > self._clock() and len(self._blocked_until) <= self._max_networks:
                break
            del self._blocked_until[oldest]


class LoginAttempts:
    """The login attempts of one socket; see `LoginBackoff`. Its own wrong PINs block only this socket."""

    def __init__(self, backoff: LoginBackoff, network: str, clock: Callable[[], float]) -> None:
        self._backoff = backoff
        self._network = network
        self._clock = clock
        self._blocked_until = -math.inf
        self._has_failed = False

    @contextmanager
    def attempt(self) -> Generator[None, None, None]:
        """Wrap an attempt, including the call to the throttle. Raises `AuthThrottled` when it would be refused."""
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
        # the reason is not a wrong PIN of this socket, so the throttle has blocked the whole address
        if not self._has_failed and wait_ms > SHORT_WAIT_MS:
            self._backoff.block_until(self._blocked_until, self._network)


class UnauthenticatedSockets:
    """The sockets of one process whose callers have not logged in yet.

    Each is closed after a timeout. When there are too many, the oldest is closed. So a page may show its PIN form for a
    while, and a stranger with a thousand silent sockets mostly evicts their own.
    """

    def __init__(self, *, places: int, timeout_s: float) -> None:
        self._places = places
        self._timeout_s = timeout_s
        self._waiting: OrderedDict[object, asyncio.Timeout] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def wait_for_login(self) -> AsyncGenerator[None, None]:
        """Wrap the time until login. Raises `TimeoutError` when the socket must be closed."""
        place = object()
        async with asyncio.timeout(self._timeout_s) as timeout:
            self._waiting[place] = timeout
            try:
                if len(self._waiting) > self._places:
                    self._evict_oldest()
                yield
            finally:
                self._waiting.pop(place, None)

    def _evict_oldest(self) -> None:
        _, timeout = self._waiting.popitem(last=False)
        if not timeout.expired():
            timeout.reschedule(asyncio.get_running_loop().time())
