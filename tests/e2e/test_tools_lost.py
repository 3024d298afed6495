"""A process of the tools dies or hangs under calls: every turn is answered, soon, and nothing is done twice."""

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.e2e.socket_caller import BusyCallers

CALLERS = 4
ANSWERED_WITHIN_S = 3.0
"""A second until the replica is known to hang, and a turn on a busy machine."""

GOES_ON_WITHIN_S = 90.0

pytestmark = pytest.mark.kills


@pytest.fixture(autouse=True)
def all_replicas(product):
    """What a test hurts has one beside it that takes over, and not one that is just being started."""
    for deployment in ("Voice", "AgentRouter", "Tools"):
        product.wait_for_replicas(deployment, 2)


def running(product):
    """The processes of the tools that there are now."""
    return [pid for pid in product.replicas("Tools").values() if is_there(pid)]


def is_there(pid):
    return Path(f"/proc/{pid}").exists()


def todos(product, title):
    with sqlite3.connect(product.database) as database:
        query = "SELECT count(*) FROM todos_anthropic WHERE title = ?"
        return database.execute(query, (title,)).fetchone()[0]


def wait_for_turns(callers, since):
    """Until each caller has had a few turns that were asked after that moment and are answered."""
    deadline = time.monotonic() + GOES_ON_WITHIN_S
    while len(callers.since(since)) < 5 * CALLERS:
        assert time.monotonic() < deadline, "callers get no answers"
        time.sleep(0.1)


def longest_s(callers, since):
    return max(turn.answered_at - turn.asked_at for turn in callers.answered if turn.answered_at > since)


def test_a_process_of_the_tools_killed_under_load_fails_no_turn_and_does_nothing_twice(product):
    with BusyCallers.calling(product, CALLERS, "add buy saffron to my todo list") as callers:
        wait_for_turns(callers, since=0.0)
        killed_at = time.monotonic()
        os.kill(running(product)[0], signal.SIGKILL)
        wait_for_turns(callers, since=killed_at)
    assert {turn.text for turn in callers.answered} == {"I added buy saffron to your list."}
    assert todos(product, "buy saffron") == len(callers.answered)
    assert longest_s(callers, killed_at) < ANSWERED_WITHIN_S


def test_a_process_of_the_tools_that_hangs_costs_its_callers_a_second_and_is_replaced(product):
    hung = running(product)[0]
    # a question: in the middle of a write it would hold the lock of the embedded database
    with BusyCallers.calling(product, CALLERS, "what's on the menu") as callers:
        wait_for_turns(callers, since=0.0)
        stopped_at = time.monotonic()
        os.kill(hung, signal.SIGSTOP)
        wait_for_turns(callers, since=stopped_at)
        assert is_there(hung), "Serve was faster than the callers"
    assert all("Bibimbap" in turn.text for turn in callers.answered), {turn.text for turn in callers.answered}
    assert longest_s(callers, stopped_at) < ANSWERED_WITHIN_S
    deadline = time.monotonic() + GOES_ON_WITHIN_S
    while is_there(hung):
        assert time.monotonic() < deadline, "the process that hangs is not replaced"
        time.sleep(0.2)
