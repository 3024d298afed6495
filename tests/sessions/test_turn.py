"""A conversation as the caller sees it, from the first message to hanging up."""

import asyncio

import pytest

from convonet.core.errors import AgentError, BadAudio, NoSpeech, SpeechUnavailable
from convonet.protocol.frames import SoundKind
from convonet.sessions.conversation import Conversation
from convonet.sessions.outbox import TEXT_DELAY_S
from tests.sessions.doubles import World, spoken, types
from tests.virtual_time import virtual_time


@virtual_time
async def test_a_wrong_pin_is_refused_and_the_socket_stays_open():
    world = World()
    async with world.client() as client:
        await client.until("auth_required", pin_required=True)
        client.say("authenticate", pin="0000")
        refusal = await client.until("error")
        assert refusal["code"] == "auth_failed"
        assert client.closed_with is None
        await asyncio.sleep(5)
        client.say("authenticate", pin="471182")
        assert (await client.until("auth_ok"))["user_name"] == "Demo"
    await world.end()


@virtual_time
async def test_the_right_pin_is_greeted_by_name_and_aloud():
    world = World()
    async with world.client() as client:
        ok = await client.log_in()
        assert ok["resumed"] is False
        assert ok["offline"]
        greeting = client.received[-1]
        assert "Hi Demo" in greeting["text"]
        assert greeting["data_b64"]
        assert greeting["mime_type"] == "audio/mpeg"
    await world.end()


@virtual_time
async def test_stt_agent_and_tts_get_the_callers_language():
    world = World()
    async with world.client() as client:
        await client.log_in(language="ko-KR")
        assert world.tts.language == "ko-KR"
        for of_utterance, used in (({}, "ko-KR"), ({"language": "en-US"}, "en-US")):
            client.speak(**of_utterance)
            await client.answer()
            assert (world.stt.language, world.agent.language, world.tts.language) == (used, used, used)
    await world.end()


@virtual_time
async def test_the_greeting_is_shown_when_synthesis_fails():
    world = World()
    world.tts.fails_with = SpeechUnavailable("down")
    async with world.client() as client:
        await client.log_in()
        assert "Hi Demo" in client.received[-1]["text"]
        assert "data_b64" not in client.received[-1]
    await world.end()


@virtual_time
async def test_a_spoken_turn_sends_its_messages_in_order_and_the_transcript_before_the_answer():
    world = World()
    async with world.caller() as client:
        client.speak()
        messages = await client.answer()
        assert [t for t in types(messages) if t != "status"] == [
            "processing_start",
            "transcript_final",
            "tool_event",
            "tool_event",
            "agent_stream_chunk",
            "agent_final",
            "audio_chunk",
        ]
        final = next(m for m in messages if m["type"] == "agent_final")
        assert final["text"] == "You said add buy milk to my todo list."
        assert final["agent_type"] == "todo"
        assert final["timings"]["stt_ms"] == pytest.approx(100)
        assert spoken(messages) == final["text"]
        assert messages[-1]["total_chunks"] == 1
        numbered = [m["seq"] for m in client.received if m["seq"]]
        assert numbered == sorted(set(numbered))
        assert all(m["session_id"] == client.session_id for m in messages)
    await world.end()


@virtual_time
async def test_the_transcript_is_sent_as_soon_as_recognition_is_done():
    world = World()
    world.agent.delay = 5
    async with world.caller() as client:
        started = asyncio.get_running_loop().time()
        client.speak()
        await client.until("transcript_final")
        assert asyncio.get_running_loop().time() - started == pytest.approx(0.1 + TEXT_DELAY_S)
    await world.end()


@virtual_time
async def test_the_caller_is_told_about_a_fallback_to_another_provider():
    world = World()
    world.stt.answers_as = world.tts.answers_as = "local"
    async with world.caller() as client:
        client.speak()
        told = [m["message"] for m in await client.answer() if m["type"] == "status"]
        assert "ear is not answering; local listens instead." in told
        assert "voice is not answering; local speaks instead." in told
    await world.end()


@virtual_time
async def test_a_typed_turn_needs_no_recognition():
    world = World()
    async with world.caller() as client:
        client.say("text_input", text="what are my todos")
        messages = await client.answer()
        assert "You said what are my todos." in spoken(messages)
        assert world.stt.calls == 0
    await world.end()


@virtual_time
async def test_a_long_answer_is_spoken_sentence_by_sentence_in_order():
    world = World()
    world.stt.hears = "one. Two comes second. Three comes third"
    async with world.caller() as client:
        client.speak()
        messages = await client.answer()
        chunks = [m for m in messages if m["type"] == "audio_chunk"]
        assert len(chunks) >= 2
        assert [m["chunk_index"] for m in chunks] == list(range(len(chunks)))
        assert [m["is_final"] for m in chunks] == [False] * (len(chunks) - 1) + [True]
        assert "Three comes third" in spoken(messages)
    await world.end()


