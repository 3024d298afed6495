"""Finds the todo that a caller means, since their words are never quite its title."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from rapidfuzz import fuzz

from convonet.domains.todo.offline.grammar.words import TASK_VERBS
from convonet.domains.todo.offline.intents import Named

N = TypeVar("N", bound=Named)

SURE = 78.0
"""From this score, two texts differ by no more than a missing word or a sound-alike: "by milk", "the milk"."""

MAYBE = 62.0
"""From this score, it is worth asking "did you mean …": "get milk" for "buy milk"."""

CLEARLY_BETTER = 8.0
"""The best match wins alone when it leads by this much: "milk" means "buy milk", not "buy milk for the party"."""

SAME = 120.0

_NOT_LETTERS = re.compile(r"[^\w\s]")
_SMALL_WORDS = frozenset(["a", "an", "the", "my", "our", "some", "to", "of", "for", "on", "in", "at"])


def matches(words: str, todos: Sequence[N]) -> tuple[list[N], bool]:
    """Return the todos that `words` may mean, best first, and whether they fit so well that no question is needed."""
    wanted = _plain(words)
    scored = sorted(((_score(wanted, _plain(todo.title)), todo) for todo in todos), key=lambda s: -s[0])
    if not scored or scored[0][0] < MAYBE:
        return [], False
    best = scored[0][0]
    sure = best >= SURE
    close = [todo for score, todo in scored if score > best - CLEARLY_BETTER and score >= (SURE if sure else MAYBE)]
    # among todos with the same title, any one will do
    return list({_plain(todo.title): todo for todo in reversed(close)}.values())[::-1], sure


def _score(wanted: str, title: str) -> float:
    if wanted == title:
        return SAME
    (verb, _, thing), (other_verb, _, other_thing) = wanted.partition(" "), title.partition(" ")
    if verb == other_verb and verb in TASK_VERBS and thing and other_thing:
        # to call Bob is not to call Anna, however much the letters agree
        wanted, title = thing, other_thing
    together = fuzz.ratio(wanted.replace(" ", ""), title.replace(" ", ""))
    return max(0.8 * fuzz.token_set_ratio(wanted, title) + 0.2 * fuzz.token_sort_ratio(wanted, title), together)


def _plain(text: str) -> str:
    words = _NOT_LETTERS.sub(" ", text.lower().replace("'s", "")).split()
    return " ".join(word for word in words if word not in _SMALL_WORDS) or " ".join(words)
