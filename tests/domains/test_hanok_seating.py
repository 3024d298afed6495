"""Tables, waitlist and repeated orders on both databases; many callers at once; the tables that exist already."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import delete, func, select

from convonet.core.opening_hours import OpeningHours
from convonet.core.owner import Owner
from convonet.domains.hanok.access import ByCaller, ByStaff
from convonet.domains.hanok.enums import GuestPriority, SeatingStatus, SourceChannel, Status
from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.domains.hanok.house import House
from convonet.domains.hanok.menu import OrderLine
from convonet.domains.hanok.models import ReservationRow, SlotRow
from convonet.domains.hanok.schemas import Amendment, Booking
from convonet.domains.hanok.seating.inventory import Inventory, TableTaken
from convonet.domains.hanok.seating.tables import slots_of
from convonet.domains.hanok.seed import GUESTS, seed
from convonet.domains.hanok.service import ReservationService
from convonet.settings import Settings
from convonet.settings.hanok import HanokSettings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.domains.conftest import ALICE, BOB
from tests.domains.hanok_databases import database, database_url
from tests.fixtures.clock import Clock

__all__ = ["database", "database_url"]

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
DINNER = "2026-12-01T19:00"
ONE_TABLE = House(ZoneInfo("America/Los_Angeles"), OpeningHours.parse("mon-sun 11:30-22:00"), {4: 1})
REAL = House.of(HanokSettings())


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def small(database, clock):
    """A restaurant with one table for four."""
    return ReservationService(database, ONE_TABLE, clock)


def booking(party=4, start=DINNER, **fields):
    return Booking(**{"guest_name": "Kim", "guest_phone": "415 555 0100", **fields}, party_size=party, starts_at=start)


async def book(reservations, owner=None, **fields):
    return (await reservations.book(booking(**fields), owner)).reservation


async def refused(reason, action):
    with pytest.raises(ReservationRefused) as caught:
        await action
    assert caught.value.reason is reason


async def seating(reservations, one):
    return (await reservations.get(ByStaff(one.id))).seating_status


# -- many at once


async def test_of_many_callers_at_once_one_gets_the_last_table(database, small):
    answers = await asyncio.gather(
        *(small.book(booking(waitlist_if_full=False, guest_phone=f"415555{n:04d}")) for n in range(30)),
        return_exceptions=True,
    )
    seated = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(seated) == 1
    assert {answer.reason for answer in answers if answer not in seated} == {Reason.NO_TABLE}
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(ReservationRow)) == 1
        assert await session.scalar(select(func.min(SlotRow.available_count))) == 0


async def test_overlapping_stays_booked_at_once_never_share_a_table(database, clock):
    house = ReservationService(database, REAL, clock)
    starts = ["2026-12-01T18:00", "2026-12-01T18:30", "2026-12-01T19:15", "2026-12-01T20:00"]
    actions = [
        house.book(booking(party=3 + n % 10, start=starts[n % 4], waitlist_if_full=False, guest_phone=f"415555{n:04d}"))
        for n in range(40)
    ]
    answers = await asyncio.gather(*actions, return_exceptions=True)
    assert {a.reason for a in answers if isinstance(a, BaseException)} == {Reason.NO_TABLE}
    used = {}
    for answer in answers:
        if not isinstance(answer, BaseException):
            one = answer.reservation
            for slot in slots_of(one.starts_at.astimezone(UTC), one.duration_minutes):
                for size in one.tables_allocated:
                    used[slot, size] = used.get((slot, size), 0) + 1
    assert all(count <= REAL.tables[size] for (_, size), count in used.items())
    assert max(used.values()) == 3


# on SQLite those who write wait for each other in any case
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_the_table_is_sold_once_even_without_the_lock(database):
    slots = slots_of(datetime(2026, 12, 2, 3, tzinfo=UTC), 120)
    looking = asyncio.Barrier(6)

    async def take():
        async with database.transaction() as session:
            inventory = Inventory(session, {4: 2})
            assert (await inventory.free(slots[0], slots[0] + timedelta(minutes=30)))[slots[0]] == {4: 2}
            await looking.wait()
            await inventory.take_tables(slots, [4])

    outcomes = await asyncio.gather(*(take() for _ in range(6)), return_exceptions=True)
    assert [type(o) for o in outcomes if o is not None] == [TableTaken] * 4
    async with database.transaction() as session:
        assert set(await session.scalars(select(SlotRow.available_count))) == {0}


async def test_a_table_that_is_taken_in_one_slot_of_the_stay_is_booked_in_none(database):
    slots = slots_of(datetime(2026, 12, 2, 3, tzinfo=UTC), 120)
    async with database.transaction() as session:
        await Inventory(session, {4: 1}).take_tables(slots[3:], [4])
    with pytest.raises(TableTaken):
        async with database.transaction() as session:
            await Inventory(session, {4: 1}).take_tables(slots, [4])
    async with database.transaction() as session:
        free = await Inventory(session, {4: 1}).free(slots[0], slots[-1] + timedelta(minutes=30))
    assert [free[slot][4] for slot in slots] == [1, 1, 1, 0]


async def test_cancelling_and_booking_at_once_leaves_a_consistent_inventory(database, clock):
    house = ReservationService(database, ONE_TABLE, clock)
    starts = ["2026-12-01T17:00", "2026-12-01T18:00", "2026-12-01T19:00", "2026-12-01T20:00"]
    made = [await book(house, start=start) for start in starts]
    cancelled = [house.set_status(ByStaff(one.id), Status.CANCELLED) for one in made]
    booked = [house.book(booking(start=start)) for start in reversed(starts)]
    answers = await asyncio.gather(*cancelled, *booked, return_exceptions=True)
    assert not [answer for answer in answers if isinstance(answer, BaseException)]


# -- seats and the waitlist


async def test_a_party_without_a_table_waits_and_gets_the_next_one(small):
    first = await book(small)
    second, third = await book(small), await book(small, start="2026-12-01T19:10")
    assert (first.status, first.seating_status, first.tables_allocated) == ("confirmed", "allocated", [4])
    assert (second.status, second.seating_status, second.tables_allocated) == ("pending", "waitlist", None)
    assert (second.guest_waitlist_position, third.guest_waitlist_position) == (1, 2)
    assert third.guest_waitlist_queue_size == 2
    assert third.guest_waitlist_estimated_wait_minutes == 30
    assert third.guest_waitlist_position_ordinal_en == "2nd"
    assert "2nd of 2 on the waitlist" in third.assistant_seating_opening_hint
    cancelled = (await small.set_status(ByStaff(first.id), Status.CANCELLED)).reservation
    assert (cancelled.seating_status, cancelled.tables_allocated) == ("not_applicable", None)
    assert await seating(small, second) == SeatingStatus.ALLOCATED
    moved_up = await small.get(ByStaff(third.id))
    assert (moved_up.guest_waitlist_position, moved_up.status) == (1, "pending")


async def test_a_vip_is_seated_before_earlier_parties(small):
    first = await book(small)
    early = await book(small)
    rich = await book(small, preorder=[OrderLine("hanok_feast", 5)])
    named = await book(small)
    assert rich.food_total_cents == 59520
    assert (early.guest_waitlist_position, rich.guest_waitlist_position) == (1, 1)
    await small.set_priority(ByStaff(named.id), GuestPriority.VIP)
    await small.set_status(ByStaff(first.id), Status.CANCELLED)
    assert await seating(small, rich) == SeatingStatus.ALLOCATED
    await small.set_status(ByStaff(rich.id), Status.CANCELLED, retention_offer_acknowledged=True)
    assert await seating(small, named) == SeatingStatus.ALLOCATED
    assert await seating(small, early) == SeatingStatus.WAITLIST


async def test_a_table_left_early_goes_to_the_waitlist(small, clock):
    first, second = await book(small), await book(small, start="2026-12-01T20:30")
    clock.now = datetime(2026, 12, 2, 3, 5, tzinfo=UTC)
    await small.set_status(ByStaff(first.id), Status.SEATED)
    assert await seating(small, second) == SeatingStatus.WAITLIST
    await small.set_status(ByStaff(first.id), Status.COMPLETED)
    assert await seating(small, second) == SeatingStatus.ALLOCATED


async def test_no_party_is_seated_for_a_time_that_has_passed(small, clock):
    first, second = await book(small), await book(small)
    clock.now = datetime(2026, 12, 2, 4, tzinfo=UTC)
    await small.set_status(ByStaff(first.id), Status.CANCELLED)
    assert await seating(small, second) == SeatingStatus.WAITLIST


async def test_the_waitlist_is_full_at_five_tables(small):
    await book(small)
    for _ in range(5):
        await book(small)
    await refused(Reason.WAITLIST_FULL, book(small))
    await refused(Reason.NO_TABLE, book(small, waitlist_if_full=False))
    assert (await book(small, start="2026-12-01T19:30")).guest_waitlist_position == 1


async def test_a_party_that_can_not_move_keeps_its_table(small):
    lunch, dinner = await book(small, start="2026-12-01T12:00"), await book(small)
    await refused(Reason.NO_TABLE, small.amend(ByStaff(lunch.id), Amendment(starts_at="2026-12-01T18:00")))
    assert await small.get(ByStaff(lunch.id)) == lunch
    await refused(Reason.NO_TABLE, small.amend(ByStaff(lunch.id), Amendment(party_size=5)))
    moved = (await small.amend(ByStaff(lunch.id), Amendment(starts_at="2026-12-01T17:00"))).reservation
    assert (moved.seating_status, moved.starts_at.hour) == ("allocated", 17)
    longer = (await small.amend(ByStaff(dinner.id), Amendment(duration_minutes=180))).reservation
    assert longer.tables_allocated == [4]
    assert (await book(small, start="2026-12-01T12:00")).seating_status == "allocated"


async def test_a_party_that_moves_makes_room(small):
    first, second = await book(small), await book(small)
    await small.amend(ByStaff(first.id), Amendment(starts_at="2026-12-02T19:00"))
    assert await seating(small, second) == SeatingStatus.ALLOCATED


async def test_missing_slots_are_counted_from_the_reservations(database, small):
    await book(small)
    async with database.transaction() as session:
        await session.execute(delete(SlotRow))
    assert (await book(small)).seating_status == "waitlist"
    day = await small.availability("2026-12-01", 4)
    free = {slot.starts_at.strftime("%H:%M"): slot.available for slot in day.slots}
    assert not any(free[t] for t in ("17:30", "19:00", "20:30"))
    assert free["17:00"]
    assert free["21:00"]
    assert [slot.waiting for slot in day.slots if slot.starts_at.strftime("%H:%M") == "19:00"] == [1]


# -- a day's half hours


async def test_availability_names_the_half_hours_ahead_in_the_restaurants_zone(small, clock):
    clock.now = datetime(2026, 11, 24, 3, 40, tzinfo=UTC)
    today = await small.availability("2026-11-23", 2)
    assert [slot.starts_at.strftime("%H:%M %z") for slot in today.slots] == [
        "20:00 -0800",
        "20:30 -0800",
        "21:00 -0800",
    ]
    assert not (await small.availability("2026-11-22", 2)).slots
    assert len((await small.availability("2026-12-01", 2)).slots) == 20
    await refused(Reason.NO_SUCH_TIME, small.availability("2026-02-30", 2))


async def test_a_day_on_which_the_restaurant_is_closed_has_no_half_hours(database, clock):
    weekend = House(ONE_TABLE.zone, OpeningHours.parse("sat 18:00-23:00"))
    day = await ReservationService(database, weekend, clock).availability("2026-12-01", 2)
    assert (day.opens_at, day.slots) == (None, [])


# -- the same order twice


async def test_a_voice_order_that_comes_twice_is_one_reservation(small, clock):
    alice, bob = (Owner(uuid.UUID(c.user_id), ZoneInfo("UTC")) for c in (ALICE, BOB))
    voice = {"source_channel": SourceChannel.VOICE}
    first = await small.book(booking(**voice), alice)
    clock.now = NOW + timedelta(seconds=119)
    again = await small.book(booking(**voice, guest_name="Kym"), alice)
    assert (again.deduplicated, again.reservation.id) == (True, first.reservation.id)
    assert not (await small.book(booking(**voice), bob)).deduplicated
    assert not (await small.book(booking(**voice, guest_name="Lee"))).deduplicated
    assert (await small.book(booking(**voice, guest_name="lee"))).deduplicated
    assert not (await small.book(booking(**voice, party=3), alice)).deduplicated
    assert not (await small.book(booking(), alice)).deduplicated
    clock.now = NOW + timedelta(seconds=121)
    assert not (await small.book(booking(**voice), alice)).deduplicated


async def test_the_same_voice_order_sent_many_times_at_once_is_one_reservation(small):
    alice = Owner(uuid.UUID(ALICE.user_id), ZoneInfo("UTC"))
    answers = await asyncio.gather(*(small.book(booking(source_channel=SourceChannel.VOICE), alice) for _ in range(10)))
    assert len({answer.reservation.id for answer in answers}) == 1
    assert [answer.deduplicated for answer in answers].count(False) == 1


# -- access


async def test_guests_can_not_change_a_reservation_once_its_time_has_come_but_the_staff_can(small, clock):
    alice = Owner(uuid.UUID(ALICE.user_id), ZoneInfo("UTC"))
    one = await book(small, alice)
    requester = ByCaller(alice.user_id, one.id)
    clock.now = one.starts_at + timedelta(minutes=1)
    await refused(Reason.ALREADY_BEGUN, small.set_status(requester, Status.CANCELLED))
    await refused(Reason.ALREADY_BEGUN, small.amend(requester, Amendment(party_size=2)))
    assert (await small.set_status(ByStaff(one.id), Status.CANCELLED)).changed


# -- what exists already, and what the demo has

OLD_TABLES = """
CREATE TABLE users_anthropic (id uuid PRIMARY KEY);
CREATE TABLE reservations (id serial PRIMARY KEY, confirmation_code varchar(16) UNIQUE NOT NULL,
  guest_name varchar(255) NOT NULL, guest_phone varchar(64) NOT NULL, party_size integer NOT NULL,
  starts_at timestamptz NOT NULL, status varchar(32) NOT NULL, special_requests text, preorder_json text,
  food_subtotal_cents integer DEFAULT 0 NOT NULL, preorder_discount_cents integer DEFAULT 0 NOT NULL,
  food_total_cents integer DEFAULT 0 NOT NULL, source_channel varchar(32) DEFAULT 'online' NOT NULL,
  preferred_locale varchar(16) DEFAULT 'en' NOT NULL, reminder_call_status varchar(128),
  duration_minutes integer DEFAULT 120 NOT NULL, tables_allocated_json text,
  guest_priority varchar(16) DEFAULT 'normal' NOT NULL, seating_status varchar(32) DEFAULT 'not_applicable' NOT NULL,
  created_at timestamptz DEFAULT now() NOT NULL, updated_at timestamptz DEFAULT now() NOT NULL);
