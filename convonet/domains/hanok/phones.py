"""Phone numbers of the restaurant's guests, in one form for storing and comparing.

Guests also give local numbers without an area code, and rows of the replaced deployment hold numbers that no numbering
plan knows. So digits count here, where `convonet.language.phones` accepts valid numbers only.
"""

from __future__ import annotations

import re

from convonet.domains.hanok.errors import Reason, ReservationRefused

_NOT_A_DIGIT = re.compile(r"[^0-9]")
MIN_DIGITS, MAX_DIGITS = 7, 15
"""The longest is E.164's; the shortest is a local number."""


def normalized(phone: str) -> str:
    """Convert a guest's number to "+14155550100"; ten digits are a number of North America, a local one stays as it is.

    Raises `ReservationRefused` for text that is not a phone number.
    """
    found = _digits(phone)
    if not MIN_DIGITS <= len(found) <= MAX_DIGITS:
        raise ReservationRefused(Reason.BAD_PHONE, "Please give me the phone number with its area code.")
    return _international(phone, found)


def spellings(phone: str) -> list[str]:
    """List the spellings in which rows of the replaced deployment may hold a number, the normalized form among them."""
    norm = normalized(phone)
    plain = norm.removeprefix("+")
    forms = {norm, plain}
    if norm.startswith("+1") and len(norm) == 12:
        area, exchange, rest = plain[1:4], plain[4:7], plain[7:]
        forms |= {plain[1:], f"{area}-{exchange}-{rest}", f"({area}) {exchange}-{rest}"}
    return sorted(form for form in forms if same(form, norm))


def same(stored: str, said: str) -> bool:
    """Whether both are one number."""
    return _international(stored, _digits(stored)).removeprefix("+") == normalized(said).removeprefix("+")


def _digits(phone: str) -> str:
    return _NOT_A_DIGIT.sub("", phone)


def _international(phone: str, digits: str) -> str:
    if phone.strip().startswith("+"):
        return f"+{digits}"
    if len(digits) == 10:
        return f"+1{digits}"
    return f"+{digits}" if len(digits) == 11 and digits.startswith("1") else digits
