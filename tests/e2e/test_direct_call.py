"""A caller and a human in two browsers, without a PBX and a telephone company: the pages carry the audio."""

import os
import signal

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import faults, sticks_out
from tests.e2e.call_center import (
    CALLER_HZ,
    COLLEAGUE_HZ,
    DESK_HZ,
    PASSWORD,
    DeskPage,
    add_desk,
    browser_page,
    caller_page,
    connect,
    demo_desk_link,
    desk_page,
    hears,
    hears_nothing,
    ring,
)

AGAIN_S = 2.0
"""How soon two people hear each other again when a process dies."""

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def uma(hosted):
    add_desk(hosted, "uma", "2003", PASSWORD)
    return "uma"


@pytest.fixture(scope="session")
def vic(hosted):
    """A colleague of uma's."""
    add_desk(hosted, "vic", "2004", PASSWORD)
    return "vic"


@pytest.fixture
def desk(playwright, hosted, uma, tmp_path):
    with desk_page(playwright, hosted, tmp_path, uma, DESK_HZ) as desk:
        yield desk
        desk.leave()


@pytest.fixture
def colleague(playwright, hosted, vic, tmp_path):
    """Another desk, which takes no callers of its own."""
    with desk_page(playwright, hosted, tmp_path, vic, COLLEAGUE_HZ) as desk:
        desk.be_not_ready()
        yield desk


@pytest.fixture
def caller(playwright, hosted, tmp_path):
    with caller_page(playwright, hosted, tmp_path) as caller:
        yield caller


def looks_right(page):
    """Nothing for axe to find, and nothing that sticks out at the side, at both widths."""
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert faults(page) == []
        assert not sticks_out(page)
    page.set_viewport_size(DESKTOP)


def hear_each_other(desk, caller, wait_s=6):
    assert desk.hears(CALLER_HZ, wait_s) is True
    assert hears(caller.page, DESK_HZ, wait_s) is True


def pass_on(desk, how):
    desk.click("transfer-toggle")
    desk.page.get_by_test_id("extension").fill("2004")
    desk.click(how)


def test_no_telephone_is_loaded_by_a_desk_without_an_account_for_one(playwright, hosted, uma, tmp_path):
    with browser_page(playwright, tmp_path, DESK_HZ) as page:
        loaded = []
        page.on("request", lambda request: loaded.append(request.url))
        DeskPage(page, hosted).log_in(uma, PASSWORD)
        assert any("call-center" in url for url in loaded)
        assert not [url for url in loaded if "/phone-" in url]


def test_a_desk_that_declines_or_does_not_answer_gives_the_caller_back(desk, caller):
    ring(desk, caller)
    looks_right(desk.page)
    desk.click("decline")
    caller.until("transfer_status", state="failed")
    assert "call you back" in caller.until("announcement")["text"]
    desk.until("state", "Ready")
    seen = len(caller.frames)
    caller.type("no thanks")
    caller.until("agent_final", after=seen)
    seen = len(caller.frames)
    caller.type("let me talk to a person")
    desk.until_enabled("accept")
    caller.until("transfer_status", after=seen, state="failed", wait_s=30)
    desk.until("state", "Not ready")


def test_a_caller_waits_for_a_busy_desk(playwright, hosted, desk, caller, tmp_path):
    connect(desk, caller)
    with caller_page(playwright, hosted, tmp_path) as second:
        second.type("let me talk to a person")
        assert second.until("transfer_status", state="queued")["position"] == 1
        desk.click("hang-up")
        desk.until("state", "After the call")
        desk.be_ready_again()
        second.until("transfer_status", state="ringing")
        desk.until_enabled("accept")
        desk.click("accept")
        second.until("transfer_status", state="connected")
        hear_each_other(desk, second)


@pytest.mark.parametrize("whose", ["desk", "caller"])
def test_a_page_that_is_reloaded_in_a_talk_goes_on_with_it(desk, caller, whose):
    connect(desk, caller)
    page = desk.page if whose == "desk" else caller.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    if whose == "desk":
        desk.until("call-words", "Talking with Demo")
    hear_each_other(desk, caller)
    desk.click("hang-up")
    desk.until("state", "After the call")


