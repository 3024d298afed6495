"""A turn is one trace, from the end of the utterance to the tool, and each of its spans ends as the work did."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from convonet.core.errors import AgentError, DomainError, SpeechUnavailable
from convonet.domains.todo.todos.service import TodoService
from tests.agents.conftest import running_world
from tests.sessions.doubles import PIN, World
from tests.virtual_time import virtual_time

TURN = "turn"
AGENT = f"{TURN} > think > agent"
TOOL = f"{AGENT} > execute_tool"
SAID = "add buy zucchini to my todo list"


@asynccontextmanager
async def talking(tmp_path):
    """A caller of the real gateway, session and agent with real tool servers over HTTP; STT and TTS are fakes."""
    async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as agents:
        world = World(agent=agents.agent, caller=await agents.caller())
        world.stt.hears = SAID
        async with world.caller() as client:
            yield client
        await world.end()


async def one_spoken_turn(tmp_path):
    async with talking(tmp_path) as client:
        client.speak()
        await answered(client)
        return client.session_id


async def answered(client):
    """Until the last audio, and the session has done with the utterance."""
    await client.answer()
    await asyncio.sleep(0.1)


async def test_a_turn_is_one_trace_from_the_voice_replica_to_the_tool(traced, tmp_path):
    tracing = traced()
    await one_spoken_turn(tmp_path)
    tracing.flush()
    (trace,) = tracing.collector.traces()
    (root,) = trace.roots
    assert (root.name, root.kind, root.parent_id) == ("turn", "server", "")
    assert trace.paths() == {
        TURN: 1,
        f"{TURN} > hear": 1,
        f"{TURN} > think": 1,
        AGENT: 1,
        f"{AGENT} > route": 1,
        f"{AGENT} > chat": 2,
        TOOL: 1,
        f"{TOOL} > execute_tool": 1,
        f"{TURN} > speak": 1,
    }
    assert {(seen.status, seen.is_error) for seen in trace.spans} == {("success", False)}
    assert all(root.began <= seen.began <= seen.ended <= root.ended for seen in trace.spans)


async def test_spans_name_the_session_and_the_providers(traced, tmp_path):
    tracing = traced()
    session_id = await one_spoken_turn(tmp_path)
    tracing.flush()
    seen = tracing.collector
    called, served = seen.named("execute_tool")
    turn_id = seen.one("turn").attributes["convonet.turn.id"]
    for span in (seen.one("turn"), seen.one("agent"), served):
        assert span.attributes["session.id"] == session_id
        assert span.attributes["convonet.turn.id"] == turn_id
    assert (called.kind, served.kind) == ("client", "server")
    assert called.attributes["gen_ai.tool.name"] == served.attributes["gen_ai.tool.name"] == "create_todo"
    assert seen.one("agent").attributes["gen_ai.agent.name"] == "todo"
    assert {span.attributes["gen_ai.provider.name"] for span in seen.named("chat")} == {"offline"}
    assert seen.one("hear").attributes["gen_ai.provider.name"] == "ear"
    assert seen.one("speak").attributes["convonet.sentence"] == 1


async def test_no_word_of_a_caller_is_in_a_trace(traced, tmp_path):
    tracing = traced()
    await one_spoken_turn(tmp_path)
    tracing.flush()
    assert tracing.collector.one("turn")
    assert b"zucchini" not in b"".join(tracing.collector.bodies)
    assert b"todo list" not in b"".join(tracing.collector.bodies)


async def test_words_are_in_a_trace_when_the_operator_allows_them(traced, tmp_path):
    tracing = traced(CONVONET_TRACE_WORDS="true")
    await one_spoken_turn(tmp_path)
    tracing.flush()
    turn, called = tracing.collector.one("turn").attributes, tracing.collector.named("execute_tool")[0].attributes
    assert turn["convonet.words.transcript"] == SAID
    assert turn["convonet.words.answer"] == "I added buy zucchini to your list."
    assert json.loads(called["convonet.words.arguments"])["title"] == "buy zucchini"
    assert called["convonet.words.result"]


@virtual_time
async def test_a_pin_that_is_said_is_in_no_trace_even_then(traced):
    tracing, world = traced(CONVONET_TRACE_WORDS="true"), World()
    async with world.caller() as client:
        client.say("text_input", text=f"my pin is {PIN}")
        await answered(client)
    await world.end()
    tracing.flush()
    assert tracing.collector.one("turn").attributes["convonet.words.answer"] == "You said my pin is ***."
    assert PIN.encode() not in b"".join(tracing.collector.bodies)


async def test_a_tool_that_fails_is_a_failure_in_its_turn_that_does_not(traced, tmp_path, monkeypatch):
    async def refuses(*_, **__):
        raise DomainError("full", spoken="Your zucchini list is full.")

    monkeypatch.setattr(TodoService, "create", refuses)
    tracing = traced()
    await one_spoken_turn(tmp_path)
    tracing.flush()
    assert [(span.status, span.is_error) for span in tracing.collector.named("execute_tool")] == [("failed", True)] * 2
    assert tracing.collector.one("turn").status == "success"
    assert b"zucchini" not in b"".join(tracing.collector.bodies)


@virtual_time
async def test_a_turn_without_an_answer_ends_its_trace_as_failed(traced):
    tracing = traced()
    for fault in (AgentError("no zucchini"), KeyError("zucchini")):
        world = World()
        world.agent.fails_with = fault
        async with world.caller() as client:
            client.say("text_input", text=SAID)
            await client.until("error")
            await answered(client)
        await world.end()
    tracing.flush()
    ends = {(span.name, span.status, span.attributes.get("error.type")) for span in tracing.collector.spans}
    assert ends == {
        ("turn", "failed", None),
        ("think", "failed", "AgentError"),
        ("think", "failed", "KeyError"),
        ("speak", "success", None),
    }
    assert b"zucchini" not in b"".join(tracing.collector.bodies)


@virtual_time
async def test_a_turn_that_takes_too_long_ends_its_trace_as_timeout(traced):
    tracing, world = traced(), World()
    world.agent.delay = 60
    async with world.caller() as client:
        client.say("text_input", text=SAID)
        await client.until("error")
        await answered(client)
    await world.end()
    tracing.flush()
    assert {span.status for span in tracing.collector.spans if span.name != "speak"} == {"timeout"}


@virtual_time
async def test_a_turn_that_the_caller_interrupts_ends_all_its_spans_as_cancelled(traced):
    tracing, world = traced(), World()
    world.agent.delay = 10
    async with world.caller() as client:
        client.speak()
        await client.until("tool_event")
        client.say("cancel")
        await client.until("playback_stop")
        client.say("text_input", text="next")
        await answered(client)
    await world.end()
    tracing.flush()
    interrupted, _ = tracing.collector.traces()
    assert {(span.name, span.status, span.is_error) for span in interrupted.spans} == {
        ("turn", "cancelled", False),
        ("hear", "success", False),
        ("think", "cancelled", False),
    }


@virtual_time
async def test_a_failed_tts_is_in_the_span_of_its_sentence(traced):
    tracing, world = traced(), World()
    world.tts.fails_with = SpeechUnavailable("down")
    async with world.caller() as client:
        client.say("text_input", text=SAID)
        await answered(client)
    await world.end()
    tracing.flush()
    assert tracing.collector.one("speak").status == "failed"
    assert tracing.collector.one("turn").status == "success"


@virtual_time
async def test_a_turn_that_is_repeated_after_a_crash_stays_one_trace(traced):
    tracing, world = traced(), World()
    world.agent.delay = 2
    async with world.caller() as client:
        client.speak("u-1")
        await client.until("tool_event")
        world.kill(world.replica_of(client.session_id))
        await answered(client)
    await world.end()
    tracing.flush()
    (trace,) = tracing.collector.traces()
    (root,) = trace.roots
    assert (root.name, root.status) == ("turn", "cancelled")
    assert [span.status for span in tracing.collector.named("turn")] == ["cancelled", "success"]


@virtual_time
async def test_a_turn_whose_caller_has_hung_up_ends_its_trace_too(traced):
    tracing, world = traced(), World()
    async with world.caller() as client:
        client.speak()
        await client.until("tool_event")
    await world.end()
    tracing.flush()
    assert tracing.collector.one("turn").status == "cancelled"


@virtual_time
@pytest.mark.parametrize(("ratio", "traces"), [("0", 0), ("1", 3)])
async def test_the_share_of_turns_that_are_traced_can_be_set(traced, ratio, traces):
    tracing, world = traced(CONVONET_TRACE_RATIO=ratio), World()
    async with world.caller() as client:
        for _ in range(3):
            client.say("text_input", text=SAID)
            await answered(client)
    await world.end()
    tracing.flush()
    assert len(tracing.collector.traces()) == traces
