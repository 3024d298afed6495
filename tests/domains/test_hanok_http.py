"""The HTTP API of the restaurant behind the real staff login, on SQLite and PostgreSQL."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from convonet.domains.hanok.booking import MAX_AHEAD
from convonet.domains.hanok.house import House
from convonet.domains.hanok.http import router
from convonet.domains.hanok.http_schemas import MAX_LINES
from convonet.domains.hanok.rate_limits import BOOKINGS, MISSES, AddressLimits
from convonet.domains.hanok.service import ReservationService
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts, StaffRow
from convonet.staff.http import StaffLogin
from convonet.web.refusals import add_refusal_handlers
from tests.domains.hanok_databases import database, database_url
from tests.fixtures.clock import Clock
from tests.fixtures.sqlite import inline_throttle

__all__ = ["database", "database_url"]

API = "/api/reservations"
PASSWORD = "correct horse battery"
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAY = (datetime.now(LOS_ANGELES) + timedelta(days=7)).date()
DINNER = f"{DAY}T19:00"
PHONE = "415 555 0100"
PROOF = {"guest_phone": "+1 (415) 555-0100"}
WHOLE = {"guest_name": "Kim", "guest_phone": PHONE, "party_size": 4, "starts_at": DINNER}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def settings(tmp_path):
    return Settings(CONVONET_DATA_DIR=tmp_path, HANOK_OPENING_HOURS="mon-sun 11:30-22:00")


@pytest.fixture
def app(database, settings, clock):
    login = StaffLogin(StaffAccounts(database), inline_throttle(settings), settings)
    app = FastAPI()
    add_refusal_handlers(app)
    app.include_router(login.router())
    reservations = ReservationService(database, House.of(settings.hanok))
    app.include_router(router(reservations, login.require_staff, AddressLimits(60, clock)))
    return app


@pytest.fixture
async def guest(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hanok") as client:
        yield client


@pytest.fixture
async def staff(app, database):
    async with database.transaction() as session:
        await session.execute(delete(StaffRow))
    await StaffAccounts(database).add_member("dora", "Dora Example", Role.AGENT, PASSWORD)
    headers = {"Origin": "http://hanok"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://hanok", headers=headers
    ) as client:
        await client.post("/staff/api/login", json={"username": "dora", "password": PASSWORD})
        yield client


async def book(guest, status=201, **fields):
    answer = await guest.post(API, json={**WHOLE, **fields})
    assert answer.status_code == status, answer.text
    return answer.json()


def is_refusal(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"code", "message"}
    assert answer.json()["code"] == code
    return True


# -- guests


async def test_the_menu_has_prices_in_cents(guest):
    menu = (await guest.get(f"{API}/menu/items")).json()
    assert menu["preorder_discount_percent"] == 7
    assert len(menu["items"]) >= 6
    assert all(isinstance(item["price_cents"], int) and item["name_ko"] for item in menu["items"])


async def test_the_half_hours_of_a_day_say_what_is_free(guest):
    await book(guest, party_size=20)
    day = (await guest.get(f"{API}/seating/availability", params={"date": str(DAY), "party_size": 20})).json()
    assert (day["timezone"], day["opens_at"][11:16], day["closes_at"][11:16]) == (
        "America/Los_Angeles",
        "11:30",
        "22:00",
    )
    dinner = next(slot for slot in day["slots"] if slot["starts_at"][11:16] == "19:00")
    assert (dinner["available"], dinner["tables"]) == (False, {"4": 2, "6": 3, "8": 3, "10": 0})
    assert is_refusal(await guest.get(f"{API}/seating/availability"), 422, "bad_field")
    impossible = await guest.get(f"{API}/seating/availability", params={"date": "2027-02-30"})
    assert is_refusal(impossible, 409, "no_such_time")


async def test_a_reservation_is_made_with_every_field_of_the_contract(guest):
    order = [{"menu_item_id": "bulgogi", "quantity": 2}, {"menu_item_id": "mandu", "quantity": 0}]
    answer = await guest.post(API, json={**WHOLE, "preorder": order, "special_requests": "by the window"})
    assert (answer.status_code, answer.headers["X-Hanok-Deduplicated"]) == (201, "0")
    one = answer.json()
    made = one.pop("created_at"), one.pop("updated_at")
    assert made[0] == made[1]
    code, number = one.pop("confirmation_code"), one.pop("id")
    assert code.startswith("HNK-")
    assert number > 0
    assert one == {
        "party_size": 4,
        "starts_at": datetime.fromisoformat(DINNER).replace(tzinfo=LOS_ANGELES).isoformat(),
        "status": "confirmed",
        "duration_minutes": 120,
        "seating_status": "allocated",
        "guest_waitlist_position": None,
        "guest_waitlist_queue_size": None,
        "guest_waitlist_estimated_wait_minutes": None,
        "guest_waitlist_position_ordinal_en": None,
        "guest_waitlist_wait_time_hint": None,
        "assistant_seating_opening_hint": "Your table is reserved.",
        "guest_name": "Kim",
        "guest_phone": "+14155550100",
        "special_requests": "by the window",
        "preorder_items": [
            {
                "menu_item_id": "bulgogi",
                "name_en": "Bulgogi",
                "quantity": 2,
                "line_total_cents": 5000,
                "unit_price_cents": 2500,
            }
        ],
        "food_subtotal_cents": 5000,
        "preorder_discount_cents": 350,
        "food_total_cents": 4650,
        "source_channel": "online",
        "preferred_locale": "en",
        "reminder_call_status": None,
        "guest_priority": "normal",
        "tables_allocated": [4],
    }


async def test_the_same_voice_order_is_answered_with_the_first_one(guest):
    first = await book(guest, source_channel="voice")
    again = await guest.post(API, json={**WHOLE, "source_channel": "voice"})
    assert (again.status_code, again.headers["X-Hanok-Deduplicated"]) == (200, "1")
    assert again.json() == first
    assert (await book(guest, source_channel="online"))["id"] != first["id"]


@pytest.mark.parametrize(
    "bad",
    [
        {"party_size": 0},
        {"party_size": 21},
        {"party_size": "4"},
        {"party_size": True},
        {"starts_at": 1796180400},
        {"starts_at": "tomorrow"},
        {"guest_name": ""},
        {"guest_name": "   "},
        {"guest_name": "a\x00b"},
        {"guest_name": "x" * 256},
        {"guest_phone": "call me"},
        {"special_requests": "x" * 2001},
        {"special_requests": "\x00"},
        {"preorder": [{"menu_item_id": "pizza", "quantity": 1}]},
        {"preorder": [{"menu_item_id": "bulgogi", "quantity": 100}]},
        {"preorder": [{"menu_item_id": "bulgogi", "quantity": 1}] * (MAX_LINES + 1)},
        {"source_channel": "pigeon"},
        {"duration_minutes": 29},
        {"duration_minutes": 481},
        {"guest_priority": "vip"},
        {"name": "an alias"},
    ],
)
async def test_what_the_schema_forbids_is_refused_in_one_shape(guest, bad):
    assert is_refusal(await guest.post(API, json={**WHOLE, **bad}), 422, "bad_field")


async def test_a_body_that_is_no_text_is_refused_in_the_same_shape(guest):
    json = {"Content-Type": "application/json"}
    assert is_refusal(await guest.post(API, content=b"\xff", headers=json), 422, "bad_field")
    half = f'{{"guest_name": "\\ud800", "guest_phone": "4155550100", "party_size": 4.0, "starts_at": "{DINNER}"}}'
    assert is_refusal(await guest.post(API, content=half, headers=json), 422, "bad_field")
    assert (await guest.post(API, content=half.replace("\\ud800", "Kim"), headers=json)).json()["party_size"] == 4


@pytest.mark.parametrize("number", ["x", "-1", "0", "99999999999999999999"])
async def test_an_impossible_reservation_number_is_not_found(staff, number):
    assert (await staff.get(f"{API}/{number}")).status_code in {404, 422}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"starts_at": "2020-01-01T19:00"}, "time_passed"),
        ({"starts_at": "2099-01-01T19:00"}, "too_far_ahead"),
        ({"starts_at": f"{DAY}T10:00"}, "closed"),
        ({"starts_at": "2027-03-14T02:30"}, "no_such_time"),
        ({"preorder": [{"menu_item_id": "bulgogi", "quantity": 60}] * 2}, "bad_order"),
    ],
)
async def test_what_a_rule_forbids_is_refused_with_the_rules_code(guest, bad, code):
    assert is_refusal(await guest.post(API, json={**WHOLE, **bad}), 409, code)


async def test_without_a_table_guests_wait_or_are_refused(guest):
    await book(guest, party_size=20)
    full = await guest.post(API, json={**WHOLE, "party_size": 20, "waitlist_if_full": False})
    assert is_refusal(full, 409, "no_table")
    places = [(await book(guest, party_size=20))["guest_waitlist_position"] for _ in range(2)]
    assert places == [1, 2]
    assert is_refusal(await guest.post(API, json={**WHOLE, "party_size": 20}), 409, "waitlist_full")


async def test_the_code_alone_shows_nothing_about_the_person(guest):
    one = await book(guest, special_requests="a secret")
    shown = (await guest.get(f"{API}/by-code/{one['confirmation_code']}")).json()
    assert shown["seating_status"] == "allocated"
    assert shown.keys().isdisjoint({"id", "guest_name", "guest_phone", "special_requests", "preorder_items"})
    assert "secret" not in str(shown)
    assert is_refusal(await guest.get(f"{API}/by-code/HNK-2222"), 404, "not_found")
    assert is_refusal(await guest.get(f"{API}/by-code/nonsense"), 422, "bad_field")


async def test_code_and_phone_show_change_and_cancel(guest):
    one = await book(guest)
    path = f"{API}/by-code/{one['confirmation_code']}"
    assert (await guest.post(f"{path}/details", json=PROOF)).json() == one
    moved = await guest.patch(path, json={**PROOF, "party_size": 9, "starts_at": f"{DAY}T18:00"})
    assert moved.headers["X-Hanok-Reservation-Changed"] == "1"
    assert (moved.json()["tables_allocated"], moved.json()["starts_at"][11:16]) == ([10], "18:00")
    same = await guest.patch(path, json={**PROOF, "party_size": 9})
    assert (same.status_code, same.headers["X-Hanok-Reservation-Changed"]) == (200, "0")
    cancelled = await guest.patch(f"{path}/status", json={**PROOF, "status": "cancelled"})
    assert (cancelled.json()["status"], cancelled.json()["tables_allocated"]) == ("cancelled", None)
    assert is_refusal(await guest.patch(path, json={**PROOF, "party_size": 2}), 409, "illegal_status_change")


async def test_a_wrong_phone_looks_like_a_wrong_code(guest):
    one = await book(guest)
    path, wrong = f"{API}/by-code/{one['confirmation_code']}", {"guest_phone": "415 555 0199"}
    answers = [
        await guest.post(f"{path}/details", json=wrong),
        await guest.patch(path, json={**wrong, "party_size": 2}),
        await guest.patch(f"{path}/status", json={**wrong, "status": "cancelled"}),
        await guest.post(f"{API}/by-code/HNK-2222/details", json=PROOF),
    ]
    assert all(is_refusal(answer, 404, "not_found") for answer in answers)
    assert len({answer.text for answer in answers}) == 1
    assert (await guest.post(f"{path}/details", json=PROOF)).json() == one


async def test_cancelling_a_large_order_takes_the_retention_step(guest):
    one = await book(guest, preorder=[{"menu_item_id": "hanok_feast", "quantity": 3}])
    path, body = f"{API}/by-code/{one['confirmation_code']}/status", {**PROOF, "status": "cancelled"}
    assert is_refusal(await guest.patch(path, json=body), 409, "premium_cancel_requires_retention_step")
    acknowledged = await guest.patch(path, json={**body, "retention_offer_acknowledged": True})
    assert acknowledged.json()["status"] == "cancelled"


async def test_guests_can_not_seat_themselves(guest):
    one = await book(guest)
    path = f"{API}/by-code/{one['confirmation_code']}/status"
    assert is_refusal(await guest.patch(path, json={**PROOF, "status": "seated"}), 422, "bad_field")


async def test_an_address_that_keeps_guessing_has_to_wait_and_no_other_does(app, guest, clock):
    one = await book(guest)
    path = f"{API}/by-code/{one['confirmation_code']}"
    for _ in range(MISSES):
        assert is_refusal(await guest.get(f"{API}/by-code/HNK-2222"), 404, "not_found")
    waiting = await guest.post(f"{path}/details", json=PROOF)
    assert is_refusal(waiting, 429, "rate_limited")
    assert int(waiting.headers["Retry-After"]) == 90
    assert is_refusal(await guest.get(path), 429, "rate_limited")
    assert is_refusal(await guest.patch(path, json={**PROOF, "party_size": 2}), 429, "rate_limited")
    elsewhere = httpx.ASGITransport(app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://hanok") as other:
        assert (await other.get(path)).status_code == 200
    assert (await guest.get(f"{API}/menu/items")).status_code == 200
    clock.now += 901
    assert (await guest.post(f"{path}/details", json=PROOF)).status_code == 200


async def test_guesses_made_at_once_are_counted_before_any_of_them_is_answered(guest):
    answers = await asyncio.gather(*(guest.get(f"{API}/by-code/HNK-2222") for _ in range(3 * MISSES)))
    assert sorted(answer.status_code for answer in answers) == [404] * MISSES + [429] * 2 * MISSES


async def test_guests_who_read_their_own_reservation_are_never_limited_as_guessers(guest):
    path = f"{API}/by-code/{(await book(guest))['confirmation_code']}"
    for _ in range(2 * MISSES):
        assert (await guest.get(path)).status_code == 200


async def test_an_address_makes_so_many_reservations_an_hour(guest, clock):
    for n in range(BOOKINGS):
        await book(guest, guest_phone=f"415 555 01{n:02d}", starts_at=f"{DAY}T{12 + n % 8}:00")
    assert is_refusal(await guest.post(API, json=WHOLE), 429, "rate_limited")
    assert (await guest.get(f"{API}/menu/items")).status_code == 200
    clock.now += 3601
    await book(guest)


async def test_a_phone_number_holds_so_many_reservations_ahead(guest):
    made = [await book(guest, party_size=1) for _ in range(MAX_AHEAD)]
    assert is_refusal(await guest.post(API, json=WHOLE), 409, "too_many_reservations")
    cancelled = f"{API}/by-code/{made[0]['confirmation_code']}/status"
    assert (await guest.patch(cancelled, json={**PROOF, "status": "cancelled"})).status_code == 200
    await book(guest)


async def test_an_address_makes_so_many_requests_a_minute(guest, clock):
    for _ in range(60):
        assert (await guest.get(f"{API}/menu/items")).status_code == 200
    assert is_refusal(await guest.get(f"{API}/menu/items"), 429, "rate_limited")
    assert is_refusal(await guest.post(API, json=WHOLE), 429, "rate_limited")
    clock.now += 61
    assert (await guest.get(f"{API}/menu/items")).status_code == 200


# -- staff


async def test_the_book_is_closed_to_strangers_and_foreign_pages(guest, staff):
    one = await book(guest)
    paths = [API, f"{API}/lookup?guest_phone=4155550100", f"{API}/{one['id']}"]
    for path in paths:
        assert is_refusal(await guest.get(path), 401, "login_required")
        assert (await staff.get(path)).status_code == 200
    for path in (f"{API}/{one['id']}", f"{API}/{one['id']}/status", f"{API}/{one['id']}/priority"):
        assert (await guest.patch(path, json={})).status_code in {401, 403}
        foreign = await staff.patch(path, json={"status": "seated"}, headers={"Origin": "http://evil.example"})
        assert is_refusal(foreign, 403, "origin_refused")
    assert (await staff.get(f"{API}/{one['id']}")).json() == one


async def test_the_book_is_read_by_day_and_status_page_by_page(guest, staff):
    starts = [f"{DAY}T12:00", f"{DAY}T20:00", f"{DAY + timedelta(days=1)}T12:00"]
    made = [await book(guest, starts_at=start) for start in starts]
    await staff.patch(f"{API}/{made[0]['id']}/status", json={"status": "cancelled"})
    assert (await staff.get(API)).json()["total"] == 3
    day = (await staff.get(API, params={"date": str(DAY)})).json()
    assert [one["id"] for one in day["reservations"]] == [made[0]["id"], made[1]["id"]]
    confirmed = (await staff.get(API, params={"status": "confirmed", "page_size": 1, "page": 2})).json()
    assert (confirmed["total"], [one["id"] for one in confirmed["reservations"]]) == (2, [made[2]["id"]])
    assert is_refusal(await staff.get(API, params={"status": "eaten"}), 422, "bad_field")
    assert is_refusal(await staff.get(API, params={"page": 0}), 422, "bad_field")


async def test_the_book_shows_places_on_the_waitlist(guest, staff):
    made = [await book(guest, party_size=20) for _ in range(3)]
    shown = (await staff.get(API)).json()["reservations"]
    assert [one["guest_waitlist_position"] for one in shown] == [None, 1, 2]
    vip = await staff.patch(f"{API}/{made[2]['id']}/priority", json={"guest_priority": "vip"})
    assert (vip.json()["guest_waitlist_position"], vip.headers["X-Hanok-Reservation-Changed"]) == (1, "1")


async def test_a_phone_number_is_looked_up_with_a_name_when_several_fit(guest, staff):
    minji, _ = await book(guest, guest_name="Kim Minji"), await book(guest, guest_name="Lee")
    several = await staff.get(f"{API}/lookup", params={"guest_phone": "4155550100"})
    assert is_refusal(several, 409, "several_match")
    found = await staff.get(f"{API}/lookup", params={"guest_phone": "415-555-0100", "guest_name": "kim"})
    assert found.json() == minji
    assert is_refusal(await staff.get(f"{API}/lookup", params={"guest_phone": "4155550199"}), 404, "not_found")


async def test_the_staff_takes_a_reservation_through_its_evening(guest, staff):
    one = await book(guest)
    path = f"{API}/{one['id']}"
    changed = await staff.patch(path, json={"guest_phone": "415 555 0122", "special_requests": "quiet"})
    assert (changed.json()["guest_phone"], changed.json()["special_requests"]) == ("+14155550122", "quiet")
    assert is_refusal(await staff.patch(f"{path}/status", json={"status": "completed"}), 409, "illegal_status_change")
    for status in ("seated", "completed"):
        assert (await staff.patch(f"{path}/status", json={"status": status})).json()["status"] == status
    assert is_refusal(await staff.patch(f"{path}/status", json={"status": "cancelled"}), 409, "illegal_status_change")
    assert is_refusal(await staff.get(f"{API}/999999"), 404, "not_found")
    assert is_refusal(await staff.patch(f"{API}/999999/status", json={"status": "seated"}), 404, "not_found")


async def test_the_staffs_word_on_a_vip_holds_whatever_is_ordered(guest, staff):
    one = await book(guest, preorder=[{"menu_item_id": "hanok_feast", "quantity": 5}])
    assert one["guest_priority"] == "vip"
    path = f"{API}/{one['id']}"
    assert (await staff.patch(path, json={"preorder": []})).json()["guest_priority"] == "normal"
    await staff.patch(f"{path}/priority", json={"guest_priority": "vip"})
    assert (await staff.patch(path, json={"party_size": 5})).json()["guest_priority"] == "vip"


# -- the document


async def test_every_route_documents_the_answers_it_may_give(guest):
    paths = (await guest.get("/openapi.json")).json()["paths"]
    for path, methods in paths.items():
        if not path.startswith(API):
            continue
        for method, route in methods.items():
            expected = {"422", "409", "503"} | ({"401"} if "staff" in route["tags"] else {"429"})
            expected |= {"404"} if "{" in path or "lookup" in path else set()
            expected |= {"403"} if "staff" in route["tags"] and method == "patch" else set()
            assert expected <= route["responses"].keys(), (method, path)
            shape = route["responses"]["422"]["content"]["application/json"]["schema"]["$ref"]
            assert shape.endswith("/Refusal")
