"""Sentences that put something on the list."""

from __future__ import annotations

import re
from datetime import datetime

from convonet.domains.todo.offline.grammar.rules import Found, rules
from convonet.domains.todo.offline.grammar.words import ITEM, LEVEL, LIST, TASK_VERBS, fields_of, priority_of
from convonet.domains.todo.offline.intents import Create, Fields, Intent
from convonet.language.when import due_at_start

MAX_TASK_WORDS = 12
"""A longer sentence that merely starts like a task is a story, not a todo."""

_NEW = (
    rf"(?:(?:an?|another|one more|the|my) )?(?:new )?(?:(?P<level>{LEVEL})[ -](?:priority )?)?{ITEM}"
    r"(?: (?:called|named|titled|saying|that says|with the title))?"
)
_MAKE = (
    r"(?:add|create|make|set up|set|new|start|write|write down|enter|record|save|give me|open|i need|schedule)(?: me)?"
)
_ADD = r"(?:add|at|and|had|ad|bed|head|can|end|put|place|stick|include|write|jot|note|append|enter|i'd|out)(?: down)?"
_NO_TITLE = re.compile(
    rf"(?:(?:an?|another|the|one more) )?(?:new )?(?:{ITEM}|something|it|that|this|to|about|of)", re.IGNORECASE
)
_NOT_A_QUESTION = (
    r"(?!(?:what|which|is|are|do (?:i|you|we|they)|does|how|who|when|where|why)\b"
    r"|(?:show|tell|read|give|get|list|check|repeat|say)\b.* (?:me|what|all|every|everything)\b)"
)


def _create(found: Found, now: datetime) -> Intent:
    said, early = due_at_start(found.groupdict().get("title") or "", now)
    fields = fields_of(said, now)
    title = None if fields.title is None or _NO_TITLE.fullmatch(fields.title) else fields.title
    level = found.groupdict().get("level")
    return Create(
        fields=Fields(
            title=title,
            due=fields.due or (str(early) if early else None),
            priority=fields.priority or (priority_of(level) if level else None),
        )
    )


def bare_task(sentence: str, now: datetime) -> Intent | None:
    """Read a task that mentions no list: "buy milk"."""
    words = sentence.split()
    if re.match(_NOT_A_QUESTION, sentence, re.IGNORECASE) is None:
        return None
    if not 2 <= len(words) <= MAX_TASK_WORDS or words[0].lower() not in TASK_VERBS or words[1].lower() == "me":
        return None
    return Create(fields=fields_of(sentence, now), certain=False)


ADDING = rules(
    _create,
    r"note to self[:,]? (?P<title>.+)",
    rf"{_ADD} (?P<title>.+ (?:to|on|onto|in|into) {LIST}(?: .+)?)",
    rf"(?:add|put|write|insert|enter) (?:to|on|onto|in) {LIST}[,:]?(?: (?P<title>.+))?",
    rf"(?:{_MAKE} )?{_NEW}[,:]?(?: (?P<title>.+))?",
    r"remind me(?: (?P<title>.+))?",
    r"(?:do not|don't)(?: let me)? forget (?P<title>.+)",
    r"(?:remember|make sure i|make sure|i must|i should|i gotta|i've got|i have got|i ought|(?:i|we) need|(?:i"
    r"|we) have)"
    r" (?P<title>to .+)",
    r"(?:make sure i|i must|i should|i gotta) (?P<title>.+)",
    r"(?:add|note|note down|write down|jot down|put down)(?: (?P<title>.+))?",
    rf"{_NOT_A_QUESTION}(?P<title>.+ (?:to|on|onto) (?:my|the) (?:[\w-]+ )*list)",
)
