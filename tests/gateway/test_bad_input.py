"""Bad input is answered with a documented code; the socket stays open, and other callers notice nothing."""

import asyncio
import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convonet.core.errors import ErrorCode
from tests.sessions.doubles import World, spoken
from tests.virtual_time import virtual_time

NEEDS_LOGIN = [
    {"type": "start_recording"},
    {"type": "audio_chunk", "sequence": 0, "data_b64": "AAAA"},
    {"type": "audio_frame", "data_b64": "AAAA"},
    {"type": "stop_recording"},
    {"type": "end_utterance"},
    {"type": "stream_reset"},
    {"type": "cancel"},
    {"type": "text_input", "text": "hello"},
    {"type": "transfer_request"},
    {"type": "voice_providers"},
    {"type": "hangup"},
]

REFUSED = [
    ("", "bad_json"),
    ("{", "bad_json"),
    ("[" * 50_000, "bad_json"),
    ("null", "bad_json"),
    ("[]", "bad_json"),
    ('"text"', "bad_json"),
    ('{"type": "text_input", "text": "\\ud800"}', "bad_json"),
    ("{}", "unknown_type"),
    ('{"type": null}', "unknown_type"),
    ('{"type": {}}', "unknown_type"),
    ('{"type": "nonsense"}', "unknown_type"),
    ('{"type": "text_input"}', "bad_field"),
    ('{"type": "text_input", "text": ""}', "bad_field"),
    ('{"type": "text_input", "text": 7}', "bad_field"),
    (json.dumps({"type": "text_input", "text": "x" * 2001}), "bad_field"),
    ('{"type": "start_recording", "stt_mode": "psychic"}', "bad_field"),
    ('{"type": "start_recording", "language": "../../etc"}', "bad_field"),
    ('{"type": "start_recording", "utterance_id": "a b"}', "bad_field"),
    ('{"type": "start_recording", "format": "pcm16", "sample_rate": 1}', "bad_field"),
    ('{"type": "audio_chunk", "sequence": 0}', "bad_field"),
    ('{"type": "audio_chunk", "sequence": -1, "data_b64": ""}', "bad_field"),
    ('{"type": "audio_chunk", "sequence": "x", "data_b64": ""}', "bad_field"),
    ('{"type": "heartbeat"}', "bad_field"),
    ('{"type": "heartbeat", "ts_ms": 1e300}', "bad_field"),
    ('{"type": "heartbeat", "ts_ms": -1}', "bad_field"),
    ('{"type": "authenticate", "last_seq": -1}', "bad_field"),
    (json.dumps({"type": "authenticate", "pin": "1" * 33}), "bad_field"),
    (json.dumps({"type": "text_input", "text": "x" * 300_000}), "message_too_large"),
    ('{"type": "authenticate", "pin": "471182"}', "invalid_mode"),
    ('{"type": "audio_chunk", "sequence": 0, "data_b64": "AAAA"}', "invalid_mode"),
    ('{"type": "stop_recording"}', "invalid_mode"),
    (b"\x00" * 10, "invalid_mode"),
    (b"\x00" * 300_000, "message_too_large"),
]


@pytest.mark.parametrize("message", NEEDS_LOGIN, ids=lambda m: m["type"])
def test_nothing_is_done_for_a_client_that_has_not_authenticated(message):
    @virtual_time
    async def run():
        world = World()
        async with world.client() as client:
            await client.until("auth_required")
            client.say_raw(json.dumps(message))
            assert (await client.until("error"))["code"] == "auth_required"
            assert client.closed_with is None
        assert world.sessions == 0

    run()


@pytest.mark.parametrize(("frame", "code"), REFUSED, ids=[f"{c}-{i}" for i, (_, c) in enumerate(REFUSED)])
def test_a_wrong_frame_gets_its_code_and_the_call_goes_on(frame, code):
    @virtual_time
    async def run():
        world = World()
        async with world.caller() as client:
            client.say_raw(frame)
            assert (await client.until("error"))["code"] == code
            client.speak()
            assert "You said" in spoken(await client.answer())
        await world.end()

    run()


