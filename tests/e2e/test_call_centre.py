"""Two people in two browsers: a caller who asks for a human, and a desk whose telephone rings."""

from contextlib import contextmanager

import numpy as np
import pytest

from tests.e2e.call_centre import EAR, FLAGS, PLAIN_MICROPHONE, DeskPage, add_person, hears, hears_nothing
from tests.e2e.caller import CallerPage
from tests.fixtures.servers import require_tool
from tests.speech_samples import SAMPLE_RATE, wav_bytes

PASSWORD = "correct horse battery"
CALLER_HZ, DESK_HZ, COLLEAGUE_HZ = 900, 500, 700

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    *FLAGS,
]


def tone_file(folder, hz):
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    path = folder / f"tone-{hz}.wav"
    path.write_bytes(wav_bytes((9000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)))
    return path


@contextmanager
def browser_page(playwright, folder, hz, viewport=None):
    """A page of a browser of its own, at whose microphone this tone is played."""
    flags = [*BROWSER_FLAGS, f"--use-file-for-fake-audio-capture={tone_file(folder, hz)}"]
    browser = playwright.chromium.launch(executable_path=require_tool("chromium", "/usr/bin/chromium"), args=flags)
    try:
        context = browser.new_context(viewport=viewport or {"width": 1280, "height": 900})
        context.grant_permissions(["microphone"])
        yield context.new_page()
    finally:
        browser.close()


@pytest.fixture(scope="session")
def dora(product):
    add_person(product, "dora", "2001", PASSWORD)
    return "dora"


@pytest.fixture(scope="session")
def eve(product):
    add_person(product, "eve", "2002", PASSWORD)
    return "eve"


@contextmanager
def desk_page(playwright, product, folder, name, hz):
    with browser_page(playwright, folder, hz) as page:
        desk = DeskPage(page, product)
        desk.log_in(name, PASSWORD)
        yield desk
        assert desk.console_errors() == []


@pytest.fixture
def desk(playwright, product, dora, tmp_path):
    with desk_page(playwright, product, tmp_path, dora, DESK_HZ) as desk:
        yield desk


@pytest.fixture
def colleague(playwright, product, eve, tmp_path):
    """Another desk, which takes no callers of its own."""
    with desk_page(playwright, product, tmp_path, eve, COLLEAGUE_HZ) as desk:
        desk.until("state", "Not ready")
        yield desk


@pytest.fixture
def caller(playwright, product, tmp_path):
    with browser_page(playwright, tmp_path, CALLER_HZ) as page:
        page.add_init_script(PLAIN_MICROPHONE)
        page.add_init_script(EAR)
        caller = CallerPage(page, product, [])
        caller.open()
        caller.log_in()
        yield caller
        assert caller.console_errors() == []


def test_two_people_talk_hold_mute_and_hang_up(desk, caller, carrier):
    desk.be_ready()
    caller.type("let me talk to a person")
    caller.until("transfer_initiated")
    desk.until("call-words", "Demo is calling")
    desk.until("card-reason", "let me talk to a person")
    desk.until("card-facts", "Health plan")
    desk.click("accept")
    desk.until("call-words", "Talking with Demo")
    caller.until("transfer_status", state="connected")
    assert desk.hears(CALLER_HZ) is True
    assert hears(caller.page, DESK_HZ) is True

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
    desk.page.get_by_test_id("notes").fill("<b>Wants</b> a new PIN")
    desk.click("save-notes")
    desk.until("state", "Ready")
    desk.until("history", "<b>Wants</b> a new PIN")
    seen = len(caller.frames)
    caller.type("what can you do")
    caller.until("agent_final", after=seen)
    assert not carrier.server.open_calls


def test_who_is_declined_may_be_called_back(desk, caller, carrier):
    desk.be_ready()
    caller.type("<img src=x onerror=alert(1)> let me talk to a person")
    desk.until("call-words", "Demo is calling")
    # what callers say is text, whatever it looks like
    desk.until("card-reason", "<img src=x onerror=alert(1)>")
    assert desk.page.locator("[data-testid=card] img").count() == 0
    desk.until_enabled("accept")
    desk.click("decline")
    caller.until("transfer_status", state="failed")
    desk.until("state", "Ready")
    assert "call you back" in caller.until("announcement")["text"]
    seen = len(caller.frames)
    caller.type("yes please")
    assert "will call you back" in caller.until("agent_final", after=seen)["text"]
    desk.click("not-ready")
    desk.until("call-backs", "+1415")
    desk.click("called-back")
    desk.until("call-backs", "None")
    assert not carrier.server.open_calls


def test_a_caller_who_leaves_stops_the_ringing(desk, caller, carrier):
    desk.be_ready()
    caller.type("let me talk to a person")
    desk.until("call-words", "Demo is calling")
    desk.until_enabled("accept")
    caller.page.get_by_test_id("leave-human").click()
    caller.until("transfer_status", state="failed")
    desk.until("state", "Ready")
    desk.until("idle", "No call")
    assert not carrier.server.open_calls


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
    assert not carrier.server.open_calls


def connect(desk, caller):
    """The caller and this desk hear each other."""
    desk.be_ready()
    caller.type("let me talk to a person")
    desk.until("call-words", "Demo is calling")
    desk.until_enabled("accept")
    desk.click("accept")
    caller.until("transfer_status", state="connected")
    assert desk.hears(CALLER_HZ) is True


def test_keys_arrive_and_a_caller_is_passed_on_to_a_colleague(desk, colleague, caller, carrier):
    connect(desk, caller)
    desk.click("keypad-toggle")
    for key in "42#":
        desk.page.locator(f"[data-key='{key}']").click()
        desk.page.wait_for_timeout(250)
    assert carrier.server.calls[-1].leg.digits == ["4", "2", "#"]

    desk.click("transfer-toggle")
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
    assert not carrier.server.open_calls


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
    assert not carrier.server.open_calls
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
    assert not carrier.server.open_calls
