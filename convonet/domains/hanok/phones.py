"""Phone numbers as guests say and type them, in one form for storing and comparing."""

from __future__ import annotations

import re

from convonet.domains.hanok.errors import Reason, ReservationRefused

_NOT_A_DIGIT = re.compile(r"[^0-9]")

MIN_DIGITS, MAX_DIGITS = 7, 15
"""The maximum is E.164's; the minimum is a local number's."""


def normalized(phone: str) -> str:
    """Normalize "1 555-0100" and the like to "+15550100"; ten digits are a number of North America.

    Raises `ReservationRefused` for anything that is no phone number.
    """
    found = _digits(phone)
    if not MIN_DIGITS <= len(found) <= MAX_DIGITS:
        raise ReservationRefused(Reason.BAD_PHONE, "Please give me the phone number with its area code.")
    return _international(phone, found)


def spellings(phone: str) -> list[str]:
    """The ways in which rows of the replaced deployment may hold the number, the normalized one among them."""
    norm = normalized(phone)
    plain = norm.removeprefix("+")
    forms = {norm, plain}
    if norm.startswith("+1") and len(norm) == 12:
        area, exchange, line = plain[1:4], plain[4:7], plain[7:]
        forms |= {plain[1:], f"{area}-{exchange}-{line}", f"({area}) {exchange}-{line}"}
    return sorted(form for form in forms if same(form, norm))


def same(stored: str, said: str) -> bool:
    """Say whether both are one number."""
    return _international(stored, _digits(stored)).removeprefix("+") == normalized(said).removeprefix("+")


def _digits(phone: str) -> str:
    return _NOT_A_DIGIT.sub("", phone)


def _international(phone: str, digits: str) -> str:
    if phone.strip().startswith("+"):
        return f"+{digits}"
    if len(digits) == 10:
        return f"+1{digits}"
    return f"+{digits}" if len(digits) == 11 and digits.startswith("1") else digits
