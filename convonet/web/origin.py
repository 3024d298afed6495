"""Which web pages may open the WebSocket: our own, and those that a setting names."""

from __future__ import annotations

from urllib.parse import urlsplit


def origin_is_allowed(origin: str | None, host: str | None, allowed: frozenset[str]) -> bool:
    """Whether a page of `origin` may connect to the server that the client calls `host`.

    A client that is no browser sends no Origin; it can't be tricked into using somebody's login.
    """
    if origin is None:
        return True
    if origin.rstrip("/") in allowed:
        return True
    return bool(host) and urlsplit(origin).netloc == host
