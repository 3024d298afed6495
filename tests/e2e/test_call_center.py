"""Two people in two browsers: a caller who asks for a human, and a desk whose telephone rings."""

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import faults, sticks_out
from tests.e2e.call_center import (
    CALLER_HZ,
    COLLEAGUE_HZ,
    DESK_HZ,
    caller_page,
    connect,
    desk_page,
    hears,
    hears_nothing,
)

KEYS_MS = 2_500
"""Three tones of 100 ms and the pauses that JsSIP makes between them."""


@pytest.fixture
def desk(playwright, product, dora, tmp_path):
    with desk_page(playwright, product, tmp_path, dora, DESK_HZ) as desk:
        yield desk


@pytest.fixture
def colleague(playwright, product, eve, tmp_path):
    """Another desk, which takes no callers of its own."""
    with desk_page(playwright, product, tmp_path, eve, COLLEAGUE_HZ) as desk:
        desk.be_not_ready()
        yield desk


@pytest.fixture
def caller(playwright, product, tmp_path):
    with caller_page(playwright, product, tmp_path) as caller:
        yield caller


DESKTOP, TABLET = {"width": 1280, "height": 900}, {"width": 820, "height": 1180}


def looks_right(page):
    """Nothing for axe to find, and nothing that sticks out at the side, at both widths."""
    for viewport in (DESKTOP, TABLET):
        page.set_viewport_size(viewport)
        assert faults(page) == []
        assert not sticks_out(page)
    page.set_viewport_size(DESKTOP)


def test_two_people_talk_hold_mute_and_hang_up(desk, caller, carrier):
    desk.be_ready()
    caller.type("let me talk to a person")
    caller.until("transfer_initiated")
    desk.until("call-words", "Demo is calling")
    desk.until("card-reason", "let me talk to a person")
    desk.until("card-facts", "Health plan")
    desk.until_enabled("accept")
    looks_right(desk.page)
    desk.click("accept")
    desk.until("call-words", "Talking with Demo")
    caller.until("transfer_status", state="connected")
    assert desk.hears(CALLER_HZ) is True
    assert hears(caller.page, DESK_HZ) is True
    looks_right(caller.page)

    desk.click("mute")
    assert hears_nothing(caller.page) is True
    desk.click("mute")
    assert hears(caller.page, DESK_HZ) is True

    desk.click("hold")
    desk.until("call-words", "on hold")
    assert hears_nothing(desk.page) is True
    desk.click("hold")
    assert desk.hears(CALLER_HZ) is True

    caller.page.get_by_test_id("mute-mic").click()
    assert hears_nothing(desk.page) is True
    caller.page.get_by_test_id("mute-mic").click()
    assert desk.hears(CALLER_HZ) is True

    desk.click("hang-up")
    caller.until("transfer_status", state="ended")
    desk.until("state", "After the call")
    looks_right(desk.page)
    desk.page.get_by_test_id("notes").fill("<b>Wants</b> a new PIN")
    desk.click("save-notes")
    desk.until("state", "Ready")
    desk.until("history", "<b>Wants</b> a new PIN")
    seen = len(caller.frames)
    caller.type("what can you do")
    caller.until("agent_final", after=seen)
    assert carrier.nothing_left() is True


def test_who_is_declined_may_be_called_back(desk, caller, carrier):
    desk.be_ready()
    caller.type("<img src=x onerror=alert(1)> let me talk to a person")
    desk.until("call-words", "Demo is calling")
    # what callers say is text, whatever it looks like
    desk.until("card-reason", "<img src=x onerror=alert(1)>")
    assert desk.page.locator("[data-testid=card] img").count() == 0
    desk.until("card-how", "Verified by PIN")
    desk.until_enabled("accept")
    desk.page.get_by_test_id("decline-reason").select_option("Wrong department")
    desk.click("decline")
    caller.until("transfer_status", state="failed")
    desk.until("state", "Ready")
    assert {"type": "desk_does", "action": "decline", "text": "Wrong department"} in desk.sent
    assert "call you back" in caller.until("announcement")["text"]
    seen = len(caller.frames)
    caller.type("yes please")
    assert "will call you back" in caller.until("agent_final", after=seen)["text"]
    desk.click("not-ready")
    desk.until("call-backs", "+1415")
    desk.click("called-back")
    desk.until("call-backs", "None")
    assert carrier.nothing_left() is True


def test_a_caller_who_leaves_stops_the_ringing(desk, caller, carrier):
    desk.be_ready()
    caller.type("let me talk to a person")
    desk.until("call-words", "Demo is calling")
    desk.until_enabled("accept")
    caller.page.get_by_test_id("leave-human").click()
    caller.until("transfer_status", state="failed")
    desk.until("state", "Ready")
    desk.until("idle", "No call")
    assert carrier.nothing_left() is True


