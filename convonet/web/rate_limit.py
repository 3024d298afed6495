"""Token buckets: limits on the messages of a socket and on the requests of an address."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from convonet.auth.attempt_limits import network_of

MAX_ADDRESSES = 10_000
"""Addresses per limit, some 500 bytes each; the one that was seen longest ago is dropped first."""


class TokenBucket:
    """Allows `per_s` events a second on average, and up to `burst` at once."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._clock = clock
        self._refilled_at = clock()

    def take(self, size: int = 1) -> bool:
        """Take the tokens of an event of this size, the whole bucket at most; False when there are too few."""
        is_allowed = self.wait_s(size) <= 0
        if is_allowed:
            self._tokens -= min(size, self._burst)
        return is_allowed

    def give_back(self) -> None:
        """Return the token of an event that should not count."""
        self._tokens = min(self._burst, self._tokens + 1)

    def wait_s(self, size: int = 1) -> float:
        """Return the seconds until an event of this size is allowed; 0 or less when it is allowed now."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled_at) * self._per_s)
        self._refilled_at = now
        return (min(size, self._burst) - self._tokens) / self._per_s


class BucketPerAddress:
    """A token bucket for each IPv4 address or IPv6 /64 network: `max_events` in `window_s`."""

    def __init__(
        self,
        max_events: int,
        window_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_addresses: int = MAX_ADDRESSES,
    ) -> None:
        self._limit = max_events / window_s, max_events, clock
        self._max_addresses = max_addresses
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def of(self, address: str) -> TokenBucket:
        """Return the bucket of an address."""
        network = network_of(address)
        bucket = self._buckets.setdefault(network, TokenBucket(*self._limit))
        self._buckets.move_to_end(network)
        if len(self._buckets) > self._max_addresses:
            self._buckets.popitem(last=False)
        return bucket
