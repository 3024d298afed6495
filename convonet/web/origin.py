"""The origin check of WebSockets and staff logins: only our own pages and configured ones may connect."""

from __future__ import annotations

from urllib.parse import urlsplit


def origin_is_allowed(origin: str | None, host: str | None, allowed: frozenset[str]) -> bool:
    """Whether a page may connect.

    Args:
        origin: Origin header. Only browsers send one; other clients can't be tricked into using somebody's login.
        host: Host header.
        allowed: Origins besides our own, such as https://partner.example.
    """
    if origin is None:
        return True
    if origin.rstrip("/") in allowed:
        return True
    return bool(host) and urlsplit(origin).netloc == host
