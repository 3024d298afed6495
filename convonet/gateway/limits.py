"""The limit on the sockets of one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from convonet.auth.attempt_limits import network_of
from convonet.core.errors import CapacityError, ErrorCode
from convonet.web.client_address import TrustedProxies


class TooManySockets(CapacityError):
    """One address holds too many sockets."""

    code = ErrorCode.TOO_MANY_SESSIONS
    spoken = "Too many calls are open from your address. Please close one and try again."


class SocketsPerAddress:
    """Counts the open sockets of each address; of IPv6 each /64, since one caller owns all of it.

    A trusted proxy that does not say who is behind it may hold any number: they are many callers.
    """

    def __init__(self, max_sockets: int, trusted: TrustedProxies) -> None:
        self._max_sockets = max_sockets
        self._trusted = trusted
        self._open: Counter[str] = Counter()

    @contextmanager
    def hold(self, address: str) -> Generator[None, None, None]:
        """Count one socket in while the block runs. Raises `TooManySockets`."""
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
