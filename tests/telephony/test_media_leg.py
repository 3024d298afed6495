"""A media leg, whatever carries the desk's audio: who hears whom, in each state that the host wants."""

import asyncio
import contextlib
import itertools

import numpy as np
import pytest

from convonet.core.errors import BadAudio, SpeechUnavailable
from convonet.telephony import media_leg
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.desk_stream import StreamOpening
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.hold_tone import CHORD_HZ, hold_tone
from convonet.telephony.media_leg import LegEnd, MediaLeg
from convonet.telephony.messages import MediaLegAddress
from convonet.telephony.real_time import FRAME_BYTES, FRAME_S, LEAD_S, RATE, frames_of, in_real_time
from tests.sessions.doubles import ScriptedStt, ScriptedTts
from tests.telephony.played_host import CALLER, COLLEAGUE, DESK, TONE, CallerSide, PlayedHost, hears, hears_only, until
from tests.virtual_time import virtual_time

OPENING = StreamOpening("h-1", 0, "a-key", "direct-h-1-0", "dora")


class PlayedStream:
    """A desk's stream, whose person speaks all the time."""

    def __init__(self, speaks=DESK):
        self.heard = []
        self.whispers = []
        self.whisper_heard = asyncio.Event()
        self.whisper_stopped = False
        self.admitted = 0
        self.fails_with = None
        self.stops = False
        self.is_silent = asyncio.Event()
        self._speaks = speaks

    async def confirm_admission(self):
        self.admitted += 1

    async def receive_audio(self):
        while not self.stops:
            if self.fails_with is not None:
                raise self.fails_with
            yield self._speaks
            await asyncio.sleep(FRAME_S)

    def send_audio(self, pcm):
        self.heard.append(pcm)

    async def send_queued_audio(self):
        await asyncio.Event().wait()

    async def watch(self):
        await self.is_silent.wait()

    async def play_whisper(self, audio):
        if audio == b"broken":
            raise BadAudio("no file")
        self.whispers.append(audio)
        await self.whisper_heard.wait()

    async def stop_whisper(self):
        self.whisper_stopped = True


class World:
    """One leg with its host; more of them on demand."""

    def __init__(self):
        self.port = CallerPort()
        self.tts, self.stt = ScriptedTts(delay=0), ScriptedStt(delay=0)
        self._tasks = []

    async def __aenter__(self):
        await self.port.start("127.0.0.1")
        self.host, self.stream, self.leg = self.open_leg()
        self.address = await self.host.asked()
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.port.stop()

    def open_leg(self, speaks=DESK):
        host, stream = PlayedHost(), PlayedStream(speaks)
        leg = MediaLeg(stream, OPENING, host, self.tts, self.port, self.stt)
        task = asyncio.create_task(leg.run())
        self._tasks.append(task)
        return host, stream, task

    def caller(self):
        return CallerSide(self.address)

    async def ends(self):
        async with asyncio.timeout(5):
            return await self.leg


async def test_the_stream_presents_what_it_was_opened_with():
    async with World() as world:
        request = world.host.requests[0]
        assert (request.transfer_id, request.attempt, request.key) == ("h-1", 0, "a-key")
        assert (request.call_sid, request.desk) == ("direct-h-1-0", "dora")
        assert world.stream.admitted == 0
        world.host.order("wait", "join")
        await hears_what_the_desk_says(world)
        assert world.stream.admitted == 1


async def hears_what_the_desk_says(world):
    async with world.caller() as caller:
        await hears(caller.heard, DESK)


async def test_nothing_passes_before_the_two_are_joined():
    async with World() as world, world.caller() as caller:
        world.host.order("wait", "whisper")
        await until(lambda: world.stream.whispers)
        await hears_only(caller.heard, [])
        assert world.stream.heard == []
        world.stream.whisper_heard.set()
        await world.host.reported("whispered")
        await hears_only(caller.heard, [])
        world.host.order("join")
        await hears(caller.heard, DESK)
        await hears(world.stream.heard, CALLER)


# -- the whisper


async def test_a_whisper_is_played_once_and_reported_again_to_a_host_that_does_not_know():
    async with World() as world:
        world.stream.whisper_heard.set()
        world.host.order("whisper")
        await world.host.reported("whispered")
        world.host.order("whisper")
        await until(lambda: len(world.host.events) == 2)
        assert world.stream.whispers == [b"Demo. A list."]


@pytest.mark.parametrize("failure", [SpeechUnavailable("down"), "broken"])
async def test_a_whisper_that_can_not_be_spoken_keeps_nobody_waiting(failure, monkeypatch):
    async with World() as world:
        if failure == "broken":

            async def synthesize(text, *, language):
                return media_leg_audio(b"broken")

            monkeypatch.setattr(world.tts, "synthesize", synthesize)
        else:
            world.tts.fails_with = failure
        world.host.order("whisper")
        await world.host.reported("whispered")
        assert world.stream.whispers == []


def media_leg_audio(audio):
    return type("Spoken", (), {"audio": audio})()


