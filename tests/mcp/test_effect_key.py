"""The key under which the effect of a call is kept: the same for the same call of a repeated turn, and for no other."""

import pytest

from convonet.ids import SessionId, turn_id_of
from convonet.mcp.effect_key import effect_key
from convonet.mcp.server import MAX_KEY

TURN = turn_id_of(SessionId("s-1"), "u-1")
CALL = {
    "number": 0,
    "server": "todo",
    "tool": "create_reminder",
    "arguments": {"text": "oven", "at": "2026-11-18T14:50"},
}


def key(**changes):
    return effect_key(TURN, **(CALL | changes))


def test_the_same_call_has_the_same_key_in_any_order_of_its_arguments():
    assert key() == key(arguments={"at": "2026-11-18T14:50", "text": "oven"})


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 1},
        {"server": "hanok"},
        {"tool": "create_todo"},
        {"arguments": {"text": "stove", "at": "2026-11-18T14:50"}},
        {"arguments": {"text": "oven", "at": "2026-11-18"}},
        {"arguments": {"text": "oven"}},
    ],
)
def test_another_call_has_another_key(changes):
    assert key(**changes) != key()


@pytest.mark.parametrize(
    "at", ["2026-11-18T14:51", "2026-11-18T14:50:30.5", "2026-11-18T19:51Z", "2026-11-18T14:51-05:00"]
)
def test_another_moment_does_not_make_another_effect(at):
    assert key(arguments={"text": "oven", "at": at}) == key()


def test_every_server_takes_it_whole():
    long = key(number=999, tool="t" * 200, arguments={"text": "\ud83d" * 5000})
    assert len(long) < MAX_KEY
    assert long.isascii()
