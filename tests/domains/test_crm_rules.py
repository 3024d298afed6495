"""Properties of the CRM's rules: appointment times, ids."""

import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.crm.backends.base import Contact
from convonet.domains.crm.rules import appointment_start, contact_id, record_id, require_birthdate
from convonet.domains.speech import spoken_moment

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOMORROW = (NOW + timedelta(days=1)).replace(tzinfo=None)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONES = st.sampled_from([LOS_ANGELES, ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")])


@given(st.datetimes(TOMORROW, TOMORROW + timedelta(days=363)), ZONES)
def test_a_local_time_within_a_year_is_unchanged_or_does_not_exist_that_night(local, zone):
    try:
        start = appointment_start(local.isoformat(), zone, NOW)
    except DomainError:
        there_and_back = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        assert there_and_back != local
    else:
        assert start.replace(tzinfo=None) == local
        assert start.utcoffset() == local.replace(tzinfo=zone).utcoffset()


@given(st.timedeltas(timedelta(days=-1000), timedelta(days=1000)).map(lambda away: NOW + away), ZONES)
def test_an_appointment_lies_ahead_and_within_a_year(moment, zone):
    try:
        start = appointment_start(moment.isoformat(), zone, NOW)
    except DomainError:
        assert moment <= NOW or moment > NOW + timedelta(days=365)
    else:
        assert start == moment
        assert NOW < moment <= NOW + timedelta(days=365)


def test_the_hour_that_daylight_saving_leaves_out_is_refused():
    with pytest.raises(DomainError, match="skipped"):
        appointment_start("2027-03-14T02:30", LOS_ANGELES, NOW)
    assert appointment_start("2027-03-14T03:30", LOS_ANGELES, NOW).utcoffset() == timedelta(hours=-7)


@given(st.dates())
def test_a_birthdate_is_one_that_a_living_person_can_have(born):
    try:
        require_birthdate(born, NOW.date())
    except DomainError:
        assert born > NOW.date() or born.year < 1896
    else:
        assert date(1896, 1, 1) <= born <= NOW.date()


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_ids_follow_from_caller_kind_and_key(key, other):
    ana, leo = (Owner(uuid.UUID(int=number), LOS_ANGELES, key) for number in (1, 2))
    assert record_id(ana, "case") == record_id(ana, "case")
    assert len({record_id(ana, "case"), record_id(ana, "note"), record_id(leo, "case")}) == 3
    if other != key:
        assert record_id(ana, "case") != record_id(Owner(ana.user_id, LOS_ANGELES, other), "case")


def test_without_a_key_every_record_is_new():
    owner = Owner(uuid.uuid4(), LOS_ANGELES)
    assert record_id(owner, "case") != record_id(owner, "case")


def test_a_contact_has_one_id_however_the_name_is_said():
    caller = uuid.uuid4()
    names = ["Ana Diaz", "ANA  DIAZ", " ana diaz "]
    assert len({contact_id(caller, "+14155550142", name, 0) for name in names}) == 1
    assert contact_id(caller, "+14155550142", "Ana Diaz", 1) != contact_id(caller, "+14155550142", "Ana Diaz", 0)
    assert all(Contact("1", "Ana", "Diaz", "+14155550142").is_called(*name.split()) for name in names)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 12, 1, 17, tzinfo=UTC), "Tuesday, December 1 at 5 pm"),
        (datetime(2026, 12, 1, 0, 5, tzinfo=UTC), "Tuesday, December 1 at 12:05 am"),
        (datetime(2026, 12, 1, 12, 30, tzinfo=UTC), "Tuesday, December 1 at 12:30 pm"),
    ],
)
def test_moments_are_said_as_people_say_them(moment, said):
    assert spoken_moment(moment) == said