@pytest.mark.parametrize(
    ("error", "code"),
    [(NoSpeech(), "no_speech"), (BadAudio(), "bad_audio"), (SpeechUnavailable("down"), "stt_failed")],
)
def test_a_recording_that_is_not_recognized_is_answered_on_screen_and_aloud(error, code):
    @virtual_time
    async def run():
        world = World()
        world.stt.hears = error
        async with world.caller() as client:
            client.speak()
            messages = await client.answer()
            told = next(m for m in messages if m["type"] == "error")
            assert told["code"] == code
            assert spoken(messages) == told["message"] == error.spoken
            assert "transcript_final" not in types(messages)
            world.stt.hears = "hello"
            client.speak()
            assert "You said hello." in spoken(await client.answer())
        await world.end()

    run()


@pytest.mark.parametrize("error", [AgentError("down"), ZeroDivisionError("a bug")])
def test_a_failure_of_the_agent_is_apologized_for_aloud_and_the_call_goes_on(error):
    @virtual_time
    async def run():
        world = World()
        world.agent.fails_with = error
        async with world.caller() as client:
            client.speak()
            messages = await client.answer()
            told = next(m for m in messages if m["type"] == "error")
            assert told["code"] in {"agent_failed", "internal_error"}
            assert spoken(messages) == told["message"]
            world.agent.fails_with = None
            client.speak()
            assert "You said" in spoken(await client.answer())
        await world.end()

    run()


@virtual_time
async def test_an_agent_that_hangs_is_given_up_after_the_timeout():
    world = World()
    world.agent.delay = 10_000
    async with world.caller() as client:
        started = asyncio.get_running_loop().time()
        client.speak()
        told = await client.until("error")
        assert told["code"] == "agent_failed"
        assert asyncio.get_running_loop().time() - started < 12
        assert world.agent.cancelled == 1
    await world.end()


@virtual_time
async def test_an_answer_that_can_not_be_synthesized_is_still_shown():
    world = World()
    async with world.caller() as client:
        world.tts.fails_with = SpeechUnavailable("down")
        client.speak()
        messages = await client.answer()
        assert "agent_final" in types(messages)
        assert next(m for m in messages if m["type"] == "error")["code"] == "tts_failed"
        assert spoken(messages) == ""
    await world.end()


@virtual_time
async def test_a_crash_of_tts_ends_the_turn_and_the_answer_is_kept():
    world = World()
    async with world.caller() as client:
        world.tts.fails_with = RuntimeError("a bug")
        client.speak()
        messages = await client.answer()
        assert next(m for m in messages if m["type"] == "error")["code"] == "tts_failed"
        world.tts.fails_with = None
        client.say("text_input", text="and now")
        assert "You said and now." in spoken(await client.answer())
        await asyncio.sleep(0.1)
        session = world.session_of(client)
        assert [m.content for m in session.conversation.history if m.role == "user"] == [
            "add buy milk to my todo list",
            "and now",
        ]
    await world.end()


@virtual_time
async def test_cancel_stops_the_turn_and_nothing_of_it_is_sent_afterwards():
    world = World()
    world.agent.delay = 3
    async with world.caller() as client:
        client.speak()
        started = await client.until("processing_start")
        await client.until("tool_event")
        client.say("cancel")
        stop = await client.until("playback_stop")
        assert stop["turn_id"] == started["turn_id"]
        await asyncio.sleep(10)
        assert world.agent.cancelled == 1
        after = client.received[client.received.index(stop) + 1 :]
        assert [m for m in after if m.get("turn_id") == started["turn_id"]] == []
        client.speak()
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_an_utterance_during_a_turn_is_answered_after_it():
    world = World()
    async with world.caller() as client:
        for word in ("one", "two", "three"):
            client.say("text_input", text=word)
        answers = [spoken(await client.answer()) for _ in range(3)]
        assert answers == ["You said one.", "You said two.", "You said three."]
    await world.end()


@virtual_time
async def test_more_than_a_few_queued_utterances_are_refused_as_busy():
    world = World()
    async with world.caller() as client:
        for number in range(6):
            client.say("text_input", text=f"sentence {number}")
        assert (await client.until("error"))["code"] == "busy"
        for _ in range(4):
            assert "You said sentence" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_session_that_crashes_says_so_before_it_ends(monkeypatch):
    world = World()
    async with world.caller() as client:

        def crash(_conversation, _preferences):
            raise RuntimeError("a bug")

        monkeypatch.setattr(Conversation, "apply_preferences", crash)
        client.say("voice_providers", stt_provider="local")
        assert (await client.until("error"))["code"] == "internal_error"
        assert (await client.until("closed"))["code"] == 1000
    await world.end()


@virtual_time
async def test_hanging_up_ends_the_session_for_good():
    world = World()
    async with world.caller() as client:
        token = client.resume_token
        client.say("hangup")
        assert (await client.until("closed"))["code"] == 1000
    assert world.sessions == 0
    async with world.client() as again:
        await again.until("auth_required")
        again.say("authenticate", resume_token=token, last_seq=0)
        assert (await again.until("error"))["code"] == "resume_failed"
    await world.end()


