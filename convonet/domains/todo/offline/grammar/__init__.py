"""Reads sentences about todos by rules; the first rule that fits wins.

Sentences come cleaned (`Sentence.cleaned`), as a caller typed them or as a recognizer spelled them.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from convonet.domains.todo.offline.grammar.adding import ADDING, bare_task
from convonet.domains.todo.offline.grammar.asking import ASKING, listing_of
from convonet.domains.todo.offline.grammar.finishing import FINISHING
from convonet.domains.todo.offline.grammar.updating import UPDATING
from convonet.domains.todo.offline.intents import Intent

_RULES = (*ASKING, *FINISHING, *UPDATING, *ADDING)


@lru_cache(maxsize=256)
def parse(sentence: str, now: datetime) -> Intent | None:
    """Return the intent of a cleaned sentence; None when it is not about todos."""
    if listing := listing_of(sentence, now):
        return listing
    for pattern, build in _RULES:
        found = pattern.fullmatch(sentence)
        if found and (intent := build(found, now)):
            return intent
    return bare_task(sentence, now)
