"""Common slots for the domains' forms: people, days, times, amounts, phone numbers, names, choices, free text.

Each function makes a `Slot` with its two readers. `find` finds the value in a whole sentence, by the words around it;
`read` reads an answer, where the value may stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import Decimal

from convonet.agents.forms.form import Found, Slot
from convonet.language.numbers import amount_in, digits_in, whole_number_in, with_digits
from convonet.language.when import day_and_time_in, day_and_time_of

MAX_NAME_WORDS = 4
MAX_TEXT_CHARACTERS = 500

_PLACES = r"(?:table|booth|reservation|dinner|lunch|seats?|room|place|spot|book(?:ing)?)(?: \w+){0,3}? for"
_BEFORE_PEOPLE = (
    rf"(?:{_PLACES}|party of|group of|table of|we(?:'re| are|'ll be| will be)|there(?:'s| are|'ll be| will be)|for)"
)
_NO_PEOPLE = r"(?! ?(?:[ap]\.? ?m\b|o'?clock|:|thirty|fifteen|forty|st\b|nd\b|rd\b|th\b|dollars|minutes|hours))"
_PERSONS = r"(?:people|persons|guests|adults|of us|diners)"
_PEOPLE = re.compile(
    rf"\b{_BEFORE_PEOPLE} (?:about |a party of )?(?P<count>\d{{1,3}}){_NO_PEOPLE}(?: {_PERSONS})?"
    rf"|\b(?P<count2>\d{{1,3}}) {_PERSONS}\b"
)
_CLOSE = "wife|husband|partner|girlfriend|boyfriend|mom|mother|dad|father|friend|daughter|son"
_COMPANY = (
    (re.compile(r"\b(?:just me|only me|just myself|by myself|on my own|for myself)\b"), "1"),
    (
        re.compile(
            rf"\b(?:(?:me and my|my) (?:{_CLOSE})(?: and (?:i|me|myself))?|a couple|the two of us|both of us)\b"
        ),
        "2",
    ),
)
_NAME_AFTER = re.compile(
    r"\b(?:(?:my|the|his|her) name(?: is|'s)|name of|name is|under(?: the name(?: of)?)?|in the name of|i'm called"
    r"|this is|it's for) "
    r"(?P<name>[a-z][\w'-]*(?: (?!and\b|on\b|at\b|for\b|my\b|with\b|please\b)[a-z][\w'-]*){0,3})",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:(?:it's|it is|that's|that is|that would be|my name is|my name's|the name is|i'm|i am|this is|under"
    r"|put it under|make it|for|just|call me|name) )*"
    r"(?:the name )?(?P<name>[a-z][\w.'-]*(?: [a-z][\w.'-]*){0,3})",
    re.IGNORECASE,
)
_NO_NAME_WORDS = """
    what when where who why how which is are do does can could would should the menu table yes no not it that cancel
    change book i you we they help please want need tell me
"""
_NOT_NAMES = frozenset(_NO_NAME_WORDS.split())


def people(name: str, ask: str | None, hint: str = "") -> Slot:
    """Make a slot for a number of people."""

    def find(text: str, now: datetime) -> Found | None:
        said = with_digits(text)
        if found := _PEOPLE.search(said):
            return Found(found["count"] or found["count2"], without(said, found))
        return next((Found(count, without(said, m)) for p, count in _COMPANY if (m := p.search(said))), None)

    def read(text: str, now: datetime) -> str | None:
        if found := find(text, now):
            return found.value
        count = whole_number_in(text)
        return str(count) if count is not None else None

    return Slot(name, find, read, ask, hint=hint)


def day(name: str, ask: str | None, hint: str = "") -> Slot:
    """Make a slot for a day, as an ISO date; a time said with it is left for the slot of the time."""

    def find(text: str, now: datetime) -> Found | None:
        found = day_and_time_in(text, now)
        if found is None or found[1].day is None:
            return None
        rest, said = found
        return (
            Found(said.day.isoformat(), f"{rest} at {said.clock:%H:%M}" if said.clock else rest) if said.day else None
        )

    return Slot(name, find, None, ask, hint=hint)


def clock(name: str, ask: str | None, hint: str = "", *, likely: Callable[[time], time] = lambda said: said) -> Slot:
    """Make a slot for a time of day, as "19:30"; `likely` chooses the half of the day that a bare hour means."""

    def find(text: str, now: datetime) -> Found | None:
        found = day_and_time_in(text, now)
        if found is None or found[1].clock is None:
            return None
        return Found(f"{likely(found[1].clock):%H:%M}", found[0])

    def read(text: str, now: datetime) -> str | None:
        said = day_and_time_of(re.sub(r"^(?:at|around|about|let's say|say) ", "", text), now)
        if said and said.clock:
            return f"{likely(said.clock):%H:%M}"
        found = find(text, now)
        return found.value if found else None

    return Slot(name, find, read, ask, hint=hint)


def phone(name: str, ask: str | None, hint: str = "") -> Slot:
    """Make a slot for a phone number of seven digits or more, as digits."""

    def find(text: str, now: datetime) -> Found | None:
        return Found(*found) if (found := digits_in(text)) else None

    return Slot(name, find, None, ask, early=True, hint=hint)


def person(name: str, ask: str | None, hint: str = "") -> Slot:
    """Make a slot for a person's name, each word capitalized."""

    def find(text: str, now: datetime) -> Found | None:
        found = _NAME_AFTER.search(text)
        if found is None or not _may_be_name(found["name"]):
            return None
        return Found(capitalized(found["name"]), without(text, found))

    def read(text: str, now: datetime) -> str | None:
        found = _NAME.fullmatch(text.strip(" .,"))
        if whole_number_in(text) is not None:
            return None
        return capitalized(found["name"]) if found and _may_be_name(found["name"]) else None

    return Slot(name, find, read, ask, hint=hint)