CREATE TABLE table_slot_inventory (id serial PRIMARY KEY, slot_start timestamp NOT NULL, table_size integer NOT NULL,
  available_count integer DEFAULT 0 NOT NULL, UNIQUE (slot_start, table_size));
INSERT INTO reservations (confirmation_code, guest_name, guest_phone, party_size, starts_at, status, preorder_json,
    food_total_cents, source_channel, tables_allocated_json, seating_status) VALUES
  ('HNK-OLD1', 'Old Guest', '415-555-0100', 4, '2026-12-02 03:00+00', 'confirmed',
   '[{"menu_item_id": "bulgogi", "quantity": 1, "name_en": "Bulgogi", "line_total_cents": 2500}]', 2325, 'kiosk',
   '[4]', 'allocated'),
  ('HNK-OLD0', 'No Seat', '+14155550101', 4, '2026-12-03 03:00+00', 'confirmed', 'rubbish', 0, 'voice', NULL,
   'not_applicable');
INSERT INTO table_slot_inventory (slot_start, table_size, available_count)
  SELECT '2026-12-02 03:00'::timestamp + n * interval '30 minutes', 4, 0 FROM generate_series(0, 3) AS n;
"""


async def test_reservations_of_the_old_deployment_are_found_changed_and_counted(fresh_database, clock):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_TABLES)
    await connection.close()
    url = Settings(DB_URI=fresh_database).storage.database_url
    await migrate(url)
    database = Database(url)
    small = ReservationService(database, ONE_TABLE, clock)
    old = await small.lookup("(415) 555-0100", None)
    assert (old.confirmation_code, old.source_channel, old.tables_allocated) == ("HNK-OLD1", "online", [4])
    assert (old.preorder_items[0].name_en, old.preorder_items[0].unit_price_cents) == ("Bulgogi", 2500)
    await refused(Reason.NO_TABLE, small.book(booking(waitlist_if_full=False)))
    await small.set_status(ByStaff(old.id), Status.CANCELLED)
    assert (await book(small)).seating_status == "allocated"
    unseated = await small.lookup("4155550101", "seat")
    assert (unseated.preorder_items, unseated.seating_status) == ([], "not_applicable")
    moved = (await small.amend(ByStaff(unseated.id), Amendment(starts_at="2026-12-04T19:00"))).reservation
    assert moved.seating_status == "allocated"
    await database.close()


async def test_the_demo_reservations_are_added_once_and_hold_their_tables(database):
    alice = uuid.UUID(ALICE.user_id)
    for _ in range(2):
        async with database.transaction() as session:
            await seed(session, alice, NOW)
    house = ReservationService(database, REAL, lambda: NOW)
    page = await house.search(None, None, 1, 50)
    assert {one.confirmation_code for one in page.reservations} == {guest.code for guest in GUESTS}
    assert page.total == len(GUESTS)
    assert all(one.seating_status == "allocated" for one in page.reservations)
    assert all(REAL.hours.lets_in(one.starts_at.astimezone(UTC), REAL.zone) for one in page.reservations)
    assert len(await house.of_caller(alice, None, None)) == 2
