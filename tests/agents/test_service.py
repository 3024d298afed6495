"""The agent as its clients see it: events, effects that happen once, callers kept apart, failures in words."""

import asyncio
import contextlib
import time
from dataclasses import replace

import pytest

from convonet.agents.base import DomainChosen, Final, TextDelta, ToolFinished, ToolStarted
from convonet.agents.domain import Domain
from convonet.agents.fillers import FILLERS
from convonet.agents.graph import GIVE_UP, MAX_TOOL_ROUNDS
from convonet.agents.models.base import CallPart, ModelConfig, Stop, TextPart, Usage
from convonet.agents.models.hosted import HostedModel
from convonet.agents.skill import Call, Claim, SkillTurn, UseTools
from convonet.core.caller import Caller
from convonet.core.errors import AgentTimeout
from convonet.core.ids import DEMO_USER_ID
from convonet.domains.discovery import all_domains
from convonet.language.sentences import Sentence
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.agents.conftest import (
    LIMITS,
    NOW,
    Conversation,
    World,
    agent_settings,
    new_turn_id,
    quiet_agent,
    running_world,
)
from tests.domains.conftest import http_box, serving
from tests.fixtures.ports import free_port

(TODO,) = [domain for domain in all_domains() if domain.name == "todo"]


async def test_events_come_in_order_and_in_their_types(sqlite_world):
    talk = await sqlite_world.talk("buy milk")
    events = (await talk.say("mark buy milk as done")).events
    kinds = [DomainChosen, ToolStarted, ToolFinished, ToolStarted, ToolFinished, TextDelta, Final]
    assert [type(event) for event in events] == kinds
    assert events[0].agent_type == "todo"
    assert (events[3].tool, events[3].label) == ("complete_todo", "Marking as done")
    assert events[4].ok
    assert events[4].duration_ms > 0
    assert (events[-1].provider, events[-1].model) == ("offline", "rules")
    assert [message.role for message in events[-1].history] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ([], "add buy bread to my list", {"buy milk", "buy bread"}),
        ([], "mark buy milk as done", {"buy milk | done"}),
        ([], "make buy milk urgent", {"buy milk | urgent"}),
        (["delete buy milk"], "yes", set()),
    ],
)
async def test_a_turn_that_is_run_again_has_its_effect_once(world, before, said, after):
    talk = await world.talk("buy milk")
    for line in before:
        await talk.say(line)
    turn_id = new_turn_id()
    first = await talk.say(said, turn_id=turn_id, keep=False)
    again = await talk.say(said, turn_id=turn_id)
    assert again.text == first.text
    assert again.failed == []
    assert await world.rows(talk) == after


async def test_ten_conversations_at_once_are_kept_apart(world):
    talks = [await world.talk() for _ in range(10)]
    for _ in range(3):
        await asyncio.gather(*(talk.say(f"add thing {n} to my list") for n, talk in enumerate(talks)))
    for n, talk in enumerate(talks):
        todos = await world.rows(talk)
        assert todos == {f"thing {n}"}
        assert (await talk.say("how many todos do i have")).text == "You have 3 things on your list."


