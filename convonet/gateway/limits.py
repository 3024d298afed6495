"""The limit on the sockets of one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from convonet.auth.attempt_limits import network_of
from convonet.core.errors import CapacityError, ErrorCode
from convonet.web.client_address import TrustedProxies


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
