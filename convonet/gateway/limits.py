"""Limits for each socket and each address, enforced by the voice gateway."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from convonet.auth.attempt_limits import network_of
from convonet.core.errors import CapacityError, ErrorCode
from convonet.web.client_address import TrustedProxies

BURST = 4
"""Seconds' worth of messages that a socket may save up: a browser that was frozen sends its slices at once."""


class MessageRate:
    """Token bucket: `per_s` messages a second, with a burst of `BURST` seconds."""

    def __init__(self, per_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._tokens = float(per_s * BURST)
        self._then = clock()

    def allow(self, size: int = 1) -> bool:
        """Take a message out of the budget, or return False. A large message counts as `size` small ones."""
        now = self._clock()
        self._tokens = min(self._per_s * BURST, self._tokens + (now - self._then) * self._per_s)
        self._then = now
        size = min(size, self._per_s * BURST)
        if self._tokens < size:
            return False
        self._tokens -= size
        return True


class TooManySockets(CapacityError):
    """The address has too many open sockets."""

    code = ErrorCode.TOO_MANY_SESSIONS
    spoken = "Too many calls are open from your address. Please close one and try again."


class SocketsPerAddress:
    """Limits the open sockets of each address, or of each /64 for IPv6, which belongs to one caller.

    A trusted proxy that does not forward the client's address has no limit, since it stands for many callers.
    """

    def __init__(self, max_sockets: int, trusted: TrustedProxies) -> None:
        self._max_sockets = max_sockets
        self._trusted = trusted
        self._open: Counter[str] = Counter()

    @contextmanager
    def hold(self, address: str) -> Generator[None, None, None]:
        """Count a socket while the block runs. Raises `TooManySockets`."""
        if address in self._trusted:
            yield
            return
        network = network_of(address)
        if self._open[network] >= self._max_sockets:
            raise TooManySockets(f"{self._max_sockets} sockets")
        self._open[network] += 1
        try:
            yield
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]
