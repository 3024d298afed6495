"""Local speech in other processes, which may die, hang or lose their machine; the caller still hears the answer."""

import asyncio
import os
import signal
import sys
import time
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from convonet.core.errors import AnswerBroken, BadAudio, NoSpeech, SpeechUnavailable
from convonet.rpc.pool import PoolDelays, ReplicaPool
from convonet.rpc.wire import Address
from convonet.speech.base import Language, Utterance
from convonet.speech.remote_speech import SpeechReplicas
from convonet.speech.requests import MAX_MESSAGE_BYTES
from tests.fixtures.black_hole import Way
from tests.fixtures.servers import require_tool

ENGLISH = Language("en-US")
QUICK = PoolDelays(replacement_timeout_s=0.5, retry_s=0.02, max_retry_s=0.1)
ANSWERED_WITHIN_S = 3.0
"""A fallback takes a second; the machine may be busy."""


class Process:
    """A speech replica behind a connection that can be cut."""

    def __init__(self, process, way, key):
        self.process = process
        self.way = way
        self.address = Address("127.0.0.1", way.port, key)

    @classmethod
    @asynccontextmanager
    async def running(cls):
        command = [require_tool("setpriv"), "--pdeathsig", "KILL", sys.executable, "-m", "tests.speech.speech_process"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            port, key = (await process.stdout.readline()).decode().split()
            with Way.to(int(port)) as way:
                yield cls(process, way, key)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def says(self):
        async with asyncio.timeout(10):
            return (await self.process.stdout.readline()).decode().strip()

    def die(self):
        os.kill(self.process.pid, signal.SIGKILL)

    def hang(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def vanish(self):
        self.way.vanish()


@asynccontextmanager
async def speech_on(*processes):
    async def find():
        return [process.address for process in processes]

    speech = SpeechReplicas(
        ReplicaPool("Speech", find, expected=len(processes), delays=QUICK, max_message_bytes=MAX_MESSAGE_BYTES)
    )
    speech.start()
    async with asyncio.timeout(10):
        while len(speech.pool._replicas) < len(processes):
            await asyncio.sleep(0.01)
    try:
        yield speech
    finally:
        await speech.close()


@pytest.fixture
async def one():
    async with Process.running() as process:
        yield process


@pytest.fixture
async def two():
    async with AsyncExitStack() as stack:
        yield await asyncio.gather(*(stack.enter_async_context(Process.running()) for _ in range(2)))


def begun(speech, *sentences):
    answer = speech.begin_answer(language=ENGLISH)
    for sentence in sentences:
        answer.speak(sentence)
    answer.finish()
    return answer


async def heard(answer):
    async with aclosing(answer.chunks()) as chunks:
        return "".join([chunk.pcm.decode("utf-16-le") async for chunk in chunks])


async def test_recordings_files_and_pcm_are_transferred_unchanged(one):
    recording = Utterance(bytes(range(256)) * 20_000, "pcm16", 48_000)
    async with speech_on(one) as speech:
        transcript = await speech.transcribe(recording, language=Language("de"))
        assert transcript.text == f"5120000 bytes at {one.process.pid}"
        assert (transcript.provider, transcript.confidence) == ("local", 0.5)
        assert [(word.text, word.start, word.end) for word in transcript.words] == [("pcm16 48000 de", 0.25, 1.5)]
        spoken = await speech.synthesize("Grüß Gott.", language=ENGLISH)
        assert (spoken.audio.decode(), spoken.mime_type, spoken.provider) == ("Grüß Gott.", "audio/en-US", "local")
        assert await heard(begun(speech, "One.", "Two.", "Three.")) == "One.Two.Three."


@pytest.mark.parametrize("kind", [NoSpeech, BadAudio, SpeechUnavailable])
async def test_the_client_raises_the_replicas_error(one, kind):
    audio = kind.__name__.encode()
    async with speech_on(one) as speech:
        with pytest.raises(kind, match=audio.decode()) as failure:
            await speech.transcribe(Utterance(audio), language=ENGLISH)
        assert type(failure.value) is kind


async def test_a_recording_that_is_too_long_to_send_does_not_count_as_a_lost_replica(one):
    async with speech_on(one) as speech:
        with pytest.raises(BadAudio):
            await speech.transcribe(Utterance(bytes(MAX_MESSAGE_BYTES)), language=ENGLISH)
        assert await heard(begun(speech, "One.")) == "One."


@pytest.mark.parametrize("loss", ["die", "hang", "vanish"])
async def test_a_replica_that_is_lost_costs_a_second_and_not_a_word(two, loss):
    async with speech_on(*two) as speech:
        waiting = asyncio.create_task(heard(begun(speech, "One.", "Wait.", "Three.")))
        first = await begun_at(two)
        began = time.monotonic()
        getattr(first, loss)()
        other = two[1 - two.index(first)]
        # the other one speaks the sentence, which takes as long there
        assert await other.says() == "begun"
        transcript = await speech.transcribe(Utterance(b"abc"), language=ENGLISH)
        assert transcript.text == f"3 bytes at {other.process.pid}"
        assert (await speech.synthesize("Two.", language=ENGLISH)).audio == b"Two."
        assert time.monotonic() - began < ANSWERED_WITHIN_S
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def begun_at(processes):
    """Wait for the replica that has begun with a slow request."""
    saying = {asyncio.create_task(process.says()): process for process in processes}
    done, pending = await asyncio.wait(saying, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return saying[done.pop()]


async def test_a_replica_that_is_silent_for_a_moment_is_waited_for_when_there_is_no_other(one):
    async with speech_on(one) as speech:
        one.way.vanish()
        asked = asyncio.create_task(speech.synthesize("One.", language=ENGLISH))
        async with asyncio.timeout(5):
            while await speech.pool.is_answering():
                await asyncio.sleep(0.01)
        one.way.come_back()
        assert (await asked).audio == b"One."


async def test_the_answer_breaks_off_when_all_replicas_have_died(one):
    async with speech_on(one) as speech:
        async with aclosing(begun(speech, "One.", "Wait.", "Three.").chunks()) as chunks:
            assert (await anext(chunks)).pcm.decode("utf-16-le") == "One."
            assert await one.says() == "begun"
            one.die()
            with pytest.raises(AnswerBroken) as failure:
                await anext(chunks)
        assert failure.value.sounded == 1


async def test_barge_in_cancels_the_synthesis(one):
    async with speech_on(one) as speech:
        async with aclosing(begun(speech, "One.", "Wait.", "Three.").chunks()) as chunks:
            await anext(chunks)
            assert await one.says() == "begun"
        assert await one.says() == "ended"
