"""Sentences about todos, read by rules; the first rule that fits wins.

The sentences come cleaned (`Sentence.cleaned`), in the caller's spelling or in a recognizer's.
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
    """The intent of a cleaned sentence; None when it is not about todos."""
    if listing := listing_of(sentence, now):
        return listing
    for pattern, build in _RULES:
        found = pattern.fullmatch(sentence)
        if found and (intent := build(found, now)):
            return intent
    return bare_task(sentence, now)
