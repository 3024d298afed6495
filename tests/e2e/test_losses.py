"""Processes die and pages reload in the middle of a turn: the caller goes on within two seconds and nothing is lost."""

import asyncio
import itertools
import logging
import os
import signal
import sqlite3
import time

import pytest
from playwright.sync_api import expect

from tests.e2e.call_center import (
    CALLER_HZ,
    DESK_HZ,
    caller_page,
    connect,
    desk_page,
    hears,
)
from tests.e2e.page_caller import PageCaller
from tests.e2e.socket_caller import BusyCallers
from tests.e2e.supervisor import choose, listed_turns, row_of, supervisor, until

log = logging.getLogger(__name__)

RESUMED_WITHIN_S = 2.0
GOES_ON_WITHIN_S = 90.0
"""A page tries again every five seconds at the latest, every part reports every four, and a machine may be busy."""

CALLS = 20
TURNS = 6

pytestmark = pytest.mark.kills


def count(product, title):
    with sqlite3.connect(product.database) as database:
        query = "SELECT count(*) FROM todos_anthropic WHERE title = ?"
        return database.execute(query, (title,)).fetchone()[0]


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


@pytest.fixture(autouse=True)
def all_replicas(product):
    """What a test kills has one beside it that takes over, and not one that is just being started."""
    wait_for_all(product)


def wait_for_all(product):
    for deployment, count in (("Voice", 2), ("AgentRouter", 2), ("Tools", 2), ("CallCenter", 1)):
        product.wait_for_replicas(deployment, count)


def test_a_reload_in_mid_turn_resumes_and_the_answer_arrives(product, chromium):
    with chromium(product, says="add buy flowers to my todo list") as caller:
        caller.hold_and_speak()
        caller.until("processing_start")
        mark = len(caller.frames)
        caller.page.reload()
        assert caller.until("auth_ok", after=mark)["resumed"] is True
        caller.until("sound", after=mark, is_last=True)
        caller.page.get_by_text("buy flowers").first.wait_for()
    assert count(product, "buy flowers") == 1


def test_a_drain_moves_callers_on_without_loss(product, chromium):
    with chromium(product) as caller:
        caller.type("add buy honey to my todo list")
        caller.answer()
        mark = len(caller.frames)
        moved = product.drain()
        caller.page.wait_for_timeout(0)  # hands over the frames that came in the meantime
        assert moved == "Moved 1 caller.\n", [m["type"] for m in caller.frames[mark:]]
        caller.until("reconnect", after=mark)
        assert caller.until("auth_ok", after=mark)["resumed"] is True
        mark = len(caller.frames)
        caller.type("what is on my list")
        assert "honey" in caller.answer(after=mark)[0]


def test_a_voice_replica_killed_in_mid_turn_loses_nothing(product, chromium):
    with chromium(product, says="add buy sugar to my todo list") as caller:
        replica = product.voice_replica_of(caller.until("auth_ok")["session_id"])
        caller.hold_and_speak()
        caller.until("processing_start")
        mark = len(caller.frames)
        killed_at = kill(replica)
        caller.until("auth_ok", after=mark, resumed=True)
        assert time.monotonic() - killed_at < RESUMED_WITHIN_S
        caller.until("sound", after=mark, is_last=True)
        caller.page.get_by_text("buy sugar").first.wait_for()
    assert count(product, "buy sugar") == 1


def test_a_voice_replica_killed_while_the_caller_speaks_loses_nothing(product, chromium):
    with chromium(product, says="add buy coffee to my todo list") as caller:
        replica = product.voice_replica_of(caller.until("auth_ok")["session_id"])
        start, end = caller.sentence()
        caller.wait_for_microphone(start)
        caller.point_at_talk()
        caller.page.mouse.down()
        caller.wait_for_microphone((start + end) / 2)
        mark = len(caller.frames)
        killed_at = kill(replica)
        caller.until("auth_ok", after=mark, resumed=True)
        assert time.monotonic() - killed_at < RESUMED_WITHIN_S
        caller.wait_for_microphone(end)
        caller.page.mouse.up()
        caller.until("sound", is_last=True)
    assert count(product, "buy coffee") == 1


async def test_twenty_calls_at_once_lose_no_turn_when_a_voice_replica_dies(product):
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(talk_while_it_dies(product, number)) for number in range(CALLS)]
        group.create_task(kill_one(product))
    for title in itertools.chain.from_iterable(call.result() for call in calls):
        assert count(product, title) == 1, title


async def kill_one(product):
    await asyncio.sleep(3)
    kill(max(await asyncio.to_thread(product.running, "Voice")))


