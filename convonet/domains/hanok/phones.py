"""Phone numbers of the restaurant's guests, in one form for storing and comparing."""

from __future__ import annotations

from convonet.core.errors import DomainError
from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.language import phones

REGION = "US"
"""The restaurant's own country, of numbers without a country code."""


def normalized(phone: str) -> str:
    """Convert a guest's number to E.164. Raises `ReservationRefused` for text that is not a valid phone number."""
    try:
        return phones.normalize(phone, REGION)
    except DomainError:
        raise ReservationRefused(Reason.BAD_PHONE, "Please give me the phone number with its area code.") from None


def spellings(phone: str) -> list[str]:
    """List the spellings in which rows of the replaced deployment may hold a guest's number, its E.164 form first."""
    norm = normalized(phone)
    return [spelling for spelling in phones.spellings(norm) if same(spelling, norm)]


def same(stored: str, said: str) -> bool:
    """Whether both are one number."""
    return phones.normalize_if_valid(stored, REGION) == normalized(said)