async def test_a_voice_that_does_not_answer_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr(media_leg, "TTS_TIMEOUT_S", 0.1)
    async with World() as world:
        world.tts.delay = 60
        world.host.order("whisper")
        await world.host.reported("whispered")


async def test_what_is_left_of_a_whisper_is_dropped_when_the_two_are_joined():
    async with World() as world, world.caller() as caller:
        world.host.order("whisper")
        await until(lambda: world.stream.whispers)
        world.host.order("join")
        await hears(caller.heard, DESK)
        assert world.stream.whisper_stopped
        assert world.host.events == []


async def test_a_whisper_that_is_synthesized_too_late_is_not_played_into_the_talk():
    async with World() as world, world.caller() as caller:
        world.tts.delay = 0.2
        world.host.order("whisper", "join")
        await hears(caller.heard, DESK)
        await asyncio.sleep(0.3)
        assert world.stream.whispers == []


# -- hold


async def test_a_caller_on_hold_hears_the_tone_and_the_desk_hears_nothing():
    async with World() as world, world.caller() as caller:
        world.host.order("join")
        await hears(caller.heard, DESK)
        world.host.order("hold")
        await hears_only(caller.heard, TONE)
        await hears_only(world.stream.heard, [])
        world.host.order("join")
        await hears_only(caller.heard, [DESK])
        await hears(world.stream.heard, CALLER)


async def test_a_stream_that_is_opened_again_on_hold_goes_on_with_the_tone():
    async with World() as world, world.caller() as caller:
        world.host.order("hold", "hold")
        await hears_only(caller.heard, TONE)
        world.host.order("join")
        await hears_only(caller.heard, [DESK])


async def test_nothing_that_is_said_on_hold_is_transcribed(monkeypatch):
    async with World() as world, world.caller() as caller:
        heard = []
        monkeypatch.setattr(media_leg.Transcriber, "add_audio", lambda _, who, pcm: heard.append((who, pcm)))
        world.host.order("join")
        await until(lambda: ("human", DESK) in heard and ("caller", CALLER) in heard)
        world.host.order("hold")
        await hears_only(caller.heard, TONE)
        await hears_only(heard, [])
        world.host.order("join")
        await hears(heard, ("human", DESK))


# -- a colleague is asked


@contextlib.asynccontextmanager
async def consultation():
    """The desk talks with a colleague, and the caller waits."""
    async with World() as world, world.caller() as caller:
        world.host.order("join")
        await hears(caller.heard, DESK)
        host, stream, _ = world.open_leg(COLLEAGUE)
        address = await host.asked()
        host.order("join", transcribed=False)
        world.host.order("consult", colleague=address)
        await hears(world.stream.heard, COLLEAGUE)
        yield world, caller, host, stream


async def test_desk_and_colleague_hear_each_other_and_the_caller_the_tone():
    async with consultation() as (world, caller, _, colleague):
        await hears_only(caller.heard, TONE)
        await hears_only(world.stream.heard, [COLLEAGUE])
        await hears_only(colleague.heard, [DESK])


async def test_after_the_consultation_the_caller_is_back_and_the_colleague_hears_nobody():
    async with consultation() as (world, caller, _, colleague):
        world.host.order("join")
        await hears_only(caller.heard, [DESK])
        await hears_only(world.stream.heard, [CALLER])
        await hears_only(colleague.heard, [])


async def test_a_colleague_who_gets_the_caller_goes_on_with_the_same_stream():
    async with consultation() as (world, _, host, colleague):
        host.order("join")
        world.host.order("close")
        assert await world.ends() is LegEnd.CLOSED
        async with CallerSide(host.requests[0].address) as caller:
            await hears_only(caller.heard, [COLLEAGUE])
            await hears_only(colleague.heard, [CALLER])


async def test_what_two_desks_say_to_each_other_is_not_transcribed(monkeypatch):
    heard = []
    monkeypatch.setattr(media_leg.Transcriber, "add_audio", lambda _, who, pcm: heard.append(pcm))
    async with consultation() as (_, _, host, colleague):
        await hears(colleague.heard, DESK)
        await hears_only(heard, [])
        # the colleague has the caller now
        host.order("join", transcribed=True)
        await hears(heard, COLLEAGUE)


async def test_a_colleague_whose_stream_is_opened_again_is_heard_again():
    async with consultation() as (world, _, _, _):
        host, _, _ = world.open_leg(CALLER)
        address = await host.asked()
        host.order("join", transcribed=False)
        world.host.order("consult", colleague=address)
        await hears_only(world.stream.heard, [CALLER])


async def test_a_colleague_who_can_not_be_reached_leaves_the_caller_on_hold():
    async with World() as world, world.caller() as caller:
        world.host.order("consult", colleague=MediaLegAddress(host="127.0.0.1", port=1, key="k"))
        await hears_only(caller.heard, TONE)
        await hears_only(world.stream.heard, [])
        world.host.order("consult")  # no stream of the colleague's yet
        await hears_only(caller.heard, TONE)
        world.host.order("join")
        await hears_only(caller.heard, [DESK])


# -- its end