def test_a_caller_who_hangs_up_in_a_talk_ends_it_at_the_desk_too(desk, caller, carrier):
    connect(desk, caller)
    caller.page.get_by_test_id("hangup").click()
    caller.page.get_by_text("You hung up.").wait_for()
    desk.until("state", "After the call")
    # its telephone too, not only what the server says of it
    assert hears_nothing(desk.page) is True
    expect(desk.page.get_by_test_id("call")).to_be_hidden()
    assert carrier.nothing_left() is True


def test_a_desk_that_is_loaded_anew_in_a_call_frees_the_caller(desk, caller, carrier):
    desk.be_ready()
    caller.type("let me talk to a person")
    desk.until("call-words", "Demo is calling")
    desk.until_enabled("accept")
    desk.click("accept")
    caller.until("transfer_status", state="connected")
    desk.page.on("dialog", lambda dialog: dialog.accept())
    desk.page.reload()
    caller.until("transfer_status", state="ended")
    desk.until("line", "Telephone: ready")
    desk.until("state", "After the call")
    assert carrier.nothing_left() is True


def test_keys_arrive_and_a_caller_is_passed_on_to_a_colleague(desk, colleague, caller, carrier):
    connect(desk, caller)
    desk.click("keypad-toggle")
    for key in "42#":
        desk.page.locator(f"[data-key='{key}']").click()
    desk.page.wait_for_timeout(KEYS_MS)
    assert carrier.server.calls[-1].leg.digits == ["4", "2", "#"]

    desk.click("transfer-toggle")
    looks_right(desk.page)
    desk.page.get_by_test_id("extension").fill("2002")
    desk.click("transfer-now")
    colleague.until("call-words", "Demo is calling")
    colleague.until("card-reason", "let me talk to a person")
    desk.until("state", "After the call")
    colleague.until_enabled("accept")
    colleague.click("accept")
    colleague.until("call-words", "Talking with Demo")
    assert colleague.hears(CALLER_HZ) is True
    assert hears(caller.page, COLLEAGUE_HZ) is True
    assert caller.until("transfer_status", agent_name="Eve")["state"] == "connected"

    # the notes of who passed the caller on are kept while the talk goes on
    desk.page.get_by_test_id("notes").fill("Passed on to Eve")
    desk.click("save-notes")
    desk.until("history", "Passed on to Eve")

    colleague.click("hang-up")
    caller.until("transfer_status", state="ended")
    colleague.until("state", "After the call")
    assert len(carrier.server.calls[-1].streams) == 1
    assert carrier.nothing_left() is True


def test_a_colleague_is_asked_first_and_gets_the_caller(desk, colleague, caller, carrier):
    connect(desk, caller)
    desk.click("transfer-toggle")
    desk.page.get_by_test_id("extension").fill("2002")
    desk.click("consult")
    colleague.until("call-words", "Dora is calling")
    colleague.until_enabled("accept")
    colleague.click("accept")
    desk.until("consultation", "You are talking with your colleague")
    assert desk.hears(COLLEAGUE_HZ) is True
    assert colleague.hears(DESK_HZ) is True
    assert hears_nothing(caller.page) is True
    assert colleague.page.get_by_test_id("fault").is_hidden()

    desk.click("complete")
    colleague.until("call-words", "Talking with Demo")
    colleague.until("card-reason", "let me talk to a person")
    desk.until("state", "After the call")
    assert colleague.hears(CALLER_HZ) is True
    assert hears(caller.page, COLLEAGUE_HZ) is True

    # the caller ends it, with the button
    caller.page.get_by_test_id("leave-human").click()
    caller.until("transfer_status", state="ended")
    colleague.until("state", "After the call")
    assert carrier.nothing_left() is True
    seen = len(caller.frames)
    caller.type("what can you do")
    caller.until("agent_final", after=seen)


def test_a_colleague_who_does_not_take_the_caller_is_not_waited_for(desk, colleague, caller, carrier):
    connect(desk, caller)
    desk.click("transfer-toggle")
    desk.page.get_by_test_id("extension").fill("2002")
    desk.click("transfer-now")
    colleague.until("call-words", "Demo is calling")
    colleague.until_enabled("accept")
    colleague.click("decline")
    caller.until("transfer_status", state="ended")
    colleague.until("state", "Not ready")
    assert carrier.nothing_left() is True
    colleague.click("logout")
    colleague.page.get_by_test_id("username").wait_for()
    looks_right(colleague.page)
