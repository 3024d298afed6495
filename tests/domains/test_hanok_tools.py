"""Every tool of the restaurant through a real MCP client over HTTP, on SQLite and PostgreSQL."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from convonet.domains.hanok.menu import MENU
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.speech import spoken_code
from convonet.domains.speech import spoken_moment
from convonet.settings import Settings
from tests.domains.conftest import ALICE, BOB
from tests.domains.hanok_databases import database, database_url

__all__ = ["database", "database_url"]

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAY = (datetime.now(LOS_ANGELES) + timedelta(days=7)).date()
DINNER = f"{DAY}T19:00"
SPOKEN_DINNER = spoken_moment(datetime.fromisoformat(DINNER))
PHONE = "415 555 0100"
_numbers = itertools.count()


@pytest.fixture
def settings():
    return Settings(HANOK_OPENING_HOURS="mon-sun 11:30-22:00")


async def call(toolbox, tool, claims=ALICE, key=None, **arguments):
    return await toolbox.call("hanok", tool, arguments, claims=claims, idempotency_key=key or f"k:{next(_numbers)}")


async def book(toolbox, claims=ALICE, **fields):
    arguments = {"guest_name": "Kim", "guest_phone": PHONE, "party_size": 4, "starts_at": DINNER, **fields}
    return await call(toolbox, "create_reservation", claims, **arguments)


async def booked(toolbox, claims=ALICE, **fields):
    answer = await book(toolbox, claims, **fields)
    assert answer.ok, answer.text
    return answer.data["reservation"]


async def rows(database):
    async with database.transaction() as session:
        found = (await session.scalars(select(ReservationRow).order_by(ReservationRow.id))).all()
    return [(row.id, row.status, row.party_size, row.starts_at, row.guest_name, row.preorder_json) for row in found]


async def test_the_menu_is_read_out_with_its_prices(toolbox):
    answer = await call(toolbox, "list_menu_items")
    assert "Bulgogi for 25 dollars" in answer.text
    assert answer.text.endswith("Ordering ahead takes seven percent off.")
    assert [item["id"] for item in answer.data["items"]] == [item.id for item in MENU]


async def test_free_tables_of_a_day_are_said(toolbox):
    answer = await call(toolbox, "search_seating_availability", date=str(DAY), party_size=20)
    assert answer.text == f"On {SPOKEN_DINNER.split(' at ')[0]} there are tables from 11:30 am to 9 pm."
    await booked(toolbox, party_size=20)
    answer = await call(toolbox, "search_seating_availability", date=str(DAY), party_size=20)
    assert "at some times from 11:30 am to 9 pm" in answer.text
    free = {slot["starts_at"][11:16]: slot["available"] for slot in answer.data["availability"]["slots"]}
    assert (free["17:00"], free["18:30"], free["19:00"], free["21:00"]) == (True, False, False, True)


async def test_a_table_is_booked_with_an_order_and_found_again(toolbox, database):
    answer = await book(toolbox, preorder_items="bulgogi:2, japchae", special_requests="no sesame")
    one = answer.data["reservation"]
    code = spoken_code(one["confirmation_code"])
    assert answer.text == (
        f"Your table is booked: 4 people on {SPOKEN_DINNER}. "
        f"Your pre-order comes to 62 dollars and 31 cents after the discount. The confirmation code is {code}."
    )
    amounts = ("food_subtotal_cents", "preorder_discount_cents", "food_total_cents")
    assert [one[name] for name in amounts] == [6700, 469, 6231]
    assert (one["status"], one["seating_status"], one["source_channel"]) == ("confirmed", "allocated", "voice")
    assert (one["guest_phone"], one["special_requests"]) == ("+14155550100", "no sesame")
    assert datetime.fromisoformat(one["starts_at"]) == datetime.fromisoformat(DINNER).replace(tzinfo=LOS_ANGELES)
    for arguments in ({}, {"guest_phone": "(415) 555-0100"}, {"guest_name": "kim"}):
        found = await call(toolbox, "get_reservation", **arguments)
        assert found.data["reservations"] == [one]
    assert found.text == f"You have a reservation: 4 people on {SPOKEN_DINNER}, under Kim."
    async with database.transaction() as session:
        stored = (await session.scalars(select(ReservationRow))).one()
    assert (str(stored.owner_id), stored.starts_at.tzinfo) == (ALICE.user_id, UTC)


async def test_several_reservations_are_named_by_time_and_found_by_name(toolbox):
    await booked(toolbox, guest_name="Kim Minji", starts_at=f"{DAY}T20:00")
    await booked(toolbox, guest_name="Lee", starts_at=f"{DAY}T12:00")
    both = await call(toolbox, "get_reservation", guest_phone=PHONE)
    assert [one["guest_name"] for one in both.data["reservations"]] == ["Lee", "Kim Minji"]
    assert both.text.startswith("You have 2 reservations: 4 people on")
    (minji,) = (await call(toolbox, "get_reservation", guest_phone=PHONE, guest_name="minji")).data["reservations"]
    assert minji["guest_name"] == "Kim Minji"
    assert not (await call(toolbox, "get_reservation", guest_phone="415 555 0199")).ok


async def test_a_reservation_is_changed(toolbox):
    one = await booked(toolbox)
    changed = await call(
        toolbox,
        "update_reservation_details",
        reservation_id=one["id"],
        party_size=9,
        starts_at=f"{DAY}T18:00",
        preorder_lines_json='[{"menu_item_id": "galbi", "quantity": 1}]',
        new_guest_phone="415 555 0177",
    )
    assert changed.data["changed"] is True
    now = changed.data["reservation"]
    assert (now["party_size"], now["tables_allocated"], now["guest_phone"]) == (9, [10], "+14155550177")
    assert (now["food_total_cents"], now["starts_at"][11:16]) == (3534, "18:00")
    assert changed.text.startswith("I changed it: 9 people on")
    same = await call(toolbox, "update_reservation_details", reservation_id=one["id"], party_size=9)
    assert (same.ok, same.data["changed"]) == (True, False)
    assert same.text.startswith("Nothing changed:")


async def test_a_full_house_means_the_waitlist_and_a_free_table_is_given_on(toolbox):
    first = await booked(toolbox, BOB, party_size=20)
    waits = await book(toolbox, party_size=19)
    assert "I put you on the waitlist" in waits.text
    assert "1st of 1" in waits.text
    one = waits.data["reservation"]
    early = await call(toolbox, "set_reservation_status", reservation_id=one["id"], status="confirmed")
    assert not early.ok
    assert early.text == "There is no free table yet: this party is still on the waitlist."
    assert (await call(toolbox, "cancel_reservation", BOB, reservation_id=first["id"])).ok
    found = (await call(toolbox, "get_reservation")).data["reservations"][0]
    assert (found["status"], found["tables_allocated"]) == ("confirmed", [10, 10])
    again = await call(toolbox, "set_reservation_status", reservation_id=one["id"], status="confirmed")
    assert (again.ok, again.data["changed"]) == (True, False)


async def test_cancelling_a_large_order_takes_a_second_step(toolbox):
    one = await booked(toolbox, preorder_items="hanok_feast:3")
    asked = await call(toolbox, "cancel_reservation", reservation_id=one["id"])
    assert not asked.ok
    assert asked.text.startswith("Your pre-order is 357 dollars and 12 cents")
    assert asked.text.endswith("Do you still want to cancel?")
    assert (await call(toolbox, "get_reservation")).data["reservations"] == [one]
    done = await call(toolbox, "cancel_reservation", reservation_id=one["id"], retention_offer_acknowledged=True)
    assert done.text == f"I cancelled your table for 4 people on {SPOKEN_DINNER}."
    assert (done.data["reservation"]["status"], done.data["reservation"]["tables_allocated"]) == ("cancelled", None)
    again = await call(toolbox, "set_reservation_status", reservation_id=one["id"], status="cancelled")
    assert again.text == "That was cancelled already."
    assert not (await call(toolbox, "get_reservation")).ok


@pytest.mark.parametrize("by", ["cancel_reservation", "set_reservation_status"])
async def test_a_small_order_is_cancelled_at_once(toolbox, by):
    one = await booked(toolbox, preorder_items="hanok_feast:2")
    status = {"status": "cancelled"} if by == "set_reservation_status" else {}
    assert (await call(toolbox, by, reservation_id=one["id"], **status)).data["changed"] is True


BAD = [
    ("get_reservation", {"guest_phone": "five five five"}),
    ("get_reservation_by_code", {"confirmation_code": "HNK-2222", "guest_phone": PHONE}),
    ("get_reservation_by_code", {"confirmation_code": "my birthday", "guest_phone": PHONE}),
    ("get_reservation_by_code", {}),
    ("search_seating_availability", {"date": "someday"}),
    ("search_seating_availability", {"date": str(DAY), "party_size": 21}),
    ("create_reservation", {"starts_at": "2020-01-01T19:00"}),
    ("create_reservation", {"starts_at": f"{DAY}T03:00"}),
    ("create_reservation", {"starts_at": "tomorrow"}),
    ("create_reservation", {"starts_at": "9999-12-31T19:00"}),
    ("create_reservation", {"starts_at": "0001-01-01T00:00"}),
    ("create_reservation", {"party_size": 0}),
    ("create_reservation", {"party_size": 21}),
    ("create_reservation", {"guest_name": "  "}),
    ("create_reservation", {"guest_name": "\x00"}),
    ("create_reservation", {"guest_name": "x" * 256}),
    ("create_reservation", {"guest_phone": "none"}),
    ("create_reservation", {"preorder_items": "2 pizzas"}),
    ("create_reservation", {"preorder_lines_json": "{"}),
    ("create_reservation", {"preorder_items": "bulgogi:500"}),
    ("create_reservation", {"special_requests": "x" * 2001}),
    ("create_reservation", {"source_channel": "pigeon"}),
    ("update_reservation_details", {"reservation_id": "mine"}),
    ("update_reservation_details", {"reservation_id": "mine", "party_size": 99}),
    ("update_reservation_details", {"reservation_id": "mine", "starts_at": "2020-01-01T19:00"}),
    ("update_reservation_details", {"reservation_id": "mine", "preorder_items": "nothing"}),
    ("update_reservation_details", {"reservation_id": 999_999, "party_size": 2}),
    ("set_reservation_status", {"reservation_id": "mine", "status": "seated"}),
    ("set_reservation_status", {"reservation_id": "mine", "status": "completed"}),
    ("set_reservation_status", {"reservation_id": "mine", "status": "eaten"}),
    ("set_reservation_status", {"reservation_id": 2**31, "status": "cancelled"}),
    ("cancel_reservation", {"reservation_id": 999_999}),
    ("cancel_reservation", {"reservation_id": 0}),
    ("no_such_tool", {}),
]


async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(toolbox, database):
    mine = await booked(toolbox)
    before = await rows(database)
    whole = {"guest_name": "Kim", "guest_phone": PHONE, "party_size": 4, "starts_at": f"{DAY}T12:00"}
    for tool, bad in BAD:
        arguments = {**whole, **bad} if tool == "create_reservation" else dict(bad)
        if arguments.get("reservation_id") == "mine":
            arguments["reservation_id"] = mine["id"]
        answer = await call(toolbox, tool, **arguments)
        assert not answer.ok, (tool, bad)
        assert answer.text.endswith((".", "?")), answer.text
        assert "went wrong" not in answer.text, (tool, bad)
        assert "validation error" not in answer.text
        assert await rows(database) == before, (tool, bad)


async def test_another_callers_reservation_does_not_exist(toolbox, database):
    one = await booked(toolbox)
    before = await rows(database)
    assert not (await call(toolbox, "get_reservation", BOB)).ok
    assert not (await call(toolbox, "get_reservation", BOB, guest_phone=PHONE)).ok
    unproven = await call(toolbox, "get_reservation_by_code", BOB, confirmation_code=one["confirmation_code"])
    assert unproven.text == "Please tell me the phone number of that reservation too."
    nothing = await call(toolbox, "get_reservation_by_code", BOB, confirmation_code="HNK-2222")
    assert nothing.text == unproven.text
    actions = [
        ("update_reservation_details", {"party_size": 2}),
        ("set_reservation_status", {"status": "cancelled"}),
        ("cancel_reservation", {}),
    ]
    proofs = [
        {},
        {"confirmation_code": one["confirmation_code"]},
        {"guest_phone": PHONE},
        {"confirmation_code": one["confirmation_code"], "guest_phone": "415 555 0199"},
        {"confirmation_code": "HNK-2222", "guest_phone": PHONE},
    ]
    for (tool, extra), proof in itertools.product(actions, proofs):
        answer = await call(toolbox, tool, BOB, reservation_id=one["id"], **extra, **proof)
        assert not answer.ok
        assert answer.text == "I can't find that reservation."
    assert await rows(database) == before


async def test_with_code_and_phone_a_caller_may_see_and_change_a_reservation(toolbox):
    one = await booked(toolbox)
    proof = {"confirmation_code": one["confirmation_code"].replace("-", " ").lower(), "guest_phone": "1-415-555-0100"}
    seen = await call(toolbox, "get_reservation_by_code", BOB, **proof)
    assert seen.data["reservation"] == one
    own = await call(toolbox, "get_reservation_by_code", confirmation_code=one["confirmation_code"])
    assert own.text == f"4 people on {SPOKEN_DINNER}, under Kim."
    changed = await call(toolbox, "update_reservation_details", BOB, reservation_id=one["id"], party_size=2, **proof)
    assert changed.data["reservation"]["party_size"] == 2
    assert (await call(toolbox, "cancel_reservation", BOB, reservation_id=one["id"], **proof)).ok


async def test_callers_can_not_make_themselves_a_vip_or_act_as_another(toolbox, database):
    one = await booked(toolbox, BOB, guest_priority="vip", owner_id=ALICE.user_id, user_id=ALICE.user_id)
    await call(toolbox, "update_reservation_details", BOB, reservation_id=one["id"], party_size=3, guest_priority="vip")
    (found,) = (await call(toolbox, "get_reservation", BOB)).data["reservations"]
    assert (found["guest_priority"], found["party_size"]) == ("normal", 3)
    assert not (await call(toolbox, "get_reservation")).ok
    assert (await booked(toolbox, preorder_items="hanok_feast:5"))["guest_priority"] == "vip"


async def test_a_repeated_call_has_its_effect_once_and_the_same_answer(toolbox, database):
    arguments = {"guest_name": "Kim", "guest_phone": PHONE, "party_size": 4, "starts_at": DINNER}
    first, again = [await call(toolbox, "create_reservation", key="t-1:1", **arguments) for _ in range(2)]
    assert again == first
    at_once = await asyncio.gather(
        *(call(toolbox, "create_reservation", key="t-2:1", **arguments | {"party_size": 5}) for _ in range(5))
    )
    assert all(answer == at_once[0] for answer in at_once)
    assert len(await rows(database)) == 2
    one = first.data["reservation"]["id"]
    change = {"reservation_id": one, "party_size": 6, "key": "t-3:1"}
    assert await call(toolbox, "update_reservation_details", **change) == await call(
        toolbox, "update_reservation_details", **change
    )
    for tool, extra in (("cancel_reservation", {}), ("set_reservation_status", {"status": "cancelled"})):
        done = await call(toolbox, tool, reservation_id=one, key=f"{tool}:1", **extra)
        assert await call(toolbox, tool, reservation_id=one, key=f"{tool}:1", **extra) == done


async def test_the_same_order_said_twice_is_booked_once(toolbox, database):
    first, again = await book(toolbox), await book(toolbox, guest_name="Kym")
    assert again.data == {"reservation": first.data["reservation"], "deduplicated": True}
    assert again.text.startswith("That is booked already: 4 people on")
    assert len(await rows(database)) == 1
