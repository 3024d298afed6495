"""Questions about the list: its todos, their number, and their due dates."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from convonet.domains.todo.offline.grammar.rules import Found, rules
from convonet.domains.todo.offline.grammar.words import ITEMS, LEVEL, LIST, priority_of, target_of
from convonet.domains.todo.offline.intents import Change, Intent, Listing, More
from convonet.language.when import due_at_end

_STATE = (
    r"(?:open|pending|outstanding|remaining|current|unfinished|overdue|completed|finished|done|old|urgent|important)"
)
_ASK = (
    r"(?:what(?:'s| is| are|s)?|which|show(?: me)?|read(?: me| out)*|tell(?: me)?(?: about| what's (?:on|in))?|list"
    r"|give me|go over|go through|check|see|hear|view|display|open|look at|review|do i have(?: any)?"
    r"|have i got(?: any)?"
    r"|are there(?: any)?|get|what about|how about|repeat)"
)
_HAVE = (
    r"(?:i have|do i have|have i got|i've got|are there|are|is|there|left|due|to do|on it|look like|say|me|out loud"
    r"|to me)"
)
_STILL = rf"(?:{_STATE}|left|have i (?:finished|completed|done)|did i (?:finish|complete|do)|i finished|i completed)"
_DUTY = r"(?:have|need|got|do|done|finish|finished|complete|completed|be doing)"
_AGENDA = r"(?:my|the) (?:plate|agenda|schedule)"
_CORES = (
    rf"(?:{_ASK} )?(?:all )?(?:of )?(?:me )?(?:my |the )?(?:(?:{_STATE}|{LEVEL}(?:[ -]priority)?) )*(?:{ITEMS}|{LIST})"
    rf"(?: (?:{_HAVE}|{_STILL}))*",
    rf"{_ASK} everything(?: on {LIST})?",
    rf"what (?:do|have) (?:i|you|we) (?:still |all )*(?:have |got )*(?:left )?on {LIST}",
    rf"(?:(?:tell|show|read|give|say)(?: to)?(?: me)? )?what(?:'s| is| are|s| was| were)? "
    rf"(?:still |left |next |up |currently |now |all )*(?:on"
    rf"|in) (?:{LIST}|{_AGENDA})(?: again| now)?",
    rf"what(?:'s| is| are)? (?:still )?(?:{_STATE}|left|next|due|planned|up|up next|coming up|first|most urgent)"
    rf"(?: to do| for me| on {LIST})*",
    rf"what (?:do|should|must|can|did|have|else do) i (?:still |all )*{_DUTY}(?: left| got)*"
    r"(?: to)?(?: do)?(?: next| first)?",
    rf"(?:do i have|have i got|is there|are there) (?:any|anything|something|any more|anything else)"
    rf"(?: (?:{_STATE}|{ITEMS}|on {LIST}|to do|left|due|planned|scheduled|else))*",
    rf"how many (?:(?:{_STATE}|{LEVEL}) )*(?:{ITEMS}|things)(?: (?:{_HAVE}|{_STILL}|on {LIST}))*",
    rf"(?:how long is|how full is|what does) (?:{LIST})(?: look like| say)?",
)
_CORE = re.compile("|".join(f"(?:{core})" for core in _CORES), re.IGNORECASE)
_ABOUT_A_DAY = re.compile(
    rf"what(?:'s| is| are|s)?(?: happening| up| on| on {_AGENDA})?|anything|is anything|is there anything", re.I
)
_DONE = re.compile(
    r"\b(?:completed|finished|done|did i (?:do|finish|complete)|have i (?:done|finished|completed))\b", re.I
)
_COUNT = re.compile(r"how many|how long|how full", re.IGNORECASE)
_NEXT = re.compile(r"\b(?:next|first|most urgent)\b", re.IGNORECASE)
_OVERDUE = re.compile(r"\boverdue\b", re.IGNORECASE)
_LEVEL = re.compile(rf"\b{LEVEL}\b(?=(?:[ -]priority)? (?:{ITEMS}|{LIST})|(?: to do| for me)*$)", re.IGNORECASE)
_PREPOSITION = re.compile(r"^(?:due |on |by |before |until |till |for |starting )+", re.IGNORECASE)


def listing_of(sentence: str, now: datetime) -> Listing | None:
    """Read the sentence as a question about the whole list, or a part of it by date, state or priority."""
    core, due = due_at_end(sentence, now)
    if not _CORE.fullmatch(core) and not (due and _ABOUT_A_DAY.fullmatch(core)):
        core, due = sentence, None
        if not _CORE.fullmatch(core):
            return None
    first, last, period = _days(sentence[len(core) :].strip(" ,"), due.day, now) if due else (None, None, "")
    if _OVERDUE.search(core):
        last, period = (now.date() - timedelta(days=1)).isoformat(), "overdue"
    level = _LEVEL.search(core)
    return Listing(
        state="done" if _DONE.search(core) else "open",
        first_day=first,
        last_day=last,
        period=period,
        priority=priority_of(level.group()) if level else None,
        only_count=bool(_COUNT.search(core)),
        only_next=bool(_NEXT.search(core)) and due is None,
    )


def _days(words: str, day: date, now: datetime) -> tuple[str, str, str]:
    """Return the first and last day of a period, and the caller's words for it: "next week" is seven days."""
    period = _PREPOSITION.sub("", words)
    first = last = day
    if "week" in period.lower() and "weekend" not in period.lower():
        first = max(day - timedelta(days=day.weekday()), now.date())
        last = day + timedelta(days=6 - day.weekday())
    elif "weekend" in period.lower():
        last = day + timedelta(days=6 - day.weekday())
    elif "month" in period.lower():
        first = max(day.replace(day=1), now.date())
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.isoformat(), last.isoformat(), period


def _more(found: Found, now: datetime) -> Intent:
    return More()


def _describe(found: Found, now: datetime) -> Intent:
    return Change(action="describe", target=target_of(found["target"]))


ASKING = (
    *rules(
        _more,
        r"(?:what else|(?:read|tell|show|give)(?: me)? (?:more|the rest|the others)|more|the rest|next ones|continue"
        r"|go on"
        rf"|keep going|what else is on {LIST}|anything else on {LIST})",
    ),
    *rules(
        _describe,
        rf"(?:is|are) (?P<target>.+?) (?:already |still )?on {LIST}",
        rf"(?:do i have|have i got|did i (?:add|put)) (?P<target>.+?) (?:already )?(?:on|to) {LIST}",
        r"when (?:is|are|was) (?P<target>.+?) due",
        r"when (?:do|must|should) i (?:have to |need to )?(?P<target>.+)",
        r"what(?:'s| is) the (?:due date|deadline|priority|status) (?:of|for) (?P<target>.+)",
        r"(?:is|are) (?P<target>.+?) (?:done|complete|completed|finished|urgent|important)(?: yet)?",
        r"(?:did|have) i (?:already )?(?:finish|finished|complete|completed|do|done) (?P<target>.+?)(?: yet| already)?",
        r"did i (?:already )?(?P<target>.+?)(?: yet| already)?",
    ),
)
