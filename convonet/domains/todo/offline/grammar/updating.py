"""Sentences that change a todo's title, due date or priority."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from convonet.domains.todo.offline.grammar.rules import Found, rules
from convonet.domains.todo.offline.grammar.words import PRIORITY, priority_of, target_of
from convonet.domains.todo.offline.intents import Change, Fields, Intent
from convonet.language.when import due_at_end, due_of

Wanted = Literal["title", "due", "priority", "anything"]

_FIELDS: dict[str, Wanted] = {
    "rename": "title",
    "call": "title",
    "name": "title",
    "title": "title",
    "text": "title",
    "due date": "due",
    "due time": "due",
    "date": "due",
    "deadline": "due",
    "time": "due",
    "reschedule": "due",
    "postpone": "due",
    "priority": "priority",
}
_FIELD = r"(?P<field>name|title|text|due date|due time|date|deadline|time|priority)"
_NOT_A_QUESTION = r"(?!(?:what|which|that's|how|when|who|there|it's|that is|this)\b)"
_THE_FIELD = rf"(?:change|set|update|make|edit|move|add|give)(?: (?:the|a|its?))? {_FIELD}"
_BEFORE_TIME = re.compile(r"(?:^| )(?:to|until|till|for|by)$", re.IGNORECASE)
_TO = re.compile(r" (?:to|into|with) ", re.IGNORECASE)
_OPENING = re.compile(r"^(?:(?:to|be|for|until|till|from) )+", re.IGNORECASE)


def value_of(text: str, now: datetime) -> Fields:
    """Read a new value: a time, a priority, or else a title."""
    text = _OPENING.sub("", text.strip()).removesuffix(" instead")
    if due := due_of(text, now):
        return Fields(due=str(due))
    if priority := priority_of(text):
        return Fields(priority=priority)
    return Fields(title=text.strip(" \"'") or None)


def _named_field(found: Found, now: datetime) -> Intent | None:
    """ "Set the due date of X to Y", "rename X to Y": the caller named the field; X or Y may be missing."""
    wants = _FIELDS[found["field"].lower()]
    target, value, fields = found.groupdict().get("target") or "", found.groupdict().get("value"), Fields()
    if wants == "title" and target and value:
        # a new title may contain "to"; callers shorten an old title, so its own "to" is unlikely
        target, _, value = f"{target} to {value}".partition(" to ")
    if value:
        fields = Fields(title=value.strip(" \"'")) if wants == "title" else value_of(value, now)
    if wants in {"due", "priority"} and fields.title is not None:
        fields = Fields()
    return Change(action="update", target=target_of(target), fields=fields, wants=wants)


def _any_field(found: Found, now: datetime) -> Intent | None:
    """ "Change X to Y": Y decides which field changes. The last "to" before a time or a priority splits them."""
    value = found.groupdict().get("value")
    if value is None:
        return Change(action="update", target=target_of(found["target"]))
    whole = f"{found['target']} to {value}"
    for split in reversed(list(_TO.finditer(whole))):
        fields = value_of(whole[split.end() :], now)
        if fields.title is None:
            return Change(action="update", target=target_of(whole[: split.start()]), fields=fields)
    return Change(action="update", target=target_of(found["target"]), fields=value_of(value, now))


def _time_or_priority(found: Found, now: datetime) -> Intent | None:
    """ "Move X to Friday", "X is urgent": only if the value is no title."""
    fields = value_of(found["value"], now)
    if fields.title is not None:
        return None
    return Change(action="update", target=target_of(found["target"]), fields=fields)


def _moved(found: Found, now: datetime) -> Intent | None:
    """ "Move X to Friday": the time is at the end of the sentence."""
    target, due = due_at_end(found["rest"], now)
    if due is None:
        return None
    return Change(action="update", target=target_of(_BEFORE_TIME.sub("", target)), fields=Fields(due=str(due)))


UPDATING = (
    *rules(
        _named_field,
        rf"{_THE_FIELD} (?:of|for|on) (?P<target>.+) to (?P<value>.+)",
        rf"{_THE_FIELD} (?:of|for|on) (?P<target>.+?) (?:as|at) (?P<value>.+)",
        rf"{_THE_FIELD}(?: (?:to|as|at|for|on))?"
        r" (?P<value>(?:today|tonight|tomorrow|next|this|on|at|in|by)\b.+|today|tomorrow)",
        rf"{_THE_FIELD} (?:of|for|on) (?P<target>.+)",
        rf"{_THE_FIELD}(?: (?:to|as|at))? (?P<value>.+)",
        _THE_FIELD,
        r"(?P<field>rename) (?P<target>.+?) (?:to|as|into) (?P<value>.+)",
        r"(?P<field>rename)(?: (?P<target>.+))?",
        r"(?P<field>call) (?P<target>it|that|that one|the .+? one) (?P<value>.+)",
    ),
    *rules(
        _time_or_priority,
        rf"(?:make|mark|set|flag) (?P<target>.+?)(?: as| to| to be)? (?P<value>{PRIORITY})",
        r"(?:make|set) (?P<target>.+?) (?P<value>due .+)",
        rf"{_NOT_A_QUESTION}(?P<target>.+?) (?:is|are|should be)(?: now)? (?P<value>due .+|{PRIORITY})",
    ),
    *rules(_moved, r"(?:postpone|reschedule|move|push|delay|shift|push back|put off) (?P<rest>.+)"),
    *rules(
        _any_field,
        r"(?:change|update|edit|replace|modify|turn) (?P<target>.+?) (?:to|into|with) (?P<value>.+)",
        r"(?:change|update|edit|modify) (?P<target>.+)",
        r"(?:make|set) (?P<target>it|that|that one|this) (?:to )?(?P<value>.+)",
    ),
    *rules(_named_field, r"(?P<field>postpone|reschedule) (?P<target>.+)"),
)
