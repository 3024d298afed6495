"""Validation errors in words for a person; some of pydantic's own messages show a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_INSTEAD = {"string_pattern_mismatch": "is not written in a form that I can read"}


def fault_in_words(error: Mapping[str, Any]) -> str:
    """Return one of `ValidationError.errors()` as the end of a sentence."""
    words = _INSTEAD.get(error["type"], str(error["msg"]))
    return words[:1].lower() + words[1:].rstrip(".")
