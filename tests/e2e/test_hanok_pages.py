"""The restaurant's pages in a real browser: a guest books, looks up and cancels; the staff sees it and seats guests."""

import re
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import faults, sticks_out
from tests.e2e.conftest import FLAGS
from tests.fixtures.servers import require_tool

VIEWPORTS = pytest.mark.parametrize(
    "viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 844}], ids=["desktop", "phone"]
)
PHONE_NUMBER = "(415) 555-0142"
PASSWORD = "correct horse battery"
HOUSE = ZoneInfo("America/Los_Angeles")
DESKTOP = {"width": 1280, "height": 800}


def house_today():
    return datetime.now(HOUSE).date()


def next_friday():
    """A day on which the house is open until late, in its own zone, and never today."""
    today = house_today()
    return (today + timedelta(days=(4 - today.weekday()) % 7 or 7)).isoformat()


@pytest.fixture
def browser(playwright):
    browser = playwright.chromium.launch(executable_path=require_tool("chromium", "/usr/bin/chromium"), args=FLAGS)
    yield browser
    browser.close()


@contextmanager
def page_of(browser, product, viewport, path, *, zone=None, now=None):
    """A page whose script may not fail; in another time zone and at another time if named."""
    context = browser.new_context(viewport=viewport, timezone_id=zone)
    if now:
        context.clock.set_fixed_time(now)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{product.url}{path}")
    yield page
    assert errors == []
    context.close()


def assert_sound(page):
    """Nothing for axe to find, and nothing that sticks out at the side."""
    assert faults(page) == []
    assert not sticks_out(page)


def book(page, *, name, feasts=0, at="6:30 PM", day=None):
    """Fill in the booking page and send it; returns the code."""
    page.get_by_test_id("date").fill(day or next_friday())
    page.get_by_role("radio", name=re.compile(at)).check()
    for _ in range(feasts):
        page.get_by_label("One more Hanok feast").click()
    page.get_by_test_id("name").fill(name)
    page.get_by_test_id("phone").fill(PHONE_NUMBER)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("code")).to_have_text(re.compile(r"HNK-\w{4}"))
    return page.get_by_test_id("code").inner_text()


@VIEWPORTS
def test_a_guest_books_with_an_order_and_cancels_in_two_steps(product, browser, viewport):
    with page_of(browser, product, viewport, "/hanok/") as page:
        page.get_by_test_id("submit").click()
        expect(page.get_by_test_id("error")).to_have_text("Please choose a time.")
        assert_sound(page)
        code = book(page, name="Robin Sample", feasts=3)
        expect(page.get_by_test_id("booked-facts")).to_contain_text("$357.12")
        assert_sound(page)

        page.get_by_test_id("open").click()
        expect(page.get_by_test_id("found-title")).to_have_text("Confirmed")
        # the code alone says nothing about the person
        expect(page.get_by_test_id("facts")).not_to_contain_text("Robin")
        expect(page.get_by_test_id("change")).to_be_hidden()

        page.get_by_test_id("phone").fill("415 555 0143")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("error")).to_have_text("I can't find that reservation.")
        page.get_by_test_id("phone").fill("4155550142")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("facts")).to_contain_text("Robin Sample")
        assert_sound(page)

        page.get_by_test_id("change").click()
        expect(page.get_by_role("radio", name="6:30 PM Yours")).to_be_checked()
        page.get_by_role("radio", name=re.compile("8:00 PM")).check()
        assert_sound(page)
        page.get_by_test_id("change-save").click()
        expect(page.get_by_test_id("facts")).to_contain_text("8:00 PM")

        page.get_by_test_id("cancel").click()
        page.get_by_test_id("cancel-yes").click()
        expect(page.get_by_test_id("cancel-text")).to_contain_text("$357.12")
        assert_sound(page)
        page.get_by_test_id("cancel-yes").click()
        expect(page.get_by_test_id("found-title")).to_have_text("Cancelled")
        expect(page.get_by_test_id("change")).to_be_hidden()
        assert code == page.get_by_test_id("found-code").inner_text()


