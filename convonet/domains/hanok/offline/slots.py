"""The slots of the restaurant's forms: people, day, time, name and dishes."""

from __future__ import annotations

import re
from datetime import datetime, time

from convonet.agents.forms import readers
from convonet.agents.forms.form import Found, Slot, find_nothing
from convonet.domains.hanok.confirmation_codes import PREFIX, code_of
from convonet.domains.hanok.menu import MENU
from convonet.language.numbers import with_digits

_EARLIEST = time(10)
"""The restaurant opens later, so "at eight" is in the evening."""

_DISHES = {item.id: rf"{re.escape(item.name_en.lower())}s?" for item in MENU}
_SHORT_NAMES = {
    "haemul_pajeon": "pajeon|seafood pancakes?",
    "kimchi_jjigae": "kimchi stews?|jjigae",
    "hanok_feast": "feasts?",
}
_ORDERED = [
    (dish, re.compile(rf"(?:\b(?P<count>\d{{1,2}}) (?:orders? of |portions? of )?(?:the )?)?\b(?:{name}{short})\b"))
    for dish, name in _DISHES.items()
    for short in [f"|{_SHORT_NAMES[dish]}" if dish in _SHORT_NAMES else ""]
]
_CODE = re.compile(r"\bh ?\.?n ?\.?k\b[ -]*(?P<code>(?:[a-z0-9][ -]?){4})", re.IGNORECASE)


def people(ask: str | None = None) -> Slot:
    """The size of the party."""
    return readers.people("people", ask, "For example: four people.")


def day(ask: str | None = None) -> Slot:
    """The day, ISO."""
    return readers.day("day", ask, "For example: next Friday.")


def clock(ask: str | None = None) -> Slot:
    """The time of arrival, "19:30"."""
    return readers.clock("time", ask, "For example: half past seven.", likely=_mealtime)


def phone(ask: str | None = None) -> Slot:
    """The guest's phone number, digits."""
    return readers.phone("phone", ask, "Please say it digit by digit, with the area code.")


def dishes() -> Slot:
    """Dishes ordered ahead, as the tools take them: "bulgogi:2, mandu:1"."""

    def find(text: str, now: datetime) -> Found | None:
        said, order = with_digits(text), []
        for dish, pattern in _ORDERED:
            if found := pattern.search(said):
                order.append(f"{dish}:{found['count'] or 1}")
                said = said[: found.start()] + said[found.end() :]
        return Found(", ".join(order), " ".join(said.split())) if order else None

    return Slot("order", find)


def code(ask: str | None = None) -> Slot:
    """A confirmation code, "HNK-7K2M", as it is spelled."""

    def find(text: str, now: datetime) -> Found | None:
        found = _CODE.search(with_digits(text))
        known = code_of(found["code"]) if found else None
        return Found(known, "") if known else None

    def read(text: str, now: datetime) -> str | None:
        if found := find(text, now):
            return found.value
        spelled = re.sub(r"^(?:it's|it is|the code is|my code is) ", "", with_digits(text).strip())
        # only letters and digits said one by one: four words of a sentence are no code
        return code_of(spelled) if re.fullmatch(r"(?:[a-z0-9][ .,-]*){4}", spelled) else None

    return Slot("code", find, read, ask, early=True, hint=f"It begins with {' '.join(PREFIX[:3])}.")


def reservation() -> Slot:
    """A choice among several reservations; it comes only from options that were read out."""
    return Slot("reservation", find_nothing)


def _mealtime(said: time) -> time:
    return said.replace(hour=said.hour + 12) if said < _EARLIEST and said.hour > 0 else said
