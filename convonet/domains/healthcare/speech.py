"""Counts and lists that several healthcare tools say aloud in the same way."""

from __future__ import annotations

from convonet.domains.speech import counted

MAX_SPOKEN = 3
"""Entries that a caller can follow in one breath."""


def spoken_count(count: int, one: str, many: str, *, more: bool) -> str:
    """ "3 claims", or "more than 3 claims"."""
    return f"more than {counted(count, one, many)}" if more else counted(count, one, many)
