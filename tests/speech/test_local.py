"""Local speech as sessions use it: it turns WebM into text and text into MP3, and leaves the event loop free."""

import asyncio
import time

import pytest

from convonet.core.errors import BadAudio, NoSpeech, SpeechUnavailable
from convonet.speech.base import ANSWER_RATE, Language, Utterance
from convonet.speech.local.service import MAX_UTTERANCES
from tests.speech_samples import (
    TODO_SENTENCES,
    VOICES,
    clicks,
    samples_of,
    silence,
    speak,
    tone,
    webm_bytes,
    white_noise,
)

ENGLISH = Language("en-US")
MILK = "add buy milk to my todo list"


def recording(sentence, voice="rms"):
    return Utterance(webm_bytes(speak(sentence, voice)))


async def heard(speech, utterance):
    return (await speech.transcribe(utterance, language=ENGLISH)).text


@pytest.mark.parametrize("voice", VOICES)
async def test_nine_of_ten_todo_sentences_are_recognized(local_speech, voice):
    titles, texts = list(TODO_SENTENCES.values()), []
    for some in (list(TODO_SENTENCES)[:5], list(TODO_SENTENCES)[5:]):
        texts += await asyncio.gather(*(heard(local_speech, recording(sentence, voice)) for sentence in some))
    wrong = [text for title, text in zip(titles, texts, strict=True) if title not in text]
    assert len(wrong) <= 1, wrong


async def test_words_carry_their_times(local_speech):
    transcript = await local_speech.transcribe(recording(MILK), language=ENGLISH)
    assert transcript.provider == "local"
    assert " ".join(word.text for word in transcript.words) == transcript.text
    assert 0.4 < transcript.words[0].start < 0.9, "half a second of quiet comes first"
    assert all(a.end <= b.start + 0.01 for a, b in zip(transcript.words, transcript.words[1:], strict=False))


async def test_pcm16_is_recognized_too(local_speech):
    assert await heard(local_speech, Utterance(speak(MILK).tobytes(), "pcm16")) == MILK


async def test_a_quiet_caller_is_recognized(local_speech):
    whisper = (speak(MILK, "rms") * 0.05).astype("int16")
    assert "buy milk" in await heard(local_speech, Utterance(webm_bytes(whisper)))


@pytest.mark.parametrize(
    "sound",
    [
        silence(3.0),
        silence(0.05),
        white_noise(3.0),
        white_noise(3.0, level=300),
        white_noise(3.0, level=5_000),
        tone(3.0),
        tone(3.0, hertz=150),
        tone(0.5, hertz=1_000, level=20_000),
        clicks(3.0),
    ],
    ids=["silence", "nothing", "quiet room", "noise", "loud noise", "tone", "hum", "beep", "clicks"],
)
async def test_noise_is_no_speech(local_speech, sound):
    with pytest.raises(NoSpeech):
        await heard(local_speech, Utterance(webm_bytes(sound)))


@pytest.mark.parametrize("audio", [b"", b"rubbish" * 100, bytes(1_000_000)], ids=["empty", "rubbish", "zeros"])
async def test_input_that_is_no_recording_is_bad_audio_at_once(local_speech, audio):
    started = time.monotonic()
    with pytest.raises(BadAudio):
        await heard(local_speech, Utterance(audio))
    assert time.monotonic() - started < 1.0


async def test_a_recording_over_the_limit_is_refused_in_words(local_speech):
    with pytest.raises(BadAudio) as failure:
        await heard(local_speech, Utterance(webm_bytes(tone(60.0))))
    assert "too long" in failure.value.spoken


async def test_an_answer_is_synthesized_as_intelligible_mp3(local_speech):
    spoken = await local_speech.synthesize("Remind me to **pay the rent** tomorrow.", language=ENGLISH)
    assert (spoken.mime_type, spoken.provider) == ("audio/mpeg", "local")
    samples = samples_of(spoken.audio)
    assert 1.0 < samples.size / 16_000 < 4.0
    assert len(spoken.audio) < 40_000
    assert "pay the rent" in await heard(local_speech, Utterance(webm_bytes(samples)))


async def test_a_sentence_of_a_streamed_answer_is_intelligible_pcm(local_speech):
    sentence = "Remind me to pay the rent tomorrow."
    pcm = await local_speech.synthesize_pcm(sentence)
    file = await local_speech.synthesize(sentence, language=ENGLISH)
    assert len(pcm) / 2 / ANSWER_RATE == pytest.approx(samples_of(file.audio).size / 16_000, abs=0.1)
    assert "pay the rent" in await heard(local_speech, Utterance(pcm, "pcm16", ANSWER_RATE))


async def test_an_endless_text_is_spoken_up_to_the_limit(local_speech):
    spoken = await local_speech.synthesize("word " * 5_000, language=ENGLISH)
    assert samples_of(spoken.audio).size / 16_000 < 90


async def test_a_text_without_words_is_a_moment_of_silence(local_speech):
    spoken = await local_speech.synthesize(" \n\x00 🎉", language=ENGLISH)
    samples = samples_of(spoken.audio)
    assert samples.size < 8_000
    assert not samples.any()


async def test_the_event_loop_stays_free_while_local_speech_works(local_speech):
    lags = []

    async def tick():
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - started - 0.005)

    ticking = asyncio.create_task(tick())
    utterance = recording(MILK)
    lags.clear()
    await asyncio.gather(
        *(heard(local_speech, utterance) for _ in range(3)),
        *(local_speech.synthesize("One moment please.", language=ENGLISH) for _ in range(3)),
    )
    ticking.cancel()
    assert len(lags) > 50
    assert sorted(lags)[int(len(lags) * 0.98)] < 0.02


async def test_an_utterance_beyond_the_queue_is_refused_at_once(local_speech):
    utterance = recording(MILK)
    turns = [asyncio.create_task(heard(local_speech, utterance)) for _ in range(MAX_UTTERANCES)]
    await asyncio.sleep(0)
    started = time.monotonic()
    with pytest.raises(SpeechUnavailable):
        await heard(local_speech, utterance)
    assert time.monotonic() - started < 0.05
    assert await asyncio.gather(*turns) == [MILK] * MAX_UTTERANCES
    assert await heard(local_speech, utterance) == MILK


async def test_barge_in_stops_recognition(local_speech):
    long = Utterance(webm_bytes(speak("please remind me to read the book " * 5, "rms")))
    started = time.monotonic()
    await heard(local_speech, long)
    undisturbed = time.monotonic() - started
    turn = asyncio.create_task(heard(local_speech, long))
    await asyncio.sleep(0.2 * undisturbed)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    started = time.monotonic()
    assert await heard(local_speech, recording("stop")) == "stop"
    assert time.monotonic() - started < 0.7 * undisturbed
