"""The slots of the health plan's forms: services, specialties, ZIP codes, numbers, and choices."""

from __future__ import annotations

import re
from datetime import datetime

from convonet.agents.forms import readers
from convonet.agents.forms.form import Found, Slot, find_nothing, sentence
from convonet.core.errors import DomainError
from convonet.domains.healthcare.offline.choice import PLACES
from convonet.domains.healthcare.synonyms import service_category
from convonet.language.numbers import digits_in, with_digits

_OTHERS = (
    r"to-?dos?|(?:my|the|our) list|calendar|remind|reminders?|mortgage|loan|reservations?|tables?|patients?(?! rights)"
    r"|court|lawsuit|baggage|taxes"
)

_SPECIALTY = re.compile(
    r"\b(?:find|search(?: for)?|look(?:ing)?(?: for)?|need|want|see|recommend|are there|is there|which|any|have|list)"
    r"(?: me| us)?(?: to see)?(?: an?| any| some| the| good| nearby| local| in-network| closest| nearest)* "
    r"(?P<words>[a-z][a-z -]{2,40}?)(?=$|[,?.]|(?: (?:near|by|in|around|within|close|who|that|do|does|who's|nearby|for"
    r"|on|are|is|takes?|with|here|there|me|please|covered|available)\b))",
    re.IGNORECASE,
)

_ANYBODY = re.compile(
    r"(?:an? |any )?(?:new )?(?:doctors?|providers?|specialists?|physicians?|someone|somebody|help|one|clinics?)",
    re.IGNORECASE,
)

_OTHER_PLACE = re.compile(
    rf"^(?:(?:no|wait|sorry|actually|i meant?|make it|rather)\b[,. ]*)*(?:the )?(?P<place>{'|'.join(PLACES)})"
    r"(?: one| claim)?(?: instead| rather)?$"
)
_ZIP = re.compile(r"\b(?:zip(?: code)?(?: is)?|near|by|around|in|of) (?P<zip>(?:\d ?){5})(?!\d)")
_ZIP_ALONE = re.compile(r"(?:\d ?){5}")
_CODE = re.compile(r"\b(?:(?:code|procedure|cpt)(?: code| number)?(?: is)? )?(?P<code>[a-z]?(?:\d ?){4}[\da-z])\b")
_WITH_CODE = re.compile(rf"\b(?:code|procedure|cpt)\b.{{0,15}}?{_CODE.pattern}")


def ours(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a form that no sentence of another domain matches."""
    return sentence(*patterns, never=_OTHERS)


def service(ask: str | None = None) -> Slot:
    """A kind of service, by its name in the plan's terms."""

    def find(text: str, now: datetime) -> Found | None:
        try:
            return Found(service_category(text).value, text)
        except DomainError:
            return None

    return Slot("service", find, None, ask, hint="For example: a specialist, an MRI or physical therapy.")


def specialty(ask: str) -> Slot:
    """A specialty, in the caller's words; the tool knows many names for one."""

    def find(text: str, now: datetime) -> Found | None:
        found = _SPECIALTY.search(text)
        if found is None or _ANYBODY.fullmatch(found["words"]):
            return None
        return Found(found["words"].lower(), text)

    def read(text: str, now: datetime) -> str | None:
        if found := find(text, now):
            return found.value
        plain = re.sub(r"^(?:an?|the|some|any) ", "", text.lower())
        return plain if re.fullmatch(r"[a-z][a-z -]{2,40}", plain) and not _ANYBODY.fullmatch(plain) else None

    return Slot("specialty", find, read, ask, hint="For example: a cardiologist, or a skin doctor.")


def zip_code() -> Slot:
    """The ZIP code to search around; the tool takes the caller's home without one."""

    def find(text: str, now: datetime) -> Found | None:
        found = _ZIP.search(with_digits(text))
        return Found(found["zip"].replace(" ", ""), text) if found else None

    def read(text: str, now: datetime) -> str | None:
        found = _ZIP_ALONE.fullmatch(with_digits(text))
        return found[0].replace(" ", "") if found else None

    return Slot("zip", find, read, early=True)


def npi(ask: str | None = None) -> Slot:
    """A provider's number, ten digits."""

    def find(text: str, now: datetime) -> Found | None:
        found = digits_in(text)
        return Found(*found) if found and len(found[0]) == 10 else None

    return Slot("npi", find, None, ask, early=True, hint="It has ten digits.")


def procedure(ask: str | None) -> Slot:
    """A procedure's code, five characters."""

    def find(text: str, now: datetime) -> Found | None:
        found = _WITH_CODE.search(with_digits(text))
        return Found(_code(found["code"]), text) if found else None

    def read(text: str, now: datetime) -> str | None:
        if heard := find(text, now):
            return heard.value
        found = _CODE.fullmatch(with_digits(text))
        return _code(found["code"]) if found else None

    return Slot("procedure", find, read, ask, hint="It has five characters, such as seven oh five five three.")


def urgent() -> Slot:
    """Present when waiting would endanger health."""
    return readers.choice("urgent", None, {"yes": "urgent(?:ly)?|emergency|right away|can't wait"})


def claim_status() -> Slot:
    """The state of the claims to list."""
    return readers.choice(
        "status",
        None,
        {
            "denied": "denied|rejected|refused|turned down|denial",
            "appealed": "appealed|appeal",
            "paid": "paid",
            "processing": "processing|in progress|pending|open",
            "approved": "approved",
        },
    )


def denied() -> Slot:
    """Present when a denied claim is meant."""
    return readers.choice("denied", None, {"denied": "denied|rejected|refused|turned down|denial"})


def authorization_status() -> Slot:
    """The state of the authorizations to list."""
    return readers.choice(
        "status",
        None,
        {"approved": "approved", "denied": "denied|rejected|refused", "pending": "pending|open|waiting"},
    )


def newest() -> Slot:
    """Present when the newest one is meant."""
    return readers.choice("newest", None, {"yes": "last|latest|newest|most recent|recent"})


def chosen(name: str, ask: str | None = None) -> Slot:
    """One of several that were read out."""
    return Slot(name, find_nothing, None, ask)


def other_place() -> Slot:
    """Another of several than was chosen, as a sentence of its own: "no, the second one"."""
    return named("place", _OTHER_PLACE)


def named(name: str, pattern: re.Pattern[str]) -> Slot:
    """The text of the pattern's group of that name, in lower case."""

    def find(text: str, now: datetime) -> Found | None:
        found = pattern.search(text.lower())
        return Found(found[name], text) if found else None

    return Slot(name, find)


def _code(said: str) -> str:
    return said.replace(" ", "").upper()