@virtual_time
async def test_a_session_that_nobody_uses_ends_and_says_so():
    world = World(CONVONET_IDLE_TIMEOUT_S="30")
    async with world.caller() as client:
        assert (await client.until("error"))["code"] == "session_ended"
        assert (await client.until("closed"))["code"] == 1000
    await world.end()


# -- streamed answers


def sounds(messages):
    return [(m["header"], m["pcm"]) for m in messages if m["type"] == "sound"]


@virtual_time
async def test_a_streaming_client_gets_audio_in_numbered_frames_as_it_arrives():
    world = World()
    world.agent.answers_with = "One sentence. And another one."
    async with world.caller(audio="stream") as client:
        client.speak()
        messages = await client.answer()
        start = next(m for m in messages if m["type"] == "processing_start")
        frames = sounds(messages)
        assert [pcm.decode().strip() for _, pcm in frames] == ["One sentence.", "And another one.", ""]
        assert {(h.kind, h.turn_number) for h, _ in frames} == {(SoundKind.ANSWER_PCM16, start["turn_number"])}
        assert [h.is_last for h, _ in frames] == [False, False, True]
        positions = [h.first_sample for h, _ in frames]
        assert positions == [0, len(frames[0][1]) // 2, (len(frames[0][1]) + len(frames[1][1])) // 2]
        numbers = [m["header"].seq if m["type"] == "sound" else m["seq"] for m in messages]
        assert numbers == sorted(set(numbers))
        assert "audio_chunk" not in types(messages)
    await world.end()


@virtual_time
async def test_a_client_without_streaming_gets_no_binary_frame():
    world = World()
    async with world.caller() as client:
        client.speak()
        assert "audio_chunk" in types(await client.answer())
        assert client.heard == b""
    await world.end()


@virtual_time
async def test_a_sentence_is_spoken_before_the_answer_is_complete():
    world = World()
    world.agent.pieces = ["The first is done. ", "The second takes long."]
    world.agent.piece_delay = 3
    async with world.caller(audio="stream") as client:
        client.speak()
        first = await client.until("sound")
        assert first["pcm"].decode().strip() == "The first is done."
        assert not any(m["type"] == "agent_final" for m in client.received)
        await client.answer()
    await world.end()


@virtual_time
async def test_the_answers_text_is_shown_while_it_is_written():
    world = World()
    world.agent.pieces = ["The first is done. ", "The second too."]
    async with world.caller() as client:
        client.speak()
        messages = await client.answer()
        shown = "".join(m["text_chunk"] for m in messages if m["type"] == "agent_stream_chunk")
        assert shown == next(m for m in messages if m["type"] == "agent_final")["text"]
    await world.end()


@virtual_time
async def test_a_cancel_stops_a_streamed_answer_while_it_plays():
    world = World()
    world.agent.answers_with = " ".join(f"Sentence number {n} is here." for n in range(20))
    world.tts.delay = 0.2
    async with world.caller(audio="stream") as client:
        client.speak()
        await client.until("sound")
        client.say("cancel")
        await client.until("playback_stop")
        await asyncio.sleep(1)
        heard = len(client.frames)
        await asyncio.sleep(10)
        assert len(client.frames) == heard < 8
        assert len(world.tts.spoken) < 8, "the voice's work is stopped too"
    await world.end()


@virtual_time
async def test_a_streamed_answer_that_can_not_be_synthesized_is_still_shown_and_ends():
    world = World()
    async with world.caller(audio="stream") as client:
        world.tts.fails_with = SpeechUnavailable("down")
        client.speak()
        messages = await client.answer()
        assert "agent_final" in types(messages)
        assert next(m for m in messages if m["type"] == "error")["code"] == "tts_failed"
        ((header, pcm),) = sounds(messages)
        assert (header.is_last, pcm) == (True, b"")
    await world.end()


@virtual_time
async def test_a_tts_provider_that_hangs_ends_the_turn_after_the_timeout():
    world = World()
    world.tts.delay = 10_000
    async with world.caller(audio="stream") as client:
        client.speak()
        messages = await client.answer()
        assert next(m for m in messages if m["type"] == "error")["code"] == "tts_failed"
        client.say("text_input", text="and now")
        assert (await client.until("agent_final"))["text"] == "You said and now."
    await world.end()


@virtual_time
async def test_a_failed_turn_is_apologized_for_in_the_stream_too():
    world = World()
    world.agent.fails_with = AgentError("down")
    async with world.caller(audio="stream") as client:
        client.speak()
        messages = await client.answer()
        told = next(m for m in messages if m["type"] == "error")
        assert b"".join(pcm for _, pcm in sounds(messages)).decode().replace(" ", "") == told["message"].replace(
            " ", ""
        )
    await world.end()
