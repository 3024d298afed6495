"""The rules of the restaurant for any party, any day, and any sequence of actions."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from convonet.core.opening_hours import WEEKDAYS, OpeningHours
from convonet.domains.hanok.access import ByStaff
from convonet.domains.hanok.confirmation_codes import ALPHABET, code_of, new_code
from convonet.domains.hanok.enums import TRANSITIONS, GuestPriority, SeatingStatus, Status
from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.domains.hanok.house import TABLES, House
from convonet.domains.hanok.menu import DISHES, MENU, VIP_CENTS, OrderLine, priced, stored_items, to_store
from convonet.domains.hanok.models import ReservationRow, SlotRow
from convonet.domains.hanok.phones import normalized, same, spellings
from convonet.domains.hanok.preorders import order_of
from convonet.domains.hanok.schemas import Amendment, Booking, ordinal
from convonet.domains.hanok.seating.tables import MAX_TABLES, SLOT, chosen_tables, free_throughout, slot_of, slots_of
from convonet.domains.hanok.seating.waitlist import MAX_UNITS, has_room
from convonet.domains.hanok.service import ReservationService
from convonet.domains.hanok.speech import spoken_money
from convonet.storage.database import Database
from convonet.storage.migrate import migrate

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})).map(ZoneInfo)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
COUNTS = st.dictionaries(st.sampled_from([2, 4, 6, 8, 10]), st.integers(0, 3))
ORDERS = st.lists(st.builds(OrderLine, st.sampled_from(sorted(DISHES)), st.integers(0, 9)), max_size=10)
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
HOUSE = House(LOS_ANGELES, OpeningHours.parse("mon-sun 11:30-22:00"), {4: 1, 6: 1})


def refused(reason, action, *arguments):
    with pytest.raises(ReservationRefused) as caught:
        action(*arguments)
    assert caught.value.reason is reason
    assert caught.value.spoken.endswith((".", "?"))
    return caught.value.spoken


# -- tables and slots


@given(st.integers(1, 20), COUNTS)
@example(20, {10: 2})
@example(20, {10: 1, 8: 1})
def test_a_party_gets_free_tables_with_enough_chairs_and_no_fewer_would_do(party, free):
    chosen = chosen_tables(party, free)
    stock = list(Counter(free).elements())
    possible = [c for n in range(1, MAX_TABLES + 1) for c in combinations(stock, n) if sum(c) >= party]
    if not possible:
        assert chosen is None
        return
    fewest = min(map(len, possible))
    assert len(chosen) == fewest
    assert sum(chosen) == min(sum(c) for c in possible if len(c) == fewest)
    assert not Counter(chosen) - Counter(stock)


@given(MOMENTS, st.integers(30, 480))
def test_the_slots_of_a_stay_cover_it_and_nothing_else(start, minutes):
    start = start.replace(second=0, microsecond=0)
    slots = slots_of(start, minutes)
    assert slots[0] <= start < slots[0] + SLOT
    assert slots[-1] < start + timedelta(minutes=minutes) <= slots[-1] + SLOT
    assert all(later - earlier == SLOT for earlier, later in pairwise(slots))
    assert all(slot == slot_of(slot) and slot.minute in {0, 30} for slot in slots)


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_free_throughout_is_what_every_slot_has(slots):
    free = free_throughout(slots)
    assert all(count <= slot.get(size, 0) for size, count in free.items() for slot in slots)


# -- money


@given(ORDERS)
def test_the_amounts_of_an_order_add_up_to_the_cent(lines):
    order = priced(lines)
    assert order.subtotal_cents == sum(DISHES[line.menu_item_id].price_cents * line.quantity for line in lines)
    assert order.total_cents + order.discount_cents == order.subtotal_cents
    assert abs(order.discount_cents * 100 - order.subtotal_cents * 7) <= 50
    assert all(item.unit_price_cents == DISHES[item.menu_item_id].price_cents for item in order.items)
    assert stored_items(to_store(order.items)) == list(order.items)


def test_what_is_not_on_the_menu_or_too_much_is_refused():
    refused(Reason.BAD_ORDER, priced, [OrderLine("pizza", 1)])
    refused(Reason.BAD_ORDER, priced, [OrderLine("bulgogi", 60), OrderLine("bulgogi", 60)])
    refused(Reason.BAD_ORDER, priced, [OrderLine("bulgogi", -1)])


@pytest.mark.parametrize("stored", [None, "", "nonsense", "{}", '[{"dish": 1}]', "7"])
def test_a_stored_order_that_is_unreadable_is_no_order(stored):
    assert stored_items(stored) == []


@pytest.mark.parametrize(
    ("items", "as_json", "wanted"),
    [
        (None, None, None),
        ("", None, {}),
        ("bulgogi:2, bibimbap:1", None, {"bulgogi": 2, "bibimbap": 1}),
        ("2x Kimchi jjigae; japchae", None, {"kimchi_jjigae": 2, "japchae": 1}),
        ("3 mandu", '[{"menu_item_id": "galbi", "quantity": 2}]', {"mandu": 3, "galbi": 2}),
    ],
)
def test_orders_are_read_as_tools_are_given_them(items, as_json, wanted):
    lines = order_of(items, as_json)
    assert (lines if lines is None else {line.menu_item_id: line.quantity for line in lines}) == wanted


@pytest.mark.parametrize(("items", "as_json"), [("2 pizzas", None), (None, "{"), (None, '["x"]'), ("0:bulgogi", None)])
def test_an_order_that_makes_no_sense_is_refused(items, as_json):
    refused(Reason.BAD_ORDER, order_of, items, as_json)


def test_the_menu_has_at_least_six_dishes_each_once():
    assert len(DISHES) == len(MENU) >= 6


# -- time


@settings(max_examples=300, deadline=None)
@given(ZONES, MOMENTS)
@example(LOS_ANGELES, datetime(2026, 3, 8, 10, 30, tzinfo=UTC))
@example(LOS_ANGELES, datetime(2026, 11, 1, 8, 30, tzinfo=UTC))
def test_a_time_with_its_offset_is_that_moment_and_one_without_is_the_restaurants_own(zone, moment):
    house = replace(HOUSE, zone=zone)
    moment = moment.replace(second=0, microsecond=0)
    local = moment.astimezone(zone)
    assert house.moment_of(moment.isoformat()) == moment
    understood = house.moment_of(local.replace(tzinfo=None).isoformat())
    assert understood.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)


def test_the_hour_that_is_skipped_in_spring_does_not_exist():
    refused(Reason.NO_SUCH_TIME, HOUSE.moment_of, "2027-03-14T02:30")
    refused(Reason.NO_SUCH_TIME, HOUSE.moment_of, "2027-02-30T12:00")
    refused(Reason.NO_SUCH_TIME, HOUSE.moment_of, "next friday")
    assert HOUSE.moment_of("2027-03-13T19:00") == datetime(2027, 3, 14, 3, tzinfo=UTC)
    assert HOUSE.moment_of("2027-03-14T19:00") == datetime(2027, 3, 15, 2, tzinfo=UTC)


@given(st.dates(date(2020, 1, 1), date(2036, 1, 1)), ZONES)
@example(date(2026, 11, 1), LOS_ANGELES)
def test_the_restaurant_opens_at_the_same_clock_time_on_both_sides_of_a_clock_change(day, zone):
    at_ten = datetime.combine(day, time(22), zone)
    # a few zones, such as that of Nuuk, have skipped this very hour
    assume(at_ten.astimezone(UTC).astimezone(zone).hour == at_ten.hour)
    opening = HOUSE.hours.on(day, zone)
    assert opening.closes.astimezone(zone).strftime("%H:%M") == "22:00"
    assert HOUSE.hours.lets_in(opening.opens, zone)
    assert HOUSE.hours.lets_in(opening.last_arrival, zone)
    assert not HOUSE.hours.lets_in(opening.opens - timedelta(minutes=1), zone)
    assert not HOUSE.hours.lets_in(opening.last_arrival + timedelta(minutes=1), zone)


def test_only_times_at_which_guests_may_arrive_can_be_booked():
    HOUSE.require_bookable(HOUSE.moment_of("2026-11-24T21:00"), NOW)
    refused(Reason.TIME_PASSED, HOUSE.require_bookable, NOW, NOW)
    refused(Reason.TOO_FAR_AHEAD, HOUSE.require_bookable, NOW + timedelta(days=366), NOW)
    said = refused(Reason.CLOSED, HOUSE.require_bookable, HOUSE.moment_of("2026-11-24T21:30"), NOW)
    assert said == "We can't seat you then. On that Tuesday, guests may arrive from 11:30 am to 9 pm."
    weekend = replace(HOUSE, hours=OpeningHours.parse("fri-sat 18:00-01:00"))
    said = refused(Reason.CLOSED, weekend.require_bookable, HOUSE.moment_of("2026-11-24T19:00"), NOW)
    assert said == "We are closed on Tuesday, November 24."
    weekend.require_bookable(HOUSE.moment_of("2026-11-29T00:00"), NOW)


def test_opening_hours_are_read_from_one_line():
    hours = OpeningHours.parse("Sat-Mon 10:00-20:00; wed 17:00-22:30")
    assert [day for day, shift in zip(WEEKDAYS, hours.week, strict=True) if shift] == ["mon", "wed", "sat", "sun"]


@pytest.mark.parametrize(
    "text", ["", "always", "mon 25:00-26:00", "mun 10:00-11:00", "mon 10:00-11:00; mon-tue 12:00-13:00"]
)
def test_opening_hours_that_make_no_sense_are_named(text):
    with pytest.raises(ValueError, match=r"'|twice"):
        OpeningHours.parse(text)


# -- codes and phone numbers


def test_codes_can_be_said_and_are_hard_to_mix_up():
    codes = {new_code() for _ in range(500)}
    assert len(codes) > 490
    assert all(code.startswith("HNK-") and set(code[4:]) <= set(ALPHABET) for code in codes)
    assert not set("ILO01") & set(ALPHABET)
    assert {code_of(said) for said in ("HNK-7K2M", "hnk 7 k 2 m", "7k2m", "H.N.K. 7K2M")} == {"HNK-7K2M"}
    assert code_of("my birthday") is None
    assert code_of("HNK-7K2MX") is None


@given(st.from_regex(r"\+?(?:[ ().-]{0,2}[0-9]){7,15}", fullmatch=True))
def test_one_number_is_one_number_however_it_is_written(phone):
    norm = normalized(phone)
    assert normalized(norm) == norm
    assert norm in spellings(phone)
    assert all(same(spelling, phone) for spelling in spellings(phone))


def test_ten_digits_are_a_number_of_north_america_and_few_digits_are_none():
    assert normalized("(415) 555-0100") == normalized("1 415 555 0100") == "+14155550100"
    assert not same("+14155550100", "+14155550101")
    refused(Reason.BAD_PHONE, normalized, "five five five")
    refused(Reason.BAD_PHONE, normalized, "1" * 16)


@given(st.integers(0, 10_000_000))
def test_amounts_are_said_without_signs(cents):
    assert "$" not in spoken_money(cents)
    assert spoken_money(4750) == "47 dollars and 50 cents"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21)] == ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st"]


# -- the book of reservations after any sequence of actions


STARTS = st.sampled_from(["2026-12-01T18:00", "2026-12-01T18:20", "2026-12-01T19:30", "2026-12-01T20:00"])
WHICH = st.integers(0, 7)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), st.integers(1, 11), STARTS, st.sampled_from([30, 120, 200]), ORDERS),
        st.tuples(st.just("amend"), WHICH, st.none() | st.integers(1, 11), st.none() | STARTS, st.none() | ORDERS),
        st.tuples(st.just("step"), WHICH, st.sampled_from(Status), st.booleans()),
        st.tuples(st.just("vip"), WHICH, st.sampled_from(GuestPriority)),
    ),
    min_size=1,
    max_size=14,
)


@pytest.fixture(scope="module")
def book_url(tmp_path_factory):
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('hanok') / 'test.db'}"
    asyncio.run(migrate(url))
    return url


@settings(max_examples=60, deadline=None)
@given(actions=ACTIONS)
def test_no_sequence_of_actions_overbooks_or_makes_an_illegal_status_change(book_url, actions):
    asyncio.run(_play(book_url, actions))


async def _play(url, actions):
    database = Database(url)
    try:
        async with database.transaction() as session:
            await session.execute(delete(ReservationRow))
            await session.execute(delete(SlotRow))
        clock = iter(NOW + timedelta(minutes=n) for n in range(100_000))
        reservations = ReservationService(database, HOUSE, lambda: next(clock))
        ids = []
        for action in actions:
            before = await _rows(database)
            try:
                ids += await _do(reservations, action, ids)
            except ReservationRefused:
                assert await _rows(database) == before
            await _check(database, before)
    finally:
        await database.close()


async def _do(reservations, action, ids):
    match action:
        case "book", party, start, minutes, order:
            booking = Booking("Kim", "4155550100", party, start, preorder=order, duration_minutes=minutes)
            return [(await reservations.book(booking)).reservation.id]
        case _, which, *_ if which >= len(ids):
            pass
        case "amend", which, party, start, order:
            await reservations.amend(ByStaff(ids[which]), Amendment(party_size=party, starts_at=start, preorder=order))
        case "step", which, status, acknowledged:
            await reservations.set_status(ByStaff(ids[which]), status, retention_offer_acknowledged=acknowledged)
        case "vip", which, priority:
            await reservations.set_priority(ByStaff(ids[which]), priority)
    return []


async def _rows(database):
    async with database.transaction() as session:
        rows = (await session.scalars(select(ReservationRow))).all()
    return {
        row.id: {c.key: getattr(row, c.key) for c in ReservationRow.__table__.columns} | {"tables": row.tables}
        for row in rows
    }


async def _check(database, before):
    rows = await _rows(database)
    async with database.transaction() as session:
        slots = (await session.scalars(select(SlotRow))).all()
    used = Counter()
    for row in rows.values():
        allocated = row["seating_status"] == SeatingStatus.ALLOCATED
        assert allocated == bool(row["tables"])
        assert not allocated or sum(row["tables"]) >= row["party_size"]
        for slot in slots_of(row["starts_at"], row["duration_minutes"]):
            used.update((slot, size) for size in row["tables"])
        _check_one(row, before.get(row["id"]))
    assert all(count <= HOUSE.tables[size] for (_, size), count in used.items())
    known = {(slot.slot_start, slot.table_size): slot.available_count for slot in slots}
    assert known == {key: HOUSE.tables[key[1]] - used[key] for key in known}
    assert used.keys() <= known.keys()
    _check_waitlist(rows.values())


def _check_one(row, before):
    status = Status(row["status"])
    if before is not None and before["status"] != status:
        assert status in TRANSITIONS[Status(before["status"])]
    expected = {
        Status.PENDING: SeatingStatus.WAITLIST,
        Status.CONFIRMED: SeatingStatus.ALLOCATED,
        Status.SEATED: SeatingStatus.ALLOCATED,
    }
    assert row["seating_status"] == expected.get(status, SeatingStatus.NOT_APPLICABLE)
    assert row["food_total_cents"] == row["food_subtotal_cents"] - row["preorder_discount_cents"]
    assert row["food_subtotal_cents"] == sum(i.line_total_cents for i in stored_items(row["preorder_json"]))
    by_order = row["food_total_cents"] >= VIP_CENTS
    is_vip = by_order if row["vip_by_staff"] is None else row["vip_by_staff"]
    assert (row["guest_priority"] == GuestPriority.VIP) == is_vip


def _check_waitlist(rows):
    waiting = [row for row in rows if row["seating_status"] == SeatingStatus.WAITLIST]
    units = Counter()
    for row in waiting:
        units[slot_of(row["starts_at"])] += 1 if row["party_size"] <= 6 else 2
    assert all(count <= MAX_UNITS for count in units.values())


def test_the_waitlist_counts_tables_and_not_parties():
    waiting = [ReservationRow(party_size=12), ReservationRow(party_size=20)]
    assert has_room(waiting, 4, TABLES)
    assert not has_room(waiting, 12, TABLES)
