"""Log lines show no secrets, numbers or words of callers, but still ids, times and amounts that look similar."""

from __future__ import annotations

import logging
import string
from datetime import UTC, datetime

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from convonet.core.errors import AgentError
from convonet.core.redaction import REDACTED, QuoteFree, Redaction, without_quotes

redaction = Redaction("US", words=False)
shown = Redaction("US", words=True)


def line(**fields: object) -> dict[str, object]:
    return dict(redaction(None, "", {"level": "info", **fields}))


def debug_line(**fields: object) -> dict[str, object]:
    return dict(shown(None, "", {"level": "debug", **fields}))


# -- telephone numbers


@pytest.mark.parametrize(
    "text",
    [
        *("4155550123", "415-555-0123", "(415) 555-0123", "415.555.0123", "415 555 0123", "1-415-555-0123"),
        *("+14155550123", "+1 415 555 0123", "+442079460958", "+44 20 7946 0958", "+49 (30) 901820"),
        *(
            "phone=4155550123",
            "tel:+14155550123",
            "/contacts/4155550123",
            "{'from': '4155550123'}",
            "<sip:+14155550123>",
        ),
        *("2026-11-27T13:36:44Z 4155550123", "4155550123 4155550124", "call 415-555-0123, or <sip:+14155550124>."),
    ],
)
def test_a_telephone_number_is_not_shown(text: str) -> None:
    told = str(line(why=text, nested=[{"deep": (text,)}], error=OSError(text)))
    assert REDACTED in told
    assert "0123" not in told.replace("2026-11-27T13:36:44Z", "")
    assert "901820" not in told
    assert "0958" not in told


@pytest.mark.parametrize("name", ["phone", "caller_phone", "phoneNumber", "from_number", "TWILIO_CALLER_ID"])
def test_a_value_that_is_named_a_telephone_number_is_not_shown(name: str) -> None:
    assert line(**{name: 4155550123}) == {"level": "info", name: REDACTED}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-11-27 13:36:44",
            "2026-11-27T13:36:44.123456Z",
            "2026-11-27T13:36:44+00:00",
            "2026-11-27 13",
            "20261127",
        ),
        *("1764250604", "1764250604.1234", "1764250604123", "took 1234.567 ms", "30 000 000 bytes"),
        *("s-4155550123415555012341555501234", "t-41555501234155550123abcd", "00000000-0000-4000-8000-000000000001"),
        *("CA41555501234155550123415555012341", "0x7f2f6c431690", "request 5432109876543210", "pid 4155550 port 54321"),
        *("10.128.0.200:54321", "203.0.113.7", "$1,250,000.00", "12345678.90", "1250000000 cents", "404 200 1234 5"),
    ],
)
def test_what_only_looks_like_a_telephone_number_is_shown(text: str) -> None:
    assert line(why=text)["why"] == text


@pytest.mark.parametrize("name", ["session_id", "user_ids", "call_sid", "timestamp", "elapsed_ms", "first_sentence_ms"])
def test_ids_and_times_are_shown_whatever_they_look_like(name: str) -> None:
    assert line(**{name: "4155550123"})[name] == "4155550123"


NUMBERS = st.builds(
    "{}{}{}".format, st.sampled_from(["415", "212", "650", "312"]), st.integers(200, 999), st.integers(1000, 9999)
)
STYLES = [
    phonenumbers.PhoneNumberFormat.E164,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
]
SENTENCES = st.text(string.ascii_letters + " ,.:;'\"?!", max_size=20).map(lambda text: f"{text} ")


@given(number=NUMBERS, style=st.sampled_from(STYLES), before=SENTENCES, after=SENTENCES)
@settings(max_examples=150, deadline=None)
def test_a_telephone_number_is_found_in_any_style_and_sentence(
    number: str, style: int, before: str, after: str
) -> None:
    parsed = phonenumbers.parse(number, "US")
    assume(phonenumbers.is_valid_number(parsed))
    written = phonenumbers.format_number(parsed, style)
    told = str(line(why=f"{before}{written} {after}")["why"])
    assert number[-4:] not in told