@virtual_time
async def test_bad_base64_is_reported_and_the_rest_of_the_recording_counts():
    world = World()
    async with world.caller() as client:
        client.say("start_recording")
        client.say("audio_chunk", sequence=0, data_b64="not base64!")
        assert (await client.until("error"))["code"] == "bad_base64"
        client.say("audio_chunk", sequence=1, data_b64=base64.b64encode(bytes(2000)).decode())
        client.say("stop_recording")
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_whole_recording_in_one_slice_is_accepted_as_old_clients_send_it():
    world = World()
    async with world.caller() as client:
        client.speak(audio=bytes(2_900_000))
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_recording_that_is_too_short_is_refused():
    world = World()
    async with world.caller() as client:
        client.say("start_recording")
        client.say("stop_recording")
        assert (await client.until("error"))["code"] == "recording_too_short"
    await world.end()


@virtual_time
async def test_a_recording_of_hours_is_refused_and_its_memory_is_freed():
    world = World()
    chunk = base64.b64encode(bytes(150_000)).decode()
    async with world.caller() as client:
        client.say("start_recording")
        for number in range(60):
            client.say("audio_chunk", sequence=number, data_b64=chunk)
        assert (await client.until("error"))["code"] == "utterance_too_long"
        client.say("stop_recording")
        assert (await client.until("error"))["code"] == "utterance_too_long"
        assert world.stt.calls == 0
        client.speak()
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_ten_thousand_messages_at_once_are_limited_and_other_callers_notice_nothing():
    world = World()
    async with world.caller() as flooder, world.caller() as other:
        for number in range(10_000):
            flooder.say("heartbeat", ts_ms=number)
        other.speak()
        assert "You said" in spoken(await other.answer())
        assert (await flooder.until("error"))["code"] == "rate_limited"
        assert sum(m["type"] == "error" for m in flooder.received) < 10
        await asyncio.sleep(10)
        flooder.speak()
        assert "You said" in spoken(await flooder.answer())
    await world.end()


@virtual_time
async def test_a_recording_that_lost_slices_to_the_rate_limit_is_refused():
    world = World()
    async with world.caller() as client:
        client.say("start_recording")
        for number in range(1_000):
            client.say("audio_chunk", sequence=number, data_b64=base64.b64encode(bytes(50)).decode())
        client.say("stop_recording")
        codes = [(await client.until("error"))["code"] for _ in range(2)]
        assert codes == ["rate_limited", "bad_audio"]
        assert world.stt.calls == 0
    await world.end()


@virtual_time
async def test_a_hang_up_is_handled_even_in_a_flood():
    world = World()
    async with world.caller() as client:
        for number in range(1_000):
            client.say("heartbeat", ts_ms=number)
        client.say("hangup")
        assert (await client.until("closed"))["code"] == 1000
    assert world.sessions == 0
    await world.end()


@virtual_time
async def test_a_socket_that_only_sends_heartbeats_is_closed_after_five_minutes():
    world = World()
    async with world.client() as client:
        for number in range(20):
            client.say("heartbeat", ts_ms=number)
            await asyncio.sleep(20)
        assert client.closed_with == 1008
    await world.end()


@virtual_time
async def test_guessing_pins_is_slowed_down_and_says_for_how_long():
    world = World()
    codes = []
    async with world.client() as client:
        await client.until("auth_required")
        for guess in range(12):
            client.say("authenticate", pin=f"{guess:04d}")
            told = await client.until("error")
            codes.append(told["code"])
        assert "auth_throttled" in codes
        assert told["retry_after_ms"] > 0
    await world.end()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
TYPES = st.sampled_from([m["type"] for m in NEEDS_LOGIN] + ["authenticate", "heartbeat"])
FIELDS = st.sampled_from(["pin", "text", "sequence", "data_b64", "utterance_id", "language", "ts_ms", "last_seq"])
FRAMES = (
    st.text(max_size=100)
    | st.binary(max_size=100)
    | st.builds(lambda t, f: json.dumps({"type": t, **f}), TYPES, st.dictionaries(FIELDS, JSON, max_size=4))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(FRAMES, min_size=1, max_size=25))
def test_no_sequence_of_frames_breaks_the_socket_or_another_call(frames):
    @virtual_time
    async def run():
        world = World()
        async with world.caller() as other, world.client() as client:
            await client.log_in()
            for frame in frames:
                client.say_raw(frame)
            other.speak()
            assert "You said" in spoken(await other.answer())
            await asyncio.sleep(30)
            codes = {m["code"] for m in client.received if m["type"] == "error"}
            assert codes <= set(ErrorCode)
            assert "internal_error" not in codes
            assert client.closed_with in {None, 1000}
        await world.end()

    run()