async def talk_while_it_dies(product, number):
    """A caller who adds one todo after the other; returns their titles."""
    async with PageCaller.calling(product) as caller:
        titles = [f"thing {number} of {turn} {time.monotonic_ns()}" for turn in range(TURNS)]
        for title in titles:
            assert title.split()[0] in await caller.ask(f"add {title} to my todo list")
            await asyncio.sleep(1)
        assert caller.errors == []
    return titles


def test_an_agent_killed_under_load_fails_no_turn(product):
    with BusyCallers.calling(product, 4, "what's on the menu") as callers:
        wait_for_turns(callers, since=0.0)
        killed_at = kill(max(product.running("AgentRouter")))
        wait_for_turns(callers, since=killed_at)
    assert all("Bibimbap" in turn.text for turn in callers.answered), {turn.text for turn in callers.answered}
    longest_s = max(turn.answered_at - turn.asked_at for turn in callers.answered if turn.answered_at > killed_at)
    log.info("the longest turn after an agent's death took %.1f s", longest_s)
    assert longest_s < RESUMED_WITHIN_S


def wait_for_turns(callers, since):
    """Until each caller has had a few turns that were asked after that moment."""
    deadline = time.monotonic() + GOES_ON_WITHIN_S
    while len(callers.since(since)) < 5 * 4:
        assert time.monotonic() < deadline, "callers get no answers"
        time.sleep(0.1)


def test_a_monitor_killed_with_its_page_open_is_back_with_all_calls_and_turns(product, chromium):
    with chromium(product) as caller, supervisor(caller, product) as monitor:
        session_id = caller.until("auth_ok")["session_id"]
        choose(monitor, caller)
        connection, lines = monitor.get_by_test_id("connection"), monitor.get_by_test_id("line-list")
        turns = [ask(caller, "add buy salt to my todo list")]
        lines.get_by_text("I added buy salt").wait_for()

        kill(max(product.replicas("Monitor").values()))
        expect(connection).to_have_text("Reconnecting…", timeout=10_000)
        turns.append(ask(caller, "add buy rice to my todo list"))
        product.wait_for_replicas("Monitor", 1)
        replaced_at = time.monotonic()
        expect(connection).to_have_text("Live", timeout=1000 * GOES_ON_WITHIN_S)
        lines.get_by_text("I added buy rice").wait_for()
        goes_on_s = time.monotonic() - replaced_at
        log.info("the page knows everything %.1f s after the new monitor has started", goes_on_s)
        assert goes_on_s < GOES_ON_WITHIN_S
        assert row_of(monitor, caller).is_visible()
        turns.append(ask(caller, "add buy beans to my todo list"))
        lines.get_by_text("I added buy beans").wait_for()
        until(monitor, lambda: listed_turns(monitor, product, [session_id]) == {f"{session_id}:{t}" for t in turns})


def ask(caller, text):
    """Type this and hear the answer out; returns the turn's id."""
    mark = len(caller.frames)
    caller.type(text)
    caller.answer(after=mark)
    return caller.until("agent_final", after=mark)["turn_id"]


def talk_on(desk, caller, without):
    """Both still hear each other, once what was on the way is played."""
    desk.page.wait_for_timeout(1_500)
    heard = desk.hears(CALLER_HZ, 10), hears(caller.page, DESK_HZ, 10)
    assert heard == (True, True), f"desk and caller after the death of the {without}"


def test_two_people_talk_on_whatever_process_dies(product, carrier, dora, playwright, tmp_path):
    calls = len(carrier.server.calls)
    with (
        desk_page(playwright, product, tmp_path, dora, DESK_HZ) as desk,
        caller_page(playwright, product, tmp_path) as caller,
    ):
        connect(desk, caller)
        call = carrier.server.calls[-1]

        kill(max(product.replicas("CallCenter").values()))
        talk_on(desk, caller, without="call center's replica")
        # a new one starts in three seconds, on a busy machine in ten times that
        desk.until("state", "On a call", wait_s=180)

        kill(product.line_replica_of(call.leg.headers["X-Convo-Transfer"]))
        deadline = time.monotonic() + 120
        while len(call.streams) < 2:
            assert time.monotonic() < deadline, call.statuses
            caller.page.wait_for_timeout(50)
        talk_on(desk, caller, without="line's replica")
        wait_for_all(product)

        mark = len(caller.frames)
        kill(product.voice_replica_of(caller.until("auth_ok")["session_id"]))
        caller.until("auth_ok", after=mark, resumed=True)
        talk_on(desk, caller, without="voice replica")
        wait_for_all(product)

        desk.click("hang-up")
        caller.until("transfer_status", state="ended")
        desk.until("state", "After the call")
        assert carrier.nothing_left() is True
        assert len(carrier.server.calls) == calls + 1
