"""The restaurant's pages in a real browser: a guest books, looks up and cancels; the staff sees it and seats guests."""

import re
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.conftest import FLAGS
from tests.fixtures.servers import require_tool

VIEWPORTS = pytest.mark.parametrize(
    "viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 844}], ids=["desktop", "phone"]
)
PHONE_NUMBER = "(415) 555-0142"


def next_friday():
    """A day on which the house is open until late, in its own zone, and never today."""
    today = datetime.now(ZoneInfo("America/Los_Angeles")).date()
    return (today + timedelta(days=(4 - today.weekday()) % 7 or 7)).isoformat()


@pytest.fixture
def browser(playwright):
    browser = playwright.chromium.launch(executable_path=require_tool("chromium", "/usr/bin/chromium"), args=FLAGS)
    yield browser
    browser.close()


@contextmanager
def page_of(browser, product, viewport, path):
    """A page whose script may not fail."""
    context = browser.new_context(viewport=viewport)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{product.url}{path}")
    yield page
    assert faults == []
    context.close()


def assert_sound(page):
    """Nothing for axe to find, and nothing that sticks out at the side."""
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def book(page, *, name, feasts=0, time="6:30 PM"):
    """Fill in the booking page and send it; returns the code."""
    page.get_by_test_id("date").fill(next_friday())
    page.get_by_role("radio", name=re.compile(time)).check()
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
        expect(page.get_by_role("radio", name=re.compile("6:30 PM"))).to_be_checked()
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
        book(page, name=guest, time="7:00 PM")
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
        page.get_by_test_id("save").click()
        expect(page.get_by_test_id("details-facts")).to_contain_text("for 6")
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


def test_a_link_that_was_used_leads_to_the_login_with_a_word(product, browser):
    link = product.staff_link()
    with page_of(browser, product, {"width": 1280, "height": 800}, "/hanok/") as page:
        page.goto(link)
        expect(page.get_by_test_id("who")).to_have_text("Owner")
        page.goto(link)
        expect(page.get_by_test_id("error")).to_contain_text("was used or has run out")
