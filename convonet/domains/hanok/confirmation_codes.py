"""Confirmation codes: short enough to be said, without letters and digits that sound or look alike."""

from __future__ import annotations

import re
import secrets

PREFIX = "HNK-"

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without I, L, O, 0 and 1. The replaced deployment used them, so codes that are read may hold them."""
_SAID = re.compile(r"(?:HNK)?([A-Z0-9]{4})")


def new_code() -> str:
    """A random code, "HNK-7K2M"."""
    return PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(4))


def code_of(said: str) -> str | None:
    """The code in "hnk 7 k 2 m" or "7K2M", or None."""
    found = _SAID.fullmatch(re.sub(r"[^A-Z0-9]", "", said.upper()))
    return PREFIX + found[1] if found else None
