"""Live calls as a supervisor sees them, from the first word to the last; sessions, turns and relay are real."""

import asyncio

from pydantic_core import from_json, to_json

from convonet.core.errors import AgentError
from convonet.monitor.messages import CallState
from convonet.monitor.transcript import MAX_ENTRIES, LiveTranscript
from tests.sessions.doubles import World
from tests.virtual_time import virtual_time


def entries(reports):
    """The transcript entries of the one call, in their last state."""
    last = {line.number: line for report in reports for line in report.lines}
    return [(line.who, line.text) for line in last.values()]


@virtual_time
async def test_a_spoken_turn_appears_and_grows():
    world = World()
    async with world.client() as client:
        ok = await client.log_in()
        await asyncio.sleep(0.1)
        (begun,) = world.calls.take_changes()
        assert (begun.session_id, begun.call.user_name, begun.call.state) == (ok["session_id"], "Demo", "ready")
        client.speak()
        await client.until("processing_start")
        await asyncio.sleep(0.05)
        (hearing,) = world.calls.take_changes()
        assert hearing.call.state is CallState.THINKING
        await client.until("transcript_final")
        await client.until("tool_event", phase="started")
        (heard,) = world.calls.take_changes()
        assert entries([heard]) == [("caller", "add buy milk to my todo list"), ("tool", "Adding the todo")]
        assert heard.lines[1].open
        assert (heard.call.last_who, heard.call.last_words) == ("caller", "add buy milk to my todo list")
        await client.until("audio_chunk")
        await asyncio.sleep(0.1)
        (over,) = world.calls.take_changes()
        assert entries([over]) == [("tool", "Adding the todo"), ("agent", "You said add buy milk to my todo list.")]
        assert not any(line.open for line in over.lines)
        assert (over.call.state, over.call.turns, over.call.agent_type) == (CallState.READY, 1, "todo")
        assert world.calls.take_changes() == ()
    await world.end()


@virtual_time
async def test_a_failed_turn_shows_as_one():
    world = World()
    async with world.client() as client:
        await client.log_in()
        world.agent.fails_with = AgentError("away")
        client.speak()
        await client.answer()
        await asyncio.sleep(0.1)
        (report,) = world.calls.take_changes()
        assert (report.call.turns, report.call.failed_turns) == (1, 1)
        assert [line.who for line in report.lines if line.failed] == ["notice"]
    await world.end()


@virtual_time
async def test_a_caller_whose_connection_is_lost_is_away_until_they_hang_up():
    world = World(CONVONET_RESUME_GRACE_S=20)
    async with world.client() as client:
        await client.log_in()
        world.calls.take_changes()
    await asyncio.sleep(1)
    (report,) = world.calls.take_changes()
    assert report.call.state is CallState.AWAY
    await asyncio.sleep(30)
    (report,) = world.calls.take_changes()
    assert report.call is None
    await world.end()


@virtual_time
async def test_after_a_barge_in_the_turn_is_over():
    world = World()
    async with world.client() as client:
        await client.log_in()
        client.speak()
        await client.until("transcript_final")
        assert world.calls.gauges()["turns_in_flight"] == 1
        client.say("cancel")
        await client.until("playback_stop")
        await asyncio.sleep(0.1)
        assert world.calls.gauges() == {"turns_in_flight": 0}
    await world.end()


@virtual_time
async def test_a_tool_of_an_interrupted_turn_does_not_speak_for_the_next_one():
    world = World()
    async with world.client() as client:
        await client.log_in()
        client.speak()
        await client.until("tool_event", phase="started")
        client.say("cancel")
        await asyncio.sleep(0.1)
        world.calls.take_changes()
        client.speak()
        await client.answer()
        await asyncio.sleep(0.1)
        (report,) = world.calls.take_changes()
        assert [(line.who, line.open) for line in report.lines] == [
            ("caller", False),
            ("tool", False),
            ("agent", False),
        ]
        (everything,) = world.calls.take_changes(everything=True)
        assert not any(line.open for line in everything.lines)
    await world.end()


@virtual_time
async def test_a_restored_call_brings_its_conversation_along():
    world = World()
    async with world.caller() as client:
        client.speak()
        await client.answer()
        await asyncio.sleep(0.1)
        world.kill(world.replica_of(client.session_id))
        await asyncio.sleep(1)
        (report,) = world.calls.take_changes(everything=True)
        assert ("caller", "add buy milk to my todo list") in entries([report])
        assert report.call.state is CallState.READY
    await world.end()


@virtual_time
async def test_a_long_call_keeps_its_newest_entries():
    world = World()
    async with world.client() as client:
        await client.log_in()
        for number in range(MAX_ENTRIES):
            client.say("text_input", text=f"number {number}")
            await client.answer()
        (report,) = world.calls.take_changes(everything=True)
        assert len(report.lines) == MAX_ENTRIES
        assert report.lines[-1].text == f"You said number {MAX_ENTRIES - 1}."
    await world.end()


def test_half_a_surrogate_pair_can_be_reported():
    transcript = LiveTranscript(clock=lambda: 1.0)
    transcript.add_entry("caller", "a \ud83d")
    transcript.extend_answer("fine \ud83d")
    transcript.extend_answer("\ude00 day")
    assert [line["text"] for line in from_json(to_json(transcript.take_changes()))] == ["a ?", "fine ?? day"]
    transcript.close_answer("fine \ud83d day")
    assert [line["text"] for line in from_json(to_json(transcript.take_changes()))] == ["fine ? day"]
