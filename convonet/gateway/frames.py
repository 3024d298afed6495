"""Parse WebSocket frames of a caller into messages, or into errors that tell the client what is wrong."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from convonet.core.errors import ErrorCode, ProtocolError
from convonet.protocol.client import AnyClientMessage, AudioChunk, client_messages


def parse(text: str, *, max_bytes: int) -> AnyClientMessage:
    """Parse a JSON text frame.

    Args:
        text: The frame.
        max_bytes: Limit for messages without audio. Audio chunks are limited only by the WebSocket server, since
            an old client sends a whole recording in one.

    Raises:
        ProtocolError: message_too_large, bad_json, unknown_type or bad_field.
    """
    try:
        message = client_messages.validate_json(text)
    except ValidationError as error:
        raise _too_large(max_bytes) if len(text) > max_bytes else _explain(error, text) from None
    if len(text) > max_bytes and not isinstance(message, AudioChunk):
        raise _too_large(max_bytes)
    return message


def _too_large(max_bytes: int) -> ProtocolError:
    return ProtocolError(ErrorCode.MESSAGE_TOO_LARGE, f"A message without audio may have {max_bytes} bytes at most.")


def _explain(error: ValidationError, text: str) -> ProtocolError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    kind = first["type"]
    if kind == "json_invalid":
        return ProtocolError(ErrorCode.BAD_JSON, "The message is not JSON.")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return ProtocolError(ErrorCode.UNKNOWN_TYPE, f"Unknown message type {_type_of(text)}.")
    if not first["loc"]:
        return ProtocolError(ErrorCode.BAD_JSON, "The message is not a JSON object.")
    field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return ProtocolError(ErrorCode.BAD_FIELD, f"Field {field[:64]}: {first['msg']}.")


def _type_of(text: str) -> str:
    body: Any = json.loads(text)
    return repr(str(body.get("type"))[:32]) if isinstance(body, dict) else "(none)"