def test_a_caller_is_passed_on_to_a_colleague(desk, colleague, caller):
    connect(desk, caller)
    pass_on(desk, "transfer-now")
    colleague.until("call-words", "Demo is calling")
    colleague.until("card-reason", "let me talk to a person")
    desk.until("state", "After the call")
    assert hears_nothing(desk.page) is True
    colleague.until_enabled("accept")
    colleague.click("accept")
    colleague.until("call-words", "Talking with Demo")
    assert colleague.hears(CALLER_HZ) is True
    assert hears(caller.page, COLLEAGUE_HZ) is True
    assert caller.until("transfer_status", agent_name="Vic", state="connected")
    colleague.click("hang-up")
    caller.until("transfer_status", state="ended")


def test_a_colleague_is_asked_first_and_gets_the_caller(desk, colleague, caller):
    connect(desk, caller)
    pass_on(desk, "consult")
    colleague.until("call-words", "Uma asks you about Demo")
    looks_right(colleague.page)
    colleague.until_enabled("accept")
    colleague.click("accept")
    desk.until("consultation", "You are talking with your colleague")
    assert desk.hears(COLLEAGUE_HZ) is True
    assert colleague.hears(DESK_HZ) is True
    assert hears(caller.page, DESK_HZ, 1) is not True
    desk.click("complete")
    colleague.until("call-words", "Talking with Demo")
    desk.until("state", "After the call")
    assert colleague.hears(CALLER_HZ) is True
    assert hears(caller.page, COLLEAGUE_HZ) is True
    caller.page.get_by_test_id("leave-human").click()
    caller.until("transfer_status", state="ended")
    colleague.until("state", "After the call")


def test_a_colleague_who_was_asked_can_leave_the_caller_where_they_were(desk, colleague, caller):
    connect(desk, caller)
    pass_on(desk, "consult")
    colleague.until_enabled("accept")
    colleague.click("accept")
    desk.until("consultation", "You are talking with your colleague")
    desk.click("drop-consultation")
    hear_each_other(desk, caller)
    expect(colleague.page.get_by_test_id("call")).to_be_hidden()


def test_a_desk_that_logs_out_is_cut_off(desk, caller):
    connect(desk, caller)
    desk.page.on("dialog", lambda dialog: dialog.accept())
    desk.click("logout")
    desk.page.get_by_test_id("username").wait_for()
    caller.until("transfer_status", state="ended", wait_s=25)
    seen = len(caller.frames)
    caller.type("what can you do")
    caller.until("agent_final", after=seen)


def test_the_printed_link_makes_somebody_the_human_of_a_first_start(playwright, hosted, caller, tmp_path):
    # late in this file: a desk that was left counts for 15 s, and other tests ask who is there
    with browser_page(playwright, tmp_path, DESK_HZ) as page:
        desk = DeskPage(page, hosted)
        desk.follow(demo_desk_link(hosted))
        connect(desk, caller)
        hear_each_other(desk, caller)
        looks_right(desk.page)
        looks_right(caller.page)
        marker = caller.until("transfer_initiated")
        assert (marker["department"], marker["extension"]) == ("support", "2001")

        desk.click("mute")
        assert hears_nothing(caller.page) is True
        desk.click("mute")
        hear_each_other(desk, caller)

        desk.click("hold")
        desk.until("call-words", "on hold")
        assert hears_nothing(desk.page) is True
        assert hears(caller.page, DESK_HZ, 1) is not True
        looks_right(desk.page)
        desk.click("hold")
        hear_each_other(desk, caller)

        desk.click("hang-up")
        caller.until("transfer_status", state="ended")
        desk.until("state", "After the call")
        assert desk.console_errors() == []
        seen = len(caller.frames)
        caller.type("what can you do")
        caller.until("agent_final", after=seen)
        desk.leave()


@pytest.mark.kills
@pytest.mark.parametrize("whose", ["desk", "caller"])
def test_a_talk_goes_on_when_a_replica_dies(hosted, desk, caller, whose):
    hosted.wait_for_replicas("Voice", 2)
    connect(desk, caller)
    hear_each_other(desk, caller)
    if whose == "desk":
        pid = hosted.line_replica_of(desk.transfer_id())
    else:
        pid = hosted.voice_replica_of(caller.until("auth_ok")["session_id"])
    os.kill(pid, signal.SIGKILL)
    desk.page.wait_for_timeout(300)
    hear_each_other(desk, caller, AGAIN_S)


@pytest.mark.kills
def test_a_talk_goes_on_without_the_call_center(hosted, desk, caller):
    connect(desk, caller)
    (pid,) = hosted.running("CallCenter")
    os.kill(pid, signal.SIGKILL)
    hear_each_other(desk, caller)
    desk.until("state", "On a call", wait_s=60)
    hear_each_other(desk, caller)
    desk.click("hang-up")
    caller.until("transfer_status", state="ended")
