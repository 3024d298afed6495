"""The metrics of a turn come from its record; its stages add up to the time that the caller waited."""

import asyncio

import pytest

from convonet.core.errors import AgentError
from convonet.metrics import definitions as d
from convonet.records import turn_metrics as turns
from convonet.records.record import HandOverRecord, TurnMetadata, TurnRecord
from convonet.records.turn_metrics import added_ms, stages, with_metrics
from tests.sessions.doubles import World
from tests.virtual_time import virtual_time


@virtual_time
async def test_the_stages_of_a_spoken_turn_add_up_to_the_time_to_the_first_audio():
    record = await a_spoken_turn()
    marks = record.metadata.voice_timing
    spent = dict(stages(marks))
    assert list(spent) == ["way_in", "hear", "route", "think", "speak", "send", "rest"]
    first_audio = sum(amount for stage, amount in spent.items() if stage != "rest")
    assert first_audio == pytest.approx(marks["first_audio_ms"])


@virtual_time
async def test_the_time_of_providers_is_not_our_own_part():
    record = await a_spoken_turn()
    spent = dict(stages(record.metadata.voice_timing))
    assert spent["hear"] == pytest.approx(100)
    assert spent["speak"] == pytest.approx(50)
    # on virtual time nothing of our own takes any
    assert added_ms(record.metadata.voice_timing) == pytest.approx(0)
    assert record.metadata.voice_timing["first_audio_ms"] >= 300


def test_our_own_part_is_way_in_route_and_send():
    marks = {
        "begun_ms": 3.0,
        "stt_ms": 203.0,
        "agent_start_ms": 208.0,
        "first_token_ms": 900.0,
        "first_sentence_ms": 1000.0,
        "tts_ms": 1150.0,
        "first_audio_ms": 1151.5,
        "last_audio_ms": 4000.0,
    }
    assert added_ms(marks) == pytest.approx(3 + 5 + 1.5)
    typed = {name: mark for name, mark in marks.items() if name != "stt_ms"} | {"agent_start_ms": 7.0}
    assert added_ms(typed) == pytest.approx(7 + 1.5)


def test_a_turn_without_a_spoken_answer_has_no_added_latency():
    assert added_ms({"begun_ms": 1.0, "stt_ms": 200.0, "first_audio_ms": 300.0}) is None


@virtual_time
async def test_every_turn_is_counted_once_by_how_it_ended(kept):
    world = World()
    async with world.caller() as client:
        client.say("text_input", text="add buy milk")
        await client.answer()
        world.agent.fails_with = AgentError("no model")
        client.say("text_input", text="add bread")
        await client.until("error")
        await asyncio.sleep(5)
    await world.end()
    stored = []
    for record in world.records:
        with_metrics(stored.append, kept.recorder)(record)
    assert kept.of(d.TURNS, status="success", agent_type="todo", source="text", provider="offline") == 1
    assert kept.of(d.TURNS, status="failed", agent_type="todo", source="text", provider="none") == 1
    assert stored == world.records, "the records go to their store as before"


def test_tokens_are_counted_by_provider(kept):
    record = a_record()
    record.provider = "anthropic"
    record.metadata.tokens_in, record.metadata.tokens_out = 900, 40
    turns.count_turn(record, kept.recorder)
    assert kept.of(d.TOKENS, provider="anthropic", direction="in") == 900
    assert kept.of(d.TOKENS, provider="anthropic", direction="out") == 40


def test_a_hand_over_is_counted_by_its_outcome_and_is_no_turn(kept):
    record = a_record()
    record.metadata.hand_over = HandOverRecord(
        department="sales", extension="2002", agent_name="", outcome="failed", why="no_answer", waited_s=21.5,
        talked_s=0.0, sentences=0,
    )  # fmt: skip
    turns.count_turn(record, kept.recorder)
    assert kept.of(d.HAND_OVERS, outcome="failed", why="no_answer") == 1
    assert kept.of(d.HAND_OVER_WAIT, outcome="failed") == [21.5]
    assert kept.all_of(d.TURNS) == {}
    assert kept.all_of(d.TALK) == {}


def test_a_talk_with_a_human_is_counted_in_seconds(kept):
    record = a_record()
    record.metadata.hand_over = HandOverRecord(
        department="sales", extension="2002", agent_name="Kim", outcome="ended", why=None, waited_s=9.0,
        talked_s=61.0, sentences=4,
    )  # fmt: skip
    turns.count_turn(record, kept.recorder)
    assert kept.of(d.TALK) == 61.0
    assert kept.of(d.HAND_OVERS, outcome="ended", why="none") == 1


async def a_spoken_turn():
    world = World()
    async with world.caller() as client:
        client.say("start_recording")
        await client.until("status")
        client.say("audio_chunk", sequence=0, data_b64="AAAA" * 2000)
        client.say("stop_recording")
        await client.answer()
    await world.end()
    (record,) = world.records
    return record


def a_record():
    return TurnRecord(
        request_id="s:t",
        user_id="u",
        user_name="Demo",
        timestamp=0.0,
        datetime="1970-01-01T00:00:00+00:00",
        provider="offline",
        model="rules",
        user_prompt="",
        agent_response="",
        tool_calls=[],
        status="success",
        duration_ms=0.0,
        metadata=TurnMetadata(session_id="s", turn_id="t", agent_type="todo", source="voice", t0=0.0),
    )