async def test_a_refused_stream_ends_at_once():
    async with World() as world:
        world.host.end()
        assert await world.ends() is LegEnd.REFUSED
        assert world.stream.admitted == 0


async def test_a_call_that_is_over_before_the_stream_is_admitted_is_closed():
    async with World() as world:
        world.host.order("close")
        assert await world.ends() is LegEnd.CLOSED
        assert world.stream.admitted == 0


async def test_a_newer_stream_takes_the_place_of_an_older_one():
    async with World() as world:
        world.host.order("join")
        world.host.end()
        assert await world.ends() is LegEnd.REPLACED


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ConnectionResetError(), LegEnd.STREAM_LOST),
        (ValueError("odd"), LegEnd.STREAM_UNREADABLE),
        (KeyError("a fault of ours"), LegEnd.STREAM_LOST),
    ],
)
async def test_a_broken_stream_ends_the_leg_and_its_caller_is_disconnected(error, end):
    async with World() as world, world.caller() as caller:
        world.host.order("join")
        await hears(caller.heard, DESK)
        world.stream.fails_with = error
        assert await world.ends() is end
        assert not world.port.has_legs
        assert not any(event.kind == "stream_stopped" for event in world.host.events)


async def test_a_fault_of_the_host_is_not_taken_for_one_of_the_page():
    async with World() as world:
        world.host.fail(ValueError("a view of a newer release"))
        assert await world.ends() is LegEnd.STREAM_LOST


async def test_a_silent_stream_is_lost():
    async with World() as world:
        world.stream.is_silent.set()
        assert await world.ends() is LegEnd.STREAM_LOST


async def test_a_desk_that_ends_the_call_is_reported():
    async with World() as world:
        world.host.order("join")
        world.stream.stops = True
        assert await world.ends() is LegEnd.STREAM_STOPPED
        assert [event.kind for event in world.host.events] == ["stream_stopped"]


async def test_a_leg_outlives_its_host_and_shows_itself_to_the_next_one():
    async with World() as world, world.caller() as caller:
        world.host.order("join")
        await hears(caller.heard, DESK)
        world.host.fail(HandOversUnavailable("killed"))
        await until(lambda: len(world.host.requests) == 2)
        await hears(caller.heard, DESK)
        assert world.host.requests[0] == world.host.requests[1]
        world.host.order("hold")
        await hears_only(caller.heard, TONE)
        assert world.stream.admitted == 1


async def test_a_leg_without_any_host_gives_up_after_a_while(monkeypatch):
    monkeypatch.setattr(media_leg, "RETRY_DELAYS_S", (0.01, 0.01))
    async with World() as world:
        for _ in range(3):
            world.host.fail(HandOversUnavailable("killed"))
        assert await world.ends() is LegEnd.HOST_UNREACHABLE


@pytest.mark.parametrize(("action", "heard"), [("join", [DESK]), ("hold", TONE)])
async def test_a_talk_goes_on_without_any_host_until_there_is_one(action, heard, monkeypatch):
    monkeypatch.setattr(media_leg, "RETRY_DELAYS_S", (0.01, 0.01))
    async with World() as world, world.caller() as caller:
        world.host.order(action)
        for _ in range(5):
            world.host.fail(HandOversUnavailable("killed"))
        await until(lambda: len(world.host.requests) == 6)
        await hears_only(caller.heard, heard)
        world.host.order("close")
        assert await world.ends() is LegEnd.CLOSED


# -- stored audio


def test_the_hold_tone_is_soft_and_has_no_clicks():
    frames = list(itertools.islice(hold_tone(), 300))
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    samples = np.frombuffer(b"".join(frames), "<i2").astype(float)
    assert 1_500 < np.abs(samples).max() < 2_500
    # no step is larger than the chord's own slope, also where one cycle follows the other
    assert np.abs(np.diff(samples)).max() < 2 * np.pi * sum(CHORD_HZ) / RATE * 0.03 * 32_768 + 2
    assert np.abs(samples[:160]).max() < 10


def test_a_last_frame_is_filled_with_silence():
    assert list(frames_of(b"\1" * (FRAME_BYTES + 2))) == [b"\1" * FRAME_BYTES, b"\1\1" + bytes(FRAME_BYTES - 2)]


@virtual_time
async def test_stored_audio_takes_as_long_as_it_is():
    clock = asyncio.get_running_loop().time
    began = clock()
    due = [clock() - began async for _ in in_real_time([b""] * 500)]
    assert clock() - began == pytest.approx(10)
    assert due == pytest.approx([max(0.0, FRAME_S * number - LEAD_S) for number in range(500)])


@virtual_time
async def test_after_a_pause_of_the_process_stored_audio_does_not_come_in_a_burst():
    clock, due = asyncio.get_running_loop().time, []
    async for _ in in_real_time([b""] * 20):
        due.append(clock())
        if len(due) == 10:
            await asyncio.sleep(3)
    steps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert max(steps) == pytest.approx(3)
    # the lead is restored, and that is all
    assert steps[10:] == pytest.approx([0.0] + [FRAME_S] * 8)