@VIEWPORTS
def test_the_staff_logs_in_and_sees_and_seats_the_guests_of_a_day(product, browser, viewport):
    guest = f"Kim Placeholder {viewport['width']}"
    with page_of(browser, product, viewport, "/hanok/book") as page:
        book(page, name=guest, at="7:00 PM")
        # without a login there is no book
        page.goto(f"{product.url}/hanok/admin?date={next_friday()}")
        expect(page.get_by_test_id("login")).to_be_visible()
        assert page.request.get(f"{product.url}/hanok/api/reservations").status == 401
        assert_sound(page)
        page.get_by_test_id("username").fill("owner")
        page.get_by_test_id("password").fill("not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("error")).to_have_text("Name or password is wrong.")

        page.goto(product.staff_link())
        expect(page.get_by_test_id("who")).to_have_text("Owner")
        page.get_by_test_id("date").fill(next_friday())
        entry = page.get_by_role("button", name=re.compile(guest))
        expect(entry).to_contain_text("table for 4")
        assert_sound(page)

        entry.click()
        expect(page.get_by_test_id("details-facts")).to_contain_text("+14155550142")
        page.get_by_test_id("party").fill("5")
        page.get_by_test_id("name").fill(f"{guest} Again")
        page.get_by_test_id("phone").fill("555 01")
        page.get_by_test_id("save").click()
        expect(page.get_by_test_id("phone-error")).to_contain_text("too short")
        page.get_by_test_id("phone").fill("(415) 555 - 0143")
        page.get_by_test_id("save").click()
        expect(page.get_by_test_id("details-facts")).to_contain_text("for 6")
        expect(page.get_by_test_id("details-facts")).to_contain_text("+14155550143")
        expect(page.get_by_test_id("details-title")).to_contain_text(f"{guest} Again")
        page.get_by_role("button", name="Make VIP").click()
        page.get_by_role("button", name="Guests are here").click()
        expect(page.get_by_role("button", name="Guests have left")).to_be_visible()
        assert_sound(page)
        page.get_by_test_id("close").click()
        expect(entry).to_contain_text("At the table")
        expect(entry).to_contain_text("VIP")

        page.get_by_test_id("logout").click()
        expect(page.get_by_test_id("login")).to_be_visible()
        page.goto(f"{product.url}/hanok/admin")
        expect(page.get_by_test_id("login")).to_be_visible()


@VIEWPORTS
def test_the_staff_logs_in_by_form_and_cancels_after_two_questions(product, browser, viewport):
    guest, account = f"Lou Invented {viewport['width']}", f"host{viewport['width']}"
    product.add_staff(account, PASSWORD)
    with page_of(browser, product, viewport, "/hanok/book") as page:
        book(page, name=guest, feasts=3, at="5:00 PM")
        page.goto(f"{product.url}/hanok/admin?date={next_friday()}")
        page.get_by_test_id("username").fill(account)
        page.get_by_test_id("password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{product.url}/hanok/admin?date={next_friday()}")
        expect(page.get_by_test_id("date")).to_have_value(next_friday())

        entry = page.get_by_role("button", name=re.compile(guest))
        expect(entry).to_contain_text("Confirmed")
        before = coming(page)
        entry.press("Enter")
        cancel = page.get_by_role("button", name="Cancel reservation")
        question, keep = page.get_by_role("alertdialog"), page.get_by_test_id("cancel-keep")
        cancel.press("Enter")
        expect(question).to_contain_text(guest)
        expect(keep).to_be_focused()
        assert_sound(page)
        page.keyboard.press("Escape")
        expect(cancel).to_be_focused()
        expect(page.get_by_test_id("details-facts")).to_contain_text("Confirmed")

        cancel.press("Enter")
        page.get_by_test_id("cancel-yes").press("Enter")
        expect(question).to_contain_text("357 dollars and 12 cents")
        expect(keep).to_be_focused()
        assert_sound(page)
        expect(page.get_by_test_id("details-facts")).to_contain_text("Confirmed")
        page.get_by_test_id("cancel-yes").press("Enter")
        expect(question).to_be_hidden()
        expect(page.get_by_test_id("details-facts")).to_contain_text("Cancelled")
        expect(page.get_by_test_id("details-title")).to_be_focused()
        page.keyboard.press("Escape")
        expect(entry).to_contain_text("Cancelled")
        expect(entry).to_be_focused()
        assert coming(page) == before - 2


def coming(page):
    """The guests to come that the staff's page counts."""
    found = re.search(r"(\d+) guests? to come", page.get_by_test_id("summary").inner_text())
    return int(found[1]) if found else 0


def test_the_staffs_page_always_shows_a_day(product, browser):
    with page_of(browser, product, DESKTOP, "/hanok/") as page:
        page.goto(product.staff_link())
        page.goto(f"{product.url}/hanok/admin?date=foo")
        day, today = page.get_by_test_id("date"), house_today()
        expect(day).to_have_value(today.isoformat())
        expect(page).to_have_url(f"{product.url}/hanok/admin?date={today}")
        expect(page.get_by_test_id("summary")).not_to_be_empty()
        day.fill("")
        page.get_by_test_id("next").click()
        expect(day).to_have_value(str(today + timedelta(days=7)))
        expect(page).to_have_url(f"{product.url}/hanok/admin?date={today + timedelta(days=7)}")
        day.fill("")
        day.blur()
        expect(day).to_have_value(str(today + timedelta(days=7)))
        page.get_by_test_id("today").click()
        expect(page).to_have_url(f"{product.url}/hanok/admin?date={today}")
        expect(page.get_by_test_id("error")).to_be_empty()


def test_a_guest_in_seoul_books_the_restaurants_tomorrow(product, browser):
    # in the evening of the restaurant, when in Seoul it is the next day whenever this test runs
    evening, tomorrow = datetime.combine(house_today(), time(20), HOUSE), house_today() + timedelta(days=1)
    with page_of(browser, product, DESKTOP, "/hanok/book", zone="Asia/Seoul", now=evening) as page:
        assert page.evaluate("new Date().getDate()") == tomorrow.day
        expect(page.get_by_test_id("date")).to_have_value(str(house_today()))
        expect(page.get_by_test_id("date")).to_have_attribute("min", str(house_today()))
        code = book(page, name="Seo Madeup", at="1:00 PM", day=str(tomorrow))
        told = f"{tomorrow:%A, %B} {tomorrow.day}, 1:00 PM"
        expect(page.get_by_test_id("booked-facts")).to_contain_text(told)
        booked = page.request.get(f"{product.url}/hanok/api/reservations/by-code/{code}").json()
        assert booked["starts_at"].startswith(f"{tomorrow}T13:00")

        page.get_by_test_id("open").click()
        page.get_by_test_id("phone").fill(PHONE_NUMBER)
        page.keyboard.press("Enter")
        page.get_by_test_id("change").click()
        expect(page.get_by_test_id("date")).to_have_value(str(tomorrow))
        expect(page.get_by_test_id("date")).to_have_attribute("min", str(house_today()))
        expect(page.get_by_role("radio", name="1:00 PM Yours")).to_be_checked()


@pytest.mark.parametrize(
    ("path", "form"), [("/hanok/book", "booking"), ("/hanok/reservation", "lookup"), ("/hanok/admin", "login")]
)
def test_nothing_can_be_typed_before_the_page_would_hear_it(product, browser, path, form):
    with page_of(browser, product, DESKTOP, "/hanok/") as page:
        held, slow = [], True
        page.route("**/*.js", lambda route: held.append(route) if slow else route.continue_())
        with page.expect_request("**/*.js"):
            page.goto(f"{product.url}{path}", wait_until="commit")
        expect(page.get_by_test_id(form)).to_be_attached()
        expect(page.get_by_test_id(form)).to_be_hidden()
        slow = False
        for route in held:
            route.continue_()
        expect(page.get_by_test_id(form)).to_be_visible()


def test_a_phone_number_that_is_sent_while_the_link_is_still_looked_up_opens_the_reservation(product, browser):
    with page_of(browser, product, DESKTOP, "/hanok/book") as page:
        code = book(page, name="Quick Sample")
        held = []
        page.route(f"**/by-code/{code}", lambda route: held.append(route))
        page.goto(f"{product.url}/hanok/reservation?code={code}")
        page.get_by_test_id("phone").fill(PHONE_NUMBER)
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("change")).to_be_visible()
        # what is answered after all says less, and is not shown any more
        with page.expect_response(f"**/by-code/{code}"):
            held[0].continue_()
        expect(page.get_by_test_id("change")).to_be_visible()
        expect(page.get_by_test_id("facts")).to_contain_text("Quick Sample")


