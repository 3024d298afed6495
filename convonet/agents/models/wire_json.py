"""Reads JSON that models write, which may hold half a UTF-16 pair or a bare line break. The vendors' files call it."""

from __future__ import annotations

import json
from typing import Any

import orjson


def read_event(data: bytes) -> Any:
    """Return an event's value.

    Some servers split an emoji into two tokens. Half of one can't be written into a request or a record, so it becomes
    a "?".

    Raises:
        ValueError: the data is no JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _without_half_pairs(json.loads(data))


def arguments_of(written: str) -> dict[str, Any] | None:
    """Read the arguments of a tool call; None when they are no complete JSON object."""
    try:
        # models do not escape line breaks in strings
        arguments = json.loads(written or "{}", strict=False)
    except ValueError:
        return None
    if not isinstance(arguments, dict):
        return None
    return dict(_without_half_pairs(arguments)) if "\\u" in written else arguments


def _without_half_pairs(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
