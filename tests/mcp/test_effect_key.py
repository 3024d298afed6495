"""Idempotency keys: the same for the repeated calls of a repeated turn, and different otherwise."""

import pytest

from convonet.core.ids import SessionId, turn_id_of
from convonet.mcp.effect_key import EffectKeys
from convonet.mcp.server import MAX_KEY

TURN = turn_id_of(SessionId("s-1"), "u-1")
CALL = {"server": "todo", "tool": "create_reminder", "arguments": {"text": "oven", "at": "2026-11-18T14:50"}}
OTHER = {"server": "todo", "tool": "get_todos", "arguments": {}}


def key(**changes):
    return EffectKeys(TURN).key(**(CALL | changes))


def test_the_same_call_has_the_same_key_in_any_order_of_its_arguments():
    assert key() == key(arguments={"at": "2026-11-18T14:50", "text": "oven"})


def test_the_same_call_has_the_same_key_whatever_else_the_turn_asks_before_it():
    keys = EffectKeys(TURN)
    keys.key(**OTHER)
    assert keys.key(**CALL) == key()


def test_the_same_call_twice_in_a_turn_is_done_twice():
    first, second = (EffectKeys(TURN) for _ in range(2))
    asked = [first.key(**CALL) for _ in range(2)]
    assert len(set(asked)) == 2
    assert [second.key(**CALL) for _ in range(2)] == asked


@pytest.mark.parametrize(
    "changes",
    [
        {"server": "hanok"},
        {"tool": "create_todo"},
        {"arguments": {"text": "stove", "at": "2026-11-18T14:50"}},
        {"arguments": {"text": "oven", "at": "2026-11-19T14:50"}},
        {"arguments": {"text": "oven", "at": "2026-11-18"}},
        {"arguments": {"text": "oven"}},
    ],
)
def test_another_call_has_another_key(changes):
    assert key(**changes) != key()


@pytest.mark.parametrize(
    "at", ["2026-11-18T14:51", "2026-11-18T14:50:30.5", "2026-11-18T19:51Z", "2026-11-18T14:51-05:00"]
)
def test_another_time_of_day_does_not_make_another_effect(at):
    assert key(arguments={"text": "oven", "at": at}) == key()


def test_every_server_accepts_the_whole_key():
    long = key(tool="t" * 200, arguments={"text": "\ud83d" * 5000})
    assert len(long) < MAX_KEY
    assert long.isascii()