HARMLESS = st.one_of(
    st.uuids().map(str),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC).isoformat()),  # noqa: DTZ001
    st.datetimes(datetime(2020, 1, 1), datetime(2033, 1, 1)).map(lambda at: str(int(at.timestamp()))),  # noqa: DTZ001
    st.floats(0, 1e9).map(lambda number: f"{number:.3f}"),
    st.integers(0, 10**12).map(lambda number: f"{number:,}"),
    st.integers(0, 999_999).map(str),
    st.ip_addresses(v=4).map(str),
    st.binary(min_size=8, max_size=16).map(lambda value: f"t-{value.hex()}"),
)


@given(pieces=st.lists(HARMLESS, max_size=3))
@settings(max_examples=300, deadline=None)
def test_ids_times_addresses_and_amounts_are_left_alone(pieces: list[str]) -> None:
    text = " and ".join(pieces)
    assert line(why=text)["why"] == text


@given(text=st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_searched(text: str) -> None:
    assert isinstance(line(why=text)["why"], str)


# -- words of callers


@pytest.mark.parametrize("name", ["words", "transcript", "prompt", "arguments", "result", "answer", "text"])
def test_words_are_shown_only_in_debug_lines_and_if_they_are_allowed(name: str) -> None:
    assert line(**{name: "buy zucchini"})[name] == "<12 characters>"
    assert line(**{name: {"title": "buy zucchini"}})[name] == REDACTED
    assert debug_line(**{name: "buy zucchini"})[name] == "buy zucchini"
    assert shown(None, "", {"level": "info", name: "buy zucchini"})[name] == "<12 characters>"
    assert debug_line(**{name: "it is 415-555-0123, pin=471182"})[name] == f"it is {REDACTED}, pin={REDACTED}"


@pytest.mark.parametrize("said", ["my pin is 471182", "PIN number 4711", "the pin code is 47 11 82", "pin: 471182"])
def test_a_pin_that_is_said_is_not_shown_even_then(said: str) -> None:
    assert not set("47182") & set(str(debug_line(words=said)["words"]))
    assert debug_line(words="pin 12 things, and 471182 of them")["words"] == "pin 12 things, and 471182 of them"


class Form(BaseModel):
    amount: int


def crash(said: str = "zucch" + "ini") -> BaseException:
    """An error that quotes the caller in every way."""
    try:
        try:
            Form.model_validate({"amount": said})
        except ValidationError as error:
            raise ExceptionGroup(said, [KeyError(said), AgentError("no model")]) from error
    except ExceptionGroup as group:
        return group
    raise AssertionError


def test_a_traceback_says_where_and_what_but_quotes_nobody() -> None:
    told = "\n".join(without_quotes(crash()))
    assert "zucchini" not in told
    for said in ("ValidationError", "ExceptionGroup", "KeyError", "AgentError: no model", "in crash", "which led to:"):
        assert said in told


def test_an_error_in_a_field_or_a_librarys_text_quotes_nobody() -> None:
    error = KeyError("zucchini")
    assert line(reason=error) == {"level": "info", "reason": "KeyError"}
    assert line(why="1 error: [input_value='zucchini, or', input_type=str]")["why"] == (
        f"1 error: [input_value={REDACTED}, input_type=str]"
    )
    assert "zucchini" not in str(line(event="never retrieved: <Task exception=KeyError('zucchini')>"))


def test_a_librarys_own_log_has_no_quotes_either() -> None:
    record = logging.LogRecord("ray.serve", logging.ERROR, "f", 1, "failed: %s", (KeyError("zucchini"),), None)
    record.exc_info = (type(error := crash()), error, error.__traceback__)
    assert QuoteFree().filter(record)
    told = logging.Formatter().format(record)
    assert "failed: KeyError" in told
    assert "zucchini" not in told
