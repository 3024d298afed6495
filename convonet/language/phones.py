"""Phone numbers in one spelling (E.164), for callers, the CRM and the restaurant.

Callers say them, guests type them, and CRMs store them in many spellings.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from convonet.core.errors import DomainError
from convonet.language.numbers import digits_in

NOT_A_NUMBER = "That doesn't sound like a complete phone number. Please say it again with its area code."

_BETWEEN_DIGITS = re.compile(r"\b(?:area code|and|then|dash|dot)\b", re.IGNORECASE)
_PLUS = re.compile(r"\+|\bplus\b", re.IGNORECASE)


def normalize(phone: str, region: str) -> str:
    """Convert a phone number to E.164.

    Args:
        phone: A number in any usual spelling.
        region: ISO 3166 code, such as US, of a number without a country code.

    Raises:
        DomainError: The text is not a valid phone number.
    """
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        raise DomainError("not a phone number", spoken=NOT_A_NUMBER) from None
    if not phonenumbers.is_valid_number(number):
        raise DomainError("not a valid phone number", spoken=NOT_A_NUMBER)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def normalize_if_valid(stored: str, region: str) -> str:
    """Convert a stored phone number to E.164; any other text stays as it is. See `normalize`."""
    try:
        return normalize(stored, region)
    except DomainError:
        return stored


def find_phone(said: str, region: str) -> str | None:
    """Find the phone number in a spoken sentence, in E.164; None without a valid one. See `normalize`."""
    if (found := digits_in(_BETWEEN_DIGITS.sub(" ", said))) is None:
        return None
    try:
        return normalize(("+" if _PLUS.search(said) else "") + found[0], region)
    except DomainError:
        return None


def spellings(phone: str) -> list[str]:
    """List the usual spellings of an E.164 number, itself first, for stores that compare phone numbers as text.

    "+14155550142", "+1 415-555-0142", "(415) 555-0142", "415-555-0142", "4155550142", "14155550142"
    """
    number = phonenumbers.parse(phone)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    ways = [
        phone,
        international,
        phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        international.removeprefix(f"+{number.country_code} "),
        phonenumbers.national_significant_number(number),
        phone.removeprefix("+"),
    ]
    return list(dict.fromkeys(ways))


def digit_by_digit(phone: str, region: str) -> str:
    """Spell out an E.164 number for speech: "4 1 5, 5 5 5, 0 1 4 2". TTS would say "415" as one number.

    The country code ("plus 4 9, ...") is left out in its own `region`.
    """
    number = phonenumbers.parse(phone)
    written = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    is_local = number.country_code == phonenumbers.country_code_for_region(region)
    groups = re.findall(r"\d+", written)[is_local:]
    return ("" if is_local else "plus ") + ", ".join(" ".join(group) for group in groups)