_CONNECTING_WORDS = "is|was|of|about|around|roughly|to|at|are|at least|up to|a|the|for|score|total|it's|now|currently"
_UNITS = "dollars|bucks|percent|a|per|month|of|for|in|as|my|the|each|year|every"


def amount(name: str, ask: str | None, *words: str, hint: str = "", least: int = 0) -> Slot:
    """Make a slot for dollars or any number, as a decimal; in a sentence it stands near one of `words` (patterns)."""
    near = "|".join(words) or r"(?!)"
    number = r"\$?(?P<value>\d[\d,]*(?:\.\d+)?)(?![\d:])"
    between = rf"(?: (?:{_CONNECTING_WORDS})){{0,4}} "
    after = rf"(?:{near}){between}{number}"
    before = rf"{number.replace('value', 'value2')}(?: (?:{_UNITS})){{0,4}} (?:{near})"
    pattern = re.compile(rf"\b{after}|{before}", re.IGNORECASE)

    def find(text: str, now: datetime) -> Found | None:
        said = with_digits(text)
        found = pattern.search(said)
        if found is None:
            return None
        value = (found["value"] or found["value2"]).replace(",", "")
        return Found(value, without(said, found)) if Decimal(value) >= least else None

    def read(text: str, now: datetime) -> str | None:
        value = amount_in(text)
        return f"{value:f}" if value is not None and value >= least else None

    return Slot(name, find, read, ask, hint=hint)


def choice(name: str, ask: str | None, words: Mapping[str, str], hint: str = "") -> Slot:
    """Make a slot for one of a closed set; `words` has a pattern for each value."""
    patterns = [(value, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)) for value, pattern in words.items()]

    def find(text: str, now: datetime) -> Found | None:
        return next((Found(v, without(text, found)) for v, p in patterns if (found := p.search(text))), None)

    return Slot(name, find, None, ask, hint=hint)


def words(name: str, ask: str | None, hint: str = "", *, after: str = r"(?!)") -> Slot:
    """Make a slot for free text; in a sentence it follows the pattern `after` and goes on to the end."""
    pattern = re.compile(rf"(?:{after}) (?P<words>.+)$", re.IGNORECASE)

    def find(text: str, now: datetime) -> Found | None:
        found = pattern.search(text)
        return Found(found["words"][:MAX_TEXT_CHARACTERS], text[: found.start()].strip()) if found else None

    def read(text: str, now: datetime) -> str | None:
        return text[:MAX_TEXT_CHARACTERS] or None

    return Slot(name, find, read, ask, hint=hint)


def without(text: str, found: re.Match[str]) -> str:
    """Take the match out of a sentence."""
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())


def _may_be_name(said: str) -> bool:
    parts = said.lower().split()
    return len(parts) <= MAX_NAME_WORDS and not _NOT_NAMES & set(parts) and not re.search(r"\d", said)


def capitalized(said: str) -> str:
    """Write each word of a name with a capital."""
    return " ".join(word[:1].upper() + word[1:] for word in said.split())
