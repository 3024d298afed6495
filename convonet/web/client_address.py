"""The client's address behind proxies: the peer's, unless a trusted proxy names another one in X-Forwarded-For.

Every HTTP server of the product wraps its application in `ClientAddress`, so that `request.client` is the real client
and all limits by address count alike. Anyone may send the header, and each proxy appends its own peer: only the entries
that trusted proxies appended are believed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from functools import lru_cache

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "unknown"
"""Address of clients whose entry in the header is not an IP address. All of them count as one."""

MAX_HOPS = 16
"""Entries of the header that are read: a chain of proxies has two or three, more are forged."""

PEER = "peer"
"""Key in the ASGI scope of the address at the other end of our connection, such as HAProxy's."""

_FORWARDED_FOR = b"x-forwarded-for"
_FORWARDED_PROTO = b"x-forwarded-proto"
_SCHEMES = {"http", "https"}


class TrustedProxies:
    """The proxies whose X-Forwarded-For is believed; none unless the operator names some."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._look_up = lru_cache(maxsize=1_024)(self._contains)

    def __contains__(self, address: str) -> bool:
        return bool(self._networks) and self._look_up(address)

    def _contains(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._networks)


def hops(peer: str, forwarded_for: Sequence[str], *, behind_haproxy: bool) -> list[str]:
    """List the addresses that a request has come through, the nearest first; never empty.

    Args:
        peer: Address at the other end of our connection.
        forwarded_for: Values of all X-Forwarded-For headers, in their order.
        behind_haproxy: The peer is our own HAProxy, which has appended its own peer and does not count as a hop.
    """
    named = [entry for value in forwarded_for for entry in value.split(",") if entry.strip()]
    nearest_first = named[: -MAX_HOPS - 1 : -1]
    if not (behind_haproxy and nearest_first):
        nearest_first.insert(0, peer)
    return [_address_in(entry) for entry in nearest_first]


def source_of(hops: Sequence[str], trusted: TrustedProxies) -> str:
    """Return the nearest address that is not a trusted proxy's, or the last proxy's when all are trusted."""
    return next((address for address in hops if address not in trusted), hops[-1])


class ClientAddress:
    """ASGI middleware that sets the scope's `client` to the real client, and its scheme to a trusted proxy's."""

    def __init__(self, app: ASGIApp, trusted: TrustedProxies, *, behind_haproxy: bool = False) -> None:
        """See `hops`."""
        self._app = app
        self._trusted = trusted
        self._behind_haproxy = behind_haproxy
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Correct the scope and call the application."""
        if scope["type"] in {"http", "websocket"}:
            self._correct(scope)
        await self._app(scope, receive, send)

    def _correct(self, scope: Scope) -> None:
        peer = scope[PEER] = scope["client"][0] if scope.get("client") else UNKNOWN
        way = hops(peer, list(_values(scope, _FORWARDED_FOR)), behind_haproxy=self._behind_haproxy)
        scope["client"] = (source_of(way, self._trusted), 0)
        if way[0] in self._trusted:
            _correct_scheme(scope)
        elif len(way) > 1:
            self._warn_once(way[0])

    def _warn_once(self, peer: str) -> None:
        """Without FORWARDED_ALLOW_IPS all callers behind a proxy count as one."""
        if not self._has_warned:
            self._has_warned = True
            log.warning("forwarded_for_not_believed", peer=peer)


def _correct_scheme(scope: Scope) -> None:
    scheme = next(iter([*_values(scope, _FORWARDED_PROTO)][-1:]), "").strip()
    if scheme in _SCHEMES:
        scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme


def _values(scope: Scope, wanted: bytes) -> Iterator[str]:
    return (value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def _address_in(entry: str) -> str:
    """Read the address of an entry such as `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1` or `[2001:db8::1]:4711`."""
    text = entry.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return UNKNOWN
    return str(getattr(ip, "ipv4_mapped", None) or ip)