@VIEWPORTS
def test_a_change_that_finds_no_table_is_told_and_changes_nothing(product, browser, viewport):
    with page_of(browser, product, viewport, "/hanok/book") as page:
        code = book(page, name="Pat Fictional", at="12:00 PM")
        # the tables for twenty are one pair
        party = {"guest_name": "Many", "guest_phone": "4155550144", "party_size": 20}
        made = page.request.post(
            f"{product.url}/hanok/api/reservations", data={**party, "starts_at": f"{next_friday()}T14:00"}
        )
        assert made.ok
        page.goto(f"{product.url}/hanok/reservation?code={code}")
        page.get_by_test_id("phone").fill(PHONE_NUMBER)
        page.keyboard.press("Enter")
        page.get_by_test_id("change").click()
        page.get_by_test_id("party").fill("20")
        page.get_by_test_id("party").press("Tab")
        page.get_by_role("radio", name="2:30 PM Full").check()
        page.get_by_test_id("change-save").click()
        expect(page.get_by_test_id("change-error")).to_contain_text("You keep the reservation that you have.")
        expect(page.get_by_test_id("change-error")).to_be_in_viewport()
        assert_sound(page)
        page.get_by_test_id("change-close").click()
        expect(page.get_by_test_id("facts")).to_contain_text("12:00 PM")
        kept = page.request.get(f"{product.url}/hanok/api/reservations/by-code/{code}").json()
        assert (kept["status"], kept["party_size"], kept["starts_at"][11:16]) == ("confirmed", 2, "12:00")


