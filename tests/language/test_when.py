"""Spoken dates and times, on Wednesday, November 18, 2026, at half past two in the afternoon."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.language.when import due_at_end, due_at_start, due_of

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=ZoneInfo("America/New_York"))
ANY_MOMENT = st.datetimes(
    datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2030-12-31"), timezones=st.just(NOW.tzinfo)
)

AT_THE_END = [
    ("tomorrow", "2026-11-19"),
    ("today", "2026-11-18"),
    ("tonight", "2026-11-18T20:00"),
    ("tonight at eight", "2026-11-18T20:00"),
    ("tomorrow at five", "2026-11-19T17:00"),
    ("tomorrow morning", "2026-11-19T09:00"),
    ("tomorrow morning at 7", "2026-11-19T07:00"),
    ("tomorrow at half past seven in the morning", "2026-11-19T07:30"),
    ("in the morning", "2026-11-19T09:00"),
    ("the day after tomorrow", "2026-11-20"),
    ("on friday", "2026-11-20"),
    ("due friday", "2026-11-20"),
    ("by next friday", "2026-11-27"),
    ("on wednesday", "2026-11-25"),
    ("friday evening at seven", "2026-11-20T19:00"),
    ("half past seven next friday", "2026-11-27T19:30"),
    ("at 5 pm tomorrow", "2026-11-19T17:00"),
    ("at five p m", "2026-11-18T17:00"),
    ("at 5 p.m", "2026-11-18T17:00"),
    ("at 17:00", "2026-11-18T17:00"),
    ("at noon", "2026-11-19T12:00"),
    ("at midnight", "2026-11-19T00:00"),
    ("at one fifteen p m", "2026-11-19T13:15"),
    ("at five thirty", "2026-11-18T17:30"),
    ("at ten past four", "2026-11-18T16:10"),
    ("at quarter to six in the evening", "2026-11-18T17:45"),
    ("at eleven", "2026-11-18T23:00"),
    ("tomorrow at eleven", "2026-11-19T11:00"),
    ("in 3 days", "2026-11-21"),
    ("in two weeks", "2026-12-02"),
    ("in half an hour", "2026-11-18T15:00"),
    ("in twenty five minutes", "2026-11-18T14:55"),
    ("this weekend", "2026-11-21"),
    ("next week", "2026-11-23"),
    ("next month", "2026-12-01"),
    ("by the end of the month", "2026-11-30"),
    ("on december third at five pm", "2026-12-03T17:00"),
    ("on march second", "2027-03-02"),
    ("on the twenty fifth of december", "2026-12-25"),
    ("on the fifth", "2026-12-05"),
    ("on the 31st", "2026-12-31"),
    ("on 12/24", "2026-12-24"),
    ("by 2027-01-31", "2027-01-31"),
]


@pytest.mark.parametrize(("phrase", "due"), AT_THE_END)
def test_a_time_at_the_end_is_cut_off_and_understood(phrase, due):
    assert due_at_end(f"call mom {phrase}", NOW) == ("call mom", due_of(phrase, NOW))
    assert str(due_of(phrase, NOW)) == due


@pytest.mark.parametrize(
    "text",
    [
        "buy sunday newspaper",
        "book a table for two",
        "read chapter four",
        "run five miles",
        "see you at home",
        "water the plants every day",
        "meet ann at 25",
        "pay on february 30",
        "marry in may",
        "buy a hundred and one dalmatians",
    ],
)
def test_what_only_looks_like_a_time_stays(text):
    assert due_at_end(text, NOW) == (text, None)


def test_a_time_may_come_first():
    rest, due = due_at_start("tomorrow at five to call mom", NOW)
    assert (rest, str(due)) == ("to call mom", "2026-11-19T17:00")


def test_an_hour_alone_is_an_answer_to_when():
    assert str(due_of("five", NOW)) == "2026-11-18T17:00"
    assert due_of("milk", NOW) is None


@settings(max_examples=300, deadline=None)
@given(
    phrase=st.sampled_from([phrase for phrase, _ in AT_THE_END]),
    now=ANY_MOMENT,
)
def test_what_is_said_is_never_in_the_past(phrase, now):
    due = due_of(phrase, now)
    if due is None or phrase.endswith(("2027-01-31", "17:00")):
        return
    assert due.day >= now.date()


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=80), now=ANY_MOMENT)
def test_any_text_is_survived(text, now):
    rest, due = due_at_end(text, now)
    assert text.startswith(rest)
    assert due is not None or rest == text
