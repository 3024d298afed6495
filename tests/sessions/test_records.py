"""Every turn leaves one record, whether it succeeded, failed, timed out, was cancelled or was typed."""

import asyncio

import pytest

from convonet.core.errors import AgentError, NoSpeech
from tests.sessions.doubles import World
from tests.virtual_time import virtual_time


@virtual_time
async def test_a_spoken_turn_is_recorded_completely():
    world = World()
    async with world.caller() as client:
        client.say("start_recording")
        await client.until("status")
        await asyncio.sleep(2)
        client.say("audio_chunk", sequence=0, data_b64="AAAA" * 2000)
        client.say("stop_recording")
        await client.answer()
    await world.end()
    (record,) = world.records
    assert record.status == "success"
    assert record.error is None
    assert record.user_name == "Demo"
    assert (record.provider, record.model, record.metadata.agent_type) == ("offline", "rules", "todo")
    assert record.agent_response == f"You said {record.user_prompt}."
    assert record.metadata.source == "voice"
    assert (record.metadata.stt_provider, record.metadata.tts_provider) == ("ear", "voice")
    timing = record.metadata.voice_timing
    assert timing["capture_ms"] == pytest.approx(2000)
    order = ["stt_ms", "agent_start_ms", "first_token_ms", "agent_ms", "tts_ms", "first_audio_ms", "last_audio_ms"]
    assert [timing[name] for name in order] == sorted(timing[name] for name in order)
    assert timing["first_token_ms"] <= timing["first_sentence_ms"] <= timing["tts_ms"]
    assert record.duration_ms == timing["last_audio_ms"]
    (call,) = record.tool_calls
    assert (call.tool_name, call.status, call.result, call.duration_ms) == ("create_todo", "success", "done", 1.0)
    assert call.elapsed_from_stop_ms == timing["agent_start_ms"]


@virtual_time
async def test_a_typed_turn_is_recorded_as_typed():
    world = World()
    async with world.caller() as client:
        client.say("text_input", text="add buy milk")
        await client.answer()
    await world.end()
    (record,) = world.records
    assert (record.metadata.source, record.user_prompt) == ("text", "add buy milk")
    assert "capture_ms" not in record.metadata.voice_timing
    assert record.metadata.stt_provider is None


@virtual_time
async def test_a_turn_that_fails_is_recorded_with_its_error():
    world = World()
    world.agent.fails_with = AgentError("no model")
    async with world.caller() as client:
        client.say("text_input", text="add buy milk")
        await client.until("error")
        await client.answer()
    await world.end()
    (record,) = world.records
    assert (record.status, record.error, record.agent_response) == ("failed", "no model", "")
    assert record.provider == "none"
    assert record.tool_calls[0].status == "pending"


@virtual_time
async def test_a_turn_that_takes_too_long_is_recorded_as_timed_out():
    world = World()
    world.agent.delay = 60
    async with world.caller() as client:
        client.say("text_input", text="add buy milk")
        await client.until("error")
        await client.answer()
    await world.end()
    assert [record.status for record in world.records] == ["timeout"]


@virtual_time
async def test_an_utterance_without_speech_is_recorded():
    world = World()
    world.stt.hears = NoSpeech()
    async with world.caller() as client:
        client.speak()
        await client.until("error")
        await client.answer()
    await world.end()
    assert [(record.status, record.user_prompt) for record in world.records] == [("failed", "")]


@virtual_time
async def test_a_cancelled_turn_is_recorded_as_cancelled():
    world = World()
    world.agent.delay = 10
    async with world.caller() as client:
        client.say("text_input", text="add buy milk")
        await client.until("tool_event")
        client.say("cancel")
        await client.until("playback_stop")
    await world.end()
    (record,) = world.records
    assert (record.status, record.user_prompt) == ("cancelled", "add buy milk")
