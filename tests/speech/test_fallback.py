"""A turn goes on when its speech provider fails."""

import asyncio
from contextlib import aclosing

import pytest

from convonet.core.errors import BadAudio, NoSpeech, SpeechUnavailable
from convonet.speech.answers import SentenceAnswer
from convonet.speech.base import Language, SpokenAudio, Transcript, Utterance
from convonet.speech.fallback import SpeechWithFallback
from convonet.speech.provider_pair import COOL_DOWN_S, FALLBACK_DELAY_S
from tests.virtual_time import virtual_time

ENGLISH = Language("en-US")
RECORDING = Utterance(b"recording")


class Provider:
    """Answers after `takes_s`, or fails with `error`."""

    def __init__(self, name, *, takes_s=0.1, error=None):
        self.name = name
        self.takes_s = takes_s
        self.error = error
        self.asked = 0
        self.begun = 0
        self.cancelled = 0

    async def transcribe(self, utterance, *, language):
        await self._work()
        return Transcript("heard", self.name)

    async def synthesize(self, text, *, language):
        await self._work()
        return SpokenAudio(b"spoken", "audio/mpeg", self.name)

    def begin_answer(self, *, language):
        self.begun += 1
        return SentenceAnswer(self._say, self.name)

    async def _say(self, sentence):
        await self._work()
        yield sentence.encode("utf-16-le")

    async def _work(self):
        self.asked += 1
        try:
            await asyncio.sleep(self.takes_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error


def pair(primary, secondary=None):
    return SpeechWithFallback(primary, secondary or Provider("local"), clock=lambda: asyncio.get_running_loop().time())


async def provider_of(speech):
    return (await speech.transcribe(RECORDING, language=ENGLISH)).provider


@virtual_time
async def test_a_healthy_provider_answers_alone():
    local = Provider("local")
    speech = pair(Provider("deepgram"), local)
    assert speech.name == "deepgram"
    assert await provider_of(speech) == "deepgram"
    assert (await speech.synthesize("hello", language=ENGLISH)).provider == "deepgram"
    assert local.asked == 0


@virtual_time
async def test_a_failed_provider_is_replaced_within_the_turn_and_cools_down():
    deepgram = Provider("deepgram", error=SpeechUnavailable("402"))
    speech = pair(deepgram)
    assert await provider_of(speech) == "local"
    assert await provider_of(speech) == "local"
    assert deepgram.asked == 1
    await asyncio.sleep(COOL_DOWN_S)
    deepgram.error = None
    assert await provider_of(speech) == "deepgram"


@virtual_time
async def test_stt_and_tts_fail_independently():
    deepgram = Provider("deepgram", error=SpeechUnavailable("500"))
    speech = pair(deepgram)
    assert await provider_of(speech) == "local"
    deepgram.error = None
    assert (await speech.synthesize("hello", language=ENGLISH)).provider == "deepgram"


@virtual_time
async def test_a_hanging_provider_costs_the_caller_no_more_than_the_fallback_delay():
    deepgram = Provider("deepgram", takes_s=60.0)
    speech = pair(deepgram, Provider("local", takes_s=0.5))
    loop = asyncio.get_running_loop()
    assert await provider_of(speech) == "local"
    assert loop.time() == pytest.approx(FALLBACK_DELAY_S + 0.5)
    await asyncio.sleep(0)
    assert deepgram.cancelled == 1
    assert await provider_of(speech) == "local"
    assert loop.time() == pytest.approx(FALLBACK_DELAY_S + 1.0), "the next turn does not wait"


@virtual_time
async def test_a_slow_provider_that_is_still_first_is_kept():
    local = Provider("local", takes_s=2.0)
    speech = pair(Provider("deepgram", takes_s=FALLBACK_DELAY_S + 0.3), local)
    assert await provider_of(speech) == "deepgram"
    await asyncio.sleep(0)
    assert local.cancelled == 1
    assert await provider_of(speech) == "deepgram"


@virtual_time
async def test_a_provider_that_fails_late_leaves_the_turn_to_the_second():
    local = Provider("local", takes_s=1.0)
    speech = pair(Provider("deepgram", takes_s=FALLBACK_DELAY_S + 0.5, error=SpeechUnavailable("503")), local)
    assert await provider_of(speech) == "local"
    assert local.asked == 1
    assert asyncio.get_running_loop().time() == pytest.approx(FALLBACK_DELAY_S + 1.0)


@virtual_time
async def test_a_slow_provider_is_waited_for_when_the_other_recognizes_nothing():
    speech = pair(Provider("deepgram", takes_s=3.0), Provider("local", error=NoSpeech()))
    assert await provider_of(speech) == "deepgram"


@virtual_time
async def test_no_speech_is_an_answer_and_not_a_failure():
    local = Provider("local")
    with pytest.raises(NoSpeech):
        await provider_of(pair(Provider("deepgram", error=NoSpeech()), local))
    assert local.asked == 0


@virtual_time
async def test_audio_that_one_provider_refuses_goes_to_the_other():
    deepgram = Provider("deepgram", error=BadAudio())
    speech = pair(deepgram)
    assert await provider_of(speech) == "local"
    await provider_of(speech)
    assert deepgram.asked == 2, "one bad recording says nothing about the next"
    with pytest.raises(BadAudio):
        await provider_of(pair(deepgram, Provider("local", error=BadAudio())))


@virtual_time
async def test_a_failure_of_both_providers_is_raised():
    both = [Provider(name, error=SpeechUnavailable("down")) for name in ("deepgram", "local")]
    with pytest.raises(SpeechUnavailable):
        await provider_of(pair(*both))


@virtual_time
async def test_barge_in_stops_both_providers():
    deepgram, local = Provider("deepgram", takes_s=60.0), Provider("local", takes_s=60.0)
    turn = asyncio.create_task(provider_of(pair(deepgram, local)))
    await asyncio.sleep(FALLBACK_DELAY_S + 1.0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    await asyncio.sleep(0)
    assert (deepgram.cancelled, local.cancelled) == (1, 1)


# -- streamed answers


async def said(answer):
    """The provider and the text of each chunk."""
    async with aclosing(answer.chunks()) as chunks:
        return [(chunk.provider, chunk.pcm.decode("utf-16-le")) async for chunk in chunks]


async def answered(speech, *sentences):
    answer = speech.begin_answer(language=ENGLISH)
    for sentence in sentences:
        answer.speak(sentence)
    answer.finish()
    return await said(answer)


@virtual_time
async def test_a_healthy_voice_speaks_the_answer_alone():
    local = Provider("local")
    speech = pair(Provider("deepgram"), local)
    assert await answered(speech, "One.", "Two.") == [("deepgram", "One."), ("deepgram", "Two.")]
    assert local.begun == 0


@virtual_time
async def test_an_answer_without_text_calls_no_provider():
    speech = pair(Provider("deepgram", error=SpeechUnavailable("402")))
    assert await answered(speech) == []


@virtual_time
async def test_a_voice_that_fails_is_replaced_within_the_answer_and_cools_down():
    deepgram = Provider("deepgram", error=SpeechUnavailable("402"))
    speech = pair(deepgram)
    assert await answered(speech, "One.", "Two.") == [("local", "One."), ("local", "Two.")]
    assert await answered(speech, "One.") == [("local", "One.")]
    assert deepgram.begun == 1
    await asyncio.sleep(COOL_DOWN_S)
    deepgram.error = None
    assert await answered(speech, "One.") == [("deepgram", "One.")]


@virtual_time
async def test_a_silent_voice_is_replaced_after_the_fallback_delay_from_the_first_text():
    deepgram = Provider("deepgram", takes_s=60.0)
    answer = pair(deepgram, Provider("local", takes_s=0.5)).begin_answer(language=ENGLISH)
    listening = asyncio.create_task(said(answer))
    await asyncio.sleep(10.0)
    assert deepgram.asked == 0
    answer.speak("One.")
    answer.finish()
    assert await listening == [("local", "One.")]
    assert asyncio.get_running_loop().time() == pytest.approx(10.0 + FALLBACK_DELAY_S + 0.5)
    assert deepgram.cancelled == 1


@virtual_time
async def test_a_slow_voice_that_is_still_first_is_kept():
    local = Provider("local", takes_s=2.0)
    speech = pair(Provider("deepgram", takes_s=FALLBACK_DELAY_S + 0.3), local)
    assert await answered(speech, "One.") == [("deepgram", "One.")]
    assert local.cancelled == 1


@virtual_time
async def test_an_answer_that_breaks_off_continues_from_the_first_unspoken_sentence():
    deepgram = Provider("deepgram")
    answer = pair(deepgram).begin_answer(language=ENGLISH)
    listening = asyncio.create_task(said(answer))
    answer.speak("One.")
    await asyncio.sleep(1.0)
    deepgram.error = SpeechUnavailable("503")
    answer.speak("Two.")
    await asyncio.sleep(1.0)
    answer.speak("Three.")
    answer.finish()
    assert await listening == [("deepgram", "One."), ("local", "Two."), ("local", "Three.")]


@virtual_time
async def test_a_failure_of_both_voices_is_raised():
    both = [Provider(name, error=SpeechUnavailable("down")) for name in ("deepgram", "local")]
    with pytest.raises(SpeechUnavailable):
        await answered(pair(*both), "One.")


@virtual_time
async def test_barge_in_stops_both_voices():
    deepgram, local = Provider("deepgram", takes_s=60.0), Provider("local", takes_s=60.0)
    listening = asyncio.create_task(answered(pair(deepgram, local), "One.", "Two.", "Three."))
    await asyncio.sleep(FALLBACK_DELAY_S + 1.0)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert (deepgram.cancelled, local.cancelled) == (2, 2), "two sentences are being made at once"


@virtual_time
async def test_barge_in_between_two_chunks_stops_the_voice():
    deepgram = Provider("deepgram", takes_s=1.0)
    answer = pair(deepgram).begin_answer(language=ENGLISH)
    for sentence in ("One.", "Two.", "Three.", "Four."):
        answer.speak(sentence)
    async with aclosing(answer.chunks()) as chunks:
        assert (await anext(chunks)).provider == "deepgram"
    asked = deepgram.asked
    answer.speak("Five.")
    await asyncio.sleep(5.0)
    assert deepgram.asked == asked <= 3