def test_what_is_no_phone_number_is_told_next_to_its_field_and_not_sent(product, browser):
    with page_of(browser, product, DESKTOP, "/hanok/book") as page:
        sent = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        phone, fault = page.get_by_test_id("phone"), page.get_by_test_id("phone-error")
        page.get_by_test_id("date").fill(next_friday())
        page.get_by_role("radio", name=re.compile("6:30 PM")).check()
        page.get_by_test_id("name").fill("Robin Sample")
        for typed, told in (("", "leave a phone number"), ("call me", "in digits"), ("555 01", "too short")):
            phone.fill(typed)
            page.get_by_test_id("submit").click()
            expect(fault).to_contain_text(told)
            expect(phone).to_be_focused()
            expect(phone).to_have_attribute("aria-invalid", "true")
            expect(phone).to_have_accessible_description(re.compile(told))
        assert_sound(page)
        phone.fill("555 0100")
        expect(fault).to_be_empty()
        expect(phone).not_to_have_attribute("aria-invalid", "true")
        assert sent == []


def test_a_link_that_was_used_leads_to_the_login_with_a_word(product, browser):
    link = product.staff_link()
    with page_of(browser, product, DESKTOP, "/hanok/") as page:
        page.goto(link)
        expect(page.get_by_test_id("who")).to_have_text("Owner")
        page.goto(link)
        expect(page.get_by_test_id("error")).to_contain_text("was used or has run out")
