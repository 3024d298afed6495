"""Spoken numbers, amounts and phone numbers, as STT writes them."""

from decimal import Decimal

import pytest

from convonet.language.numbers import amount_in, digits_in, whole_number_in, with_digits


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("twelve hundred a month", 1200),
        ("i make eight thousand five hundred a month", 8500),
        ("four hundred and fifty thousand dollars", 450_000),
        ("six point two five percent", Decimal("6.25")),
        ("two and a half thousand", 2500),
        ("one point two million", 1_200_000),
        ("half a million", 500_000),
        ("a hundred", 100),
        ("450k", 450_000),
        ("$1,250.50", Decimal("1250.50")),
        ("one", 1),
        ("no number at all", None),
        ("four or five", None),
    ],
)
def test_an_amount_is_read(said, amount):
    assert amount_in(said) == amount


def test_a_fraction_is_not_a_whole_number():
    assert whole_number_in("two and a half") is None
    assert whole_number_in("four people") == 4


@pytest.mark.parametrize(
    ("said", "digits", "rest"),
    [
        ("four one five five five five oh one two three", "4155550123", ""),
        ("my number is 415-555-0123 thanks", "4155550123", "my number is thanks"),
        ("four one five triple five oh one double two", "4155550122", ""),
        ("for one five five five five zero one two three", "4155550123", ""),
        ("a table for two, call +1 (415) 555 0142", "14155550142", "a table for 2 call +"),
    ],
)
def test_a_phone_number_is_found_and_the_other_words_stay(said, digits, rest):
    assert digits_in(said) == (digits, rest)


@pytest.mark.parametrize("said", ["four people on the 21st", "555 0123", "twelve hundred"])
def test_other_numbers_are_not_phone_numbers(said):
    found = digits_in(said)
    assert found is None or found[0] == "5550123"


def test_spelled_letters_are_not_thousands():
    assert with_digits("h n k seven k two m") == "h n k 7 k 2 m"