async def test_unreachable_tools_are_reported_and_found_again(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    await migrate(url)
    database, port = Database(url), free_port()
    world = World(database, f"http://127.0.0.1:{port}")
    talk = await world.talk()
    for _ in range(2):
        assert (await talk.say("add buy milk to my list")).text == AWAY
        async with serving(database, port):
            assert (await talk.say("what's on my list")).text == "There is nothing on your list."
        heard = await talk.say("add buy milk to my list")
        assert heard.text == AWAY
        assert heard.failed == ["create_todo"]
    await world.agent.close()
    await database.close()


async def test_a_hanging_tool_costs_its_timeout_and_is_reported():
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    agent = quiet_agent(agent_settings(f"http://127.0.0.1:{port}", CONVONET_TOOL_TIMEOUT_S=0.3), all_domains())
    started = time.monotonic()
    heard = await Conversation(agent, _caller()).say("what's on my list")
    assert "try again" in heard.text
    assert time.monotonic() - started < 2
    await agent.close()
    silent.close()


async def test_the_caller_hears_one_filler_while_slow_tools_work(tmp_path):
    async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", filler_delay_s=0) as world:
        talk = await world.talk("buy milk")
        heard = await talk.say("mark buy milk as done")
    assert heard.tools == ["get_todos", "complete_todo"]
    assert heard.text.startswith(FILLERS[0])
    assert sum(heard.text.count(filler) for filler in FILLERS) == 1
    kinds = [type(event) for event in heard.events]
    assert kinds.index(TextDelta) < kinds.index(ToolFinished)


async def test_closing_the_stream_stops_the_work(sqlite_world):
    talk = await sqlite_world.talk()
    async with contextlib.aclosing(sqlite_world.agent.turn(talk.request("add buy milk to my list"))) as events:
        async for event in events:
            if isinstance(event, ToolStarted):
                break
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert not any("ask_model" in name or "use_tools" in name for name in tasks)
    assert (await talk.say("hello")).text


async def test_a_turn_that_takes_too_long_is_an_error(sqlite_world):
    domain = _domain(_Endless(pause_s=0.05))
    agent = _agent(sqlite_world, domain, CONVONET_TURN_TIMEOUT_S=0.01)
    with pytest.raises(AgentTimeout):
        await Conversation(agent, await sqlite_world.caller()).say("go")
    await agent.close()


async def test_a_model_that_never_stops_using_tools_is_stopped(sqlite_world):
    agent = _agent(sqlite_world, _domain(_Endless()))
    heard = await Conversation(agent, await sqlite_world.caller()).say("go")
    assert heard.text == GIVE_UP
    assert heard.tools == ["get_todos"] * MAX_TOOL_ROUNDS
    await agent.close()


async def test_an_unknown_time_zone_is_no_obstacle(sqlite_world):
    talk = await sqlite_world.talk()
    talk.caller = replace(talk.caller, timezone="Mars/Olympus")
    assert (await talk.say("add buy milk to my list")).failed == []


async def test_every_tool_has_a_label_and_every_domain_two_examples_that_its_skill_understands(sqlite_world):
    tools = http_box(sqlite_world.tools_url)
    for domain in all_domains():
        assert {tool.name for tool in await tools.list_tools(domain.name)} == set(domain.labels)
        assert len(domain.examples) >= 2
        assert all(
            domain.skill.claims(SkillTurn(Sentence(example), NOW)) >= Claim.LIKELY for example in domain.examples
        )
    await tools.close()


AWAY = "I can't reach that service right now. Please try again in a moment."


class _Endless:
    """A skill that always wants the same tool once more."""

    def __init__(self, pause_s=0.0):
        self._pause_s = pause_s

    def claims(self, turn):
        return Claim.SURE

    def step(self, turn):
        time.sleep(self._pause_s)
        return UseTools((Call("get_todos", {}),))


def _domain(skill):
    return Domain("todo", "todo", "never end", "", ("go", "go on"), {}, skill, {"go": ("go on and on",)})


def _agent(world, domain, **settings):
    settings = agent_settings(world.tools_url, **settings)
    return quiet_agent(settings, [domain])


def _caller():
    return Caller(DEMO_USER_ID, "Demo")


async def _say_nothing(reader, writer):
    await reader.read()
    writer.close()


async def test_a_stream_may_be_read_and_closed_from_different_tasks(sqlite_world):
    talk = await sqlite_world.talk("buy milk")
    events = sqlite_world.agent.turn(talk.request("mark buy milk as done"))
    heard = [await asyncio.create_task(anext(events)) for _ in range(3)]
    assert [type(event) for event in heard] == [DomainChosen, ToolStarted, ToolFinished]
    await asyncio.create_task(events.aclose())
    assert (await talk.say("what's on my list")).text


async def test_any_chat_model_with_tools_runs_on_the_same_graph(sqlite_world):
    fragments = [
        TextPart("One moment. "),
        CallPart(0, "a", "create_todo", '{"title": "buy '),
        CallPart(0, arguments='milk"}'),
        CallPart(1, "b", "create_todo", '{"title": "call mom"}'),
        Stop("end", "tool_use"),
    ]
    words = [TextPart("Both are "), TextPart("on your list."), Usage(30, 7), Stop("end", "end_turn")]
    model = HostedModel(ModelConfig("vendor", "scripted", ScriptedModel([fragments, words])), LIMITS)
    agent = quiet_agent(agent_settings(sqlite_world.tools_url), all_domains(), models=[model], clock=lambda: NOW)
    talk = Conversation(agent, await sqlite_world.caller())
    heard = await talk.say("add buy milk to my list and then call mom")
    deltas = [event.text for event in heard.events if isinstance(event, TextDelta)]
    assert deltas == ["One moment. ", "Both are on your list."]
    assert heard.tools == ["create_todo", "create_todo"]
    assert await sqlite_world.rows(talk) == {"buy milk", "call mom"}
    final = heard.final
    assert (final.provider, final.model, final.tokens_in, final.tokens_out) == ("vendor", "scripted", 30, 7)
    await agent.close()


class ScriptedModel:
    """Streams one scripted answer after the other, and checks what it is told."""

    def __init__(self, answers):
        self._answers = answers

    async def stream(self, request):
        steering = {"go_to", "transfer_to_agent", "ask_call_back"}
        assert {tool.name for tool in request.tools.tools} == {*TODO.labels, *steering}
        assert "Wednesday, 2026-11-18, 14:30" in request.system.text
        for part in self._answers.pop(0):
            yield part

    async def close(self):
        pass
