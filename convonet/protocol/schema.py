"""The wire contract as one JSON Schema document, from which docs/ and the page's TypeScript types are generated."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from convonet.protocol import client, server


def wire_schema() -> dict[str, Any]:
    """JSON Schema with one definition per message, and the two unions `ClientMessage` and `ServerMessage`."""
    senders = [m for m in vars(client).values() if _is_message(m, client.ClientMessage)]
    receivers = [m for m in vars(server).values() if _is_message(m, server.ServerMessage)]
    _, document = models_json_schema(
        [(m, "validation") for m in senders] + [(m, "serialization") for m in receivers],
        title="Convonet wire contract of /webrtc/ws",
    )
    definitions = document["$defs"]
    definitions["AnyClientMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in senders]}
    definitions["AnyServerMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in receivers]}
    return document


def render() -> str:
    """The document as text, stable from run to run."""
    return json.dumps(wire_schema(), indent=2, sort_keys=True) + "\n"


def _is_message(value: object, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base) and "type" in getattr(value, "model_fields", {})
