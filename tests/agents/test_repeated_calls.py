"""Hosted models that call other tools when a turn is repeated, or tools that do not exist."""

import json

import pytest
from structlog.testing import capture_logs

from convonet.agents.base import ToolFinished
from convonet.mcp.client import BAD_CALL, UNREACHABLE
from tests.agents.conftest import new_turn_id
from tests.agents.test_hosted_models import ADDS, MILK, hosted, scripted
from tests.vendors.chat import Reply

MOM = (("create_todo", {"title": "call mom"}),)
MEETING = (
    ("create_calendar_event", {"title": "call mom", "event_from": "2026-11-20T10:00", "event_to": "2026-11-20T11:00"}),
)


def reminder(clock):
    return (("create_reminder", {"reminder_text": "check the oven", "reminder_date": f"2026-11-18T{clock}"}),)


def results(heard):
    return [event.result for event in heard.events if isinstance(event, ToolFinished)]


async def test_a_repeated_turn_in_which_the_model_decides_otherwise_does_what_it_decides(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        talk, turn_id = await world.talk(), new_turn_id()
        heard = []
        for calls in (MILK, MOM, MEETING, MILK):
            scripted(world, "anthropic", Reply(calls=calls), Reply("Done."))
            heard.append(await talk.say(ADDS, turn_id=turn_id, keep=False))
        assert [each.failed for each in heard] == [[]] * 4
        assert "call mom" in results(heard[2])[0]
        assert results(heard[3]) == results(heard[0])
        assert await world.rows(talk) == {"buy milk", "call mom"}


async def test_a_repeated_turn_that_looks_first_has_its_effect_once(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        talk, turn_id = await world.talk(), new_turn_id()
        for before in ((), (Reply(calls=(("get_todos", {}),)),)):
            scripted(world, "anthropic", *before, Reply(calls=MILK), Reply("Done."))
            assert (await talk.say(ADDS, turn_id=turn_id, keep=False)).failed == []
        assert await world.rows(talk) == {"buy milk"}


async def test_a_turn_that_is_repeated_a_minute_later_has_its_effect_once(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        talk, turn_id = await world.talk(), new_turn_id()
        heard = []
        for clock in ("14:50", "14:51"):
            scripted(world, "anthropic", Reply(calls=reminder(clock)), Reply("Done."))
            heard.append(await talk.say("remind me in 20 minutes to check the oven", turn_id=turn_id, keep=False))
        assert heard[0].failed == []
        assert results(heard[1]) == results(heard[0])


@pytest.mark.parametrize("vendor", ["anthropic", "google", "openai"])
async def test_a_made_up_tool_is_refused_with_the_names_of_the_real_ones(tmp_path, vendor):
    async with hosted(tmp_path, vendor) as world:
        made_up = Reply(calls=(("add_todo", {"title": "buy milk"}),))
        scripted(world, vendor, made_up, Reply(calls=MILK), Reply("It is on your list."))
        talk = await world.talk()
        with capture_logs() as logs:
            heard = await talk.say(ADDS)
        assert heard.text == "It is on your list."
        assert (heard.tools, heard.failed) == (["add_todo", "create_todo"], ["add_todo"])
        assert await world.rows(talk) == {"buy milk"}
        told = json.dumps(world.vendors[vendor].asked[1].body)
        assert "There is no tool named add_todo; there are " in told
        assert UNREACHABLE not in told
        assert not [line for line in logs if line["event"] == "tool_server_away"]


async def test_a_tool_of_another_topic_is_refused_before_a_topic_is_chosen(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        goes = Reply(calls=(("go_to", {"topic": "todo"}),))
        scripted(world, "anthropic", Reply(calls=MILK), goes, Reply(calls=MILK), Reply("It is on your list."))
        talk = await world.talk()
        with capture_logs() as logs:
            heard = await talk.say("well it is a long story about this thing")
        assert heard.text == "It is on your list."
        assert await world.rows(talk) == {"buy milk"}
        assert "There is no tool named create_todo; there are go_to, " in json.dumps(
            world.vendors["anthropic"].asked[1].body
        )
        assert not [line for line in logs if line["event"] == "tool_server_away"]


async def test_a_failure_before_a_success_is_not_spoken_when_the_model_fails(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        made_up = Reply(calls=(("add_todo", {"title": "buy milk"}),))
        scripted(world, "anthropic", made_up, Reply(calls=MILK), Reply(status=500))
        heard = await (await world.talk()).say(ADDS)
        assert heard.text == "I added buy milk to your list."


async def test_no_tool_names_are_spoken_when_the_model_fails_after_a_made_up_tool(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        scripted(world, "anthropic", Reply(calls=(("add_todo", {"title": "buy milk"}),)), Reply(status=500))
        heard = await (await world.talk()).say(ADDS)
        assert (heard.text, heard.final.provider) == (BAD_CALL, "offline")
