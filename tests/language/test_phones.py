"""Phone numbers: one spelling for all that are stored and compared."""

import re

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.core.errors import DomainError
from convonet.language.phones import digit_by_digit, find_phone, normalize, normalize_if_valid, spellings

NUMBERS = st.sampled_from(
    [
        phonenumbers.format_number(phonenumbers.example_number(region), phonenumbers.PhoneNumberFormat.E164)
        for region in ("US", "DE", "GB", "KR", "IN", "MX")
    ]
    + [f"+1415555{number:04d}" for number in range(100, 200)]
)


@settings(deadline=None)  # phonenumbers reads a region's metadata at its first number
@given(NUMBERS)
def test_every_usual_spelling_of_a_number_is_that_number(phone):
    region = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    written = spellings(phone)
    assert written[0] == phone
    assert len(written) == len(set(written))
    assert {normalize(way, region) for way in written if way != phone.removeprefix("+")} == {phone}


@given(st.text(max_size=40) | st.from_regex(r"\+?[0-9 ().-]{5,16}", fullmatch=True))
def test_any_text_is_a_number_in_e164_or_refused(text):
    try:
        phone = normalize(text, "US")
    except DomainError:
        phone = None
    assert normalize_if_valid(text, "US") == (phone or text)
    if phone is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{4,14}", phone)
        assert normalize(phone, "DE") == phone


def test_a_number_without_a_country_code_belongs_to_the_given_region():
    assert find_phone("030 901820", "DE") == "+4930901820"
    assert find_phone("030 901820", "US") is None
    assert digit_by_digit("+4930901820", "DE") == "3 0, 9 0 1 8 2 0"
    assert digit_by_digit("+4930901820", "US") == "plus 4 9, 3 0, 9 0 1 8 2 0"
