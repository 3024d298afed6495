"""The idempotency key of a tool call: the agent makes it, the tool servers keep a call's effect under it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from convonet.ids import TurnId

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[0-9:.]*(?:Z|[+-]\d\d:\d\d)?")


def effect_key(turn_id: TurnId, number: int, server: str, tool: str, arguments: Mapping[str, object]) -> str:
    """The key of the turn's call of this number; a repeated turn makes the same one if it asks for the same.

    A hosted model may decide otherwise when its turn is repeated: what it asks for then is another effect. At which
    moment does not count: "in ten minutes" is another one when the turn is repeated.
    """
    asked = _MOMENT.sub("", json.dumps([server, tool, arguments], sort_keys=True))
    return f"{turn_id}:{number}:{hashlib.sha256(asked.encode()).hexdigest()[:16]}"
