"""Phone numbers: one spelling of our own (E.164), and the spellings that people have typed into a CRM."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from convonet.core.errors import DomainError

NOT_A_NUMBER = "That doesn't sound like a complete phone number. Please say it again with its area code."


def normalised(phone: str, region: str) -> str:
    """The number in E.164; without a + it is one of `region` (ISO 3166, such as US). Raises `DomainError`."""
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        raise DomainError("not a phone number", spoken=NOT_A_NUMBER) from None
    if not phonenumbers.is_valid_number(number):
        raise DomainError("not a valid phone number", spoken=NOT_A_NUMBER)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def spellings(phone: str) -> list[str]:
    """The usual ways to write an E.164 number, itself first: a CRM that compares text finds a contact by one of them.

    "+14155550142", "+1 415-555-0142", "(415) 555-0142", "415-555-0142", "4155550142", "14155550142"
    """
    number = phonenumbers.parse(phone)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    code = str(number.country_code)
    ways = [
        phone,
        international,
        national,
        international.removeprefix(f"+{code} "),
        phonenumbers.national_significant_number(number),
        phone.removeprefix("+"),
    ]
    return list(dict.fromkeys(ways))


def normalised_if_valid(stored: str, region: str) -> str:
    """What a CRM has stored, in E.164 if it is a phone number at all."""
    try:
        return normalised(stored, region)
    except DomainError:
        return stored
