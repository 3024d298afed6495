"""JSON as models write it: read fast, and read all the same where half a UTF-16 pair or a bare line break is in it."""

from __future__ import annotations

import json
from typing import Any

import orjson


def read(data: bytes) -> Any:
    """The value of an event. Raises `ValueError` for what is no JSON.

    Some servers cut emoji in two, so that each half is a token; nobody could write such a half into a request or a
    record, and it becomes a "?".
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _whole(json.loads(data))


def arguments_of(written: str) -> dict[str, Any] | None:
    """The arguments of a tool call as a model has written them; None when that is no JSON object.

    Half an object is none either: half a title is a wrong one.
    """
    try:
        # models write line breaks into strings as they are
        arguments = json.loads(written or "{}", strict=False)
    except ValueError:
        return None
    if not isinstance(arguments, dict):
        return None
    return dict(_whole(arguments)) if "\\u" in written else arguments


def _whole(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
