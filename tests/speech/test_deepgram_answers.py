"""Streamed answers by Deepgram: over sockets within its limits, otherwise with requests."""

import asyncio
import contextlib
import statistics
import time
from contextlib import aclosing

import pytest

from convonet.core.errors import AnswerBroken, SpeechUnavailable
from convonet.settings.speech import SpeechSettings
from convonet.speech.base import Language
from convonet.speech.deepgram.speech import DeepgramSpeech
from tests.vendors.deepgram import DeepgramServer, Fault
from tests.vendors.deepgram_socket import Break, text_in

ENGLISH = Language("en-US")
KEY = "0123456789abcdef0123456789abcdef01234567"
SENTENCES = ("I added it to your list.", "It is due on Friday.", "Is there anything else?")


@pytest.fixture
async def server():
    async with DeepgramServer() as running:
        yield running


@contextlib.asynccontextmanager
async def speech(server, sockets=2):
    made = DeepgramSpeech(SpeechSettings(DEEPGRAM_API_KEY=KEY, DEEPGRAM_BASE_URL=server.url), tts_sockets=sockets)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def deepgram(server):
    async with speech(server) as made:
        yield made


def without_spaces(text):
    return text.replace(" ", "")


async def heard(answer):
    """The text of an answer without its spaces."""
    pcm = bytearray()
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            assert len(chunk.pcm) % 2 == 0
            assert chunk.provider == "deepgram"
            pcm += chunk.pcm
    return without_spaces(text_in(bytes(pcm)))


async def spoken(deepgram, sentences=SENTENCES):
    """Speak an answer that is complete at once, and return its text."""
    answer = deepgram.begin_answer(language=ENGLISH)
    for sentence in sentences:
        answer.speak(sentence)
    answer.finish()
    return await heard(answer)


async def written(answer, sentences=SENTENCES, every_s=0.1):
    """Write an answer sentence by sentence."""
    for sentence in sentences:
        answer.speak(sentence)
        await asyncio.sleep(every_s)
    answer.finish()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


WHOLE = without_spaces("".join(SENTENCES))


async def test_an_answer_is_flushed_after_its_first_sentence_and_at_its_end(deepgram, server):
    server.ms_per_character = 60.0
    answer = deepgram.begin_answer(language=ENGLISH)
    _, said = await asyncio.gather(written(answer), heard(answer))
    assert said == WHOLE
    assert server.flushes == [SENTENCES[0], " ".join(SENTENCES[1:])]
    assert not server.requests


async def test_an_answer_that_is_complete_at_once_is_flushed_once(deepgram, server):
    assert await spoken(deepgram) == WHOLE
    assert server.flushes == [" ".join(SENTENCES)]


async def test_audio_is_sent_at_its_first_bytes(deepgram, server):
    server.speed, server.ms_per_character = 1.0, 60.0
    answer = deepgram.begin_answer(language=ENGLISH)
    answer.speak(SENTENCES[0])
    started = time.monotonic()
    async with aclosing(answer.chunks()) as chunks:
        chunk = await anext(chunks)
    assert time.monotonic() - started < 0.5, "the sentence takes 1.4 s to be made"
    assert 0 < len(chunk.pcm) < 24_000


async def sizes(deepgram):
    """Return the sizes of the chunks of an answer that is complete at once."""
    answer = deepgram.begin_answer(language=ENGLISH)
    for sentence in SENTENCES:
        answer.speak(sentence)
    answer.finish()
    async with aclosing(answer.chunks()) as chunks:
        return [len(chunk.pcm) async for chunk in chunks]


@pytest.mark.parametrize("sockets", [0, 2])
async def test_audio_is_collected_while_the_caller_has_enough_to_play(server, sockets):
    server.speed, server.ms_per_character = 9.0, 60.0
    async with speech(server, sockets) as deepgram:
        chunks = await sizes(deepgram)
    assert chunks[0] < 24_000, "the first sound leaves as it comes"
    assert 4.0 < sum(chunks) / 48_000 < 4.3
    assert len(chunks) <= 15, "the vendor sends 42 pieces"


@pytest.mark.parametrize("sockets", [0, 2])
async def test_audio_of_a_slow_voice_is_sent_as_it_arrives(server, sockets):
    server.speed, server.ms_per_character = 0.7, 15.0
    async with speech(server, sockets) as deepgram:
        assert statistics.median(await sizes(deepgram)) <= 2 * server.piece_bytes


async def test_the_socket_is_open_before_the_first_sentence(deepgram, server):
    answer = deepgram.begin_answer(language=ENGLISH)
    await until(lambda: server.open_sockets)
    answer.speak(SENTENCES[0])
    answer.finish()
    await heard(answer)
    assert len(server.sockets) == 1
    (handshake,) = server.handshakes
    assert handshake.query == {"model": ["aura-2-thalia-en"], "encoding": ["linear16"], "sample_rate": ["24000"]}
    assert "sec-websocket-extensions" not in handshake.headers


async def test_answers_one_after_the_other_share_a_socket(deepgram, server):
    for _ in range(5):
        assert await spoken(deepgram) == WHOLE
    assert len(server.sockets) == 1
    assert server.sockets[0].is_open


async def test_an_answer_that_is_not_read_holds_no_socket(deepgram, server):
    for _ in range(5):
        deepgram.begin_answer(language=ENGLISH).speak(SENTENCES[0])
    await until(lambda: len(server.open_sockets) == 2)
    assert [await spoken(deepgram), await spoken(deepgram)] == [WHOLE, WHOLE]
    assert len(server.sockets) == 2
    assert not server.requests


@pytest.mark.parametrize("sentences", [(), ("",), (" \n", "…", "🎉")])
async def test_an_answer_without_words_sends_no_request(deepgram, server, sentences):
    assert await spoken(deepgram, sentences) == ""
    assert not server.flushes
    assert not server.requests


async def test_markup_and_unspeakable_characters_are_left_out(deepgram):
    assert await spoken(deepgram, ("**I added** it.", "🎉", "Bye.")) == "Iaddedit.Bye."


async def test_an_answer_that_pauses_is_heard_up_to_the_pause(deepgram, server):
    answer = deepgram.begin_answer(language=ENGLISH)
    pcm = bytearray()

    async def listen():
        async with aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                pcm.extend(chunk.pcm)

    listening = asyncio.create_task(listen())
    answer.speak(SENTENCES[0])
    await until(lambda: server.flushes)
    answer.speak(SENTENCES[1])
    await until(lambda: without_spaces(text_in(bytes(pcm))) == without_spaces("".join(SENTENCES[:2])))
    answer.speak(SENTENCES[2])
    answer.finish()
    await listening
    assert without_spaces(text_in(bytes(pcm))) == WHOLE


# -- limits


async def test_no_socket_is_flushed_more_often_than_deepgram_allows(server):
    async with speech(server, sockets=1) as deepgram:
        for _ in range(30):
            answer = deepgram.begin_answer(language=ENGLISH)
            _, said = await asyncio.gather(written(answer, every_s=0.01), heard(answer))
            assert said == WHOLE
        assert not server.complaints
        assert max(len(socket.flushes) for socket in server.sockets) <= 20
        assert len(server.open_sockets) <= 1
        assert not server.requests, "a fresh socket takes the place of one that must rest"


async def test_there_are_never_more_sockets_than_the_share(deepgram, server):
    server.sockets_allowed = 2
    server.requests_allowed = 100
    assert await asyncio.gather(*(spoken(deepgram) for _ in range(8))) == [WHOLE] * 8
    assert not server.complaints
    assert len(server.sockets) == 2
    assert server.requests, "the others were spoken by requests"


async def test_an_answer_longer_than_a_sockets_limit_is_complete(deepgram, server):
    sentences = [f"This is sentence {number} of quite a long answer about {'very ' * 50}much." for number in range(16)]
    assert await spoken(deepgram, sentences) == without_spaces("".join(sentences))
    assert not server.complaints
    assert server.requests
    assert all(len(flush) < 2_400 for flush in server.flushes)


@pytest.mark.parametrize("warns_as", ["code", "warn_code"])
async def test_an_answer_whose_flush_is_refused_is_complete(deepgram, server, warns_as):
    server.flushes_allowed, server.warns_as = 1, warns_as
    answer = deepgram.begin_answer(language=ENGLISH)
    _, said = await asyncio.gather(written(answer), heard(answer))
    assert said == WHOLE
    assert len(server.requests) == 2


async def test_idle_sockets_are_closed_after_a_while(server):
    async with speech(server) as deepgram:
        deepgram._sockets._idle_s = 0.2
        await spoken(deepgram)
        assert len(server.open_sockets) == 1
        await until(lambda: not server.open_sockets)
        assert await spoken(deepgram) == WHOLE
        assert len(server.sockets) == 2


async def test_closing_leaves_no_socket(server):
    async with speech(server) as deepgram:
        await spoken(deepgram)
        deepgram.begin_answer(language=ENGLISH)
    await until(lambda: not server.open_sockets)


# -- by requests


async def test_without_sockets_the_next_sentence_is_synthesized_while_one_plays(server):
    server.speed, server.ms_per_character = 4.0, 60.0
    async with speech(server, sockets=0) as deepgram:
        answer = deepgram.begin_answer(language=ENGLISH)
        for sentence in SENTENCES:
            answer.speak(sentence)
        answer.finish()
        async with aclosing(answer.chunks()) as chunks:
            pcm = (await anext(chunks)).pcm
            await until(lambda: len(server.requests) == 2)
            assert len(pcm) < 24_000, "the first one has just begun"
            async for chunk in chunks:
                pcm += chunk.pcm
                assert len(server.requests) <= 3
        assert without_spaces(text_in(pcm)) == WHOLE
    query = {"model": ["aura-2-thalia-en"], "encoding": ["linear16"], "sample_rate": ["24000"], "container": ["none"]}
    assert all(request.query == query for request in server.requests)
    assert not server.handshakes


async def test_chunks_hold_whole_samples_however_they_arrive(server):
    server.piece_bytes = 1_001
    async with speech(server, sockets=0) as deepgram:
        assert await spoken(deepgram) == WHOLE
    async with speech(server) as deepgram:
        assert await spoken(deepgram) == WHOLE
    assert server.flushes


@pytest.mark.parametrize("fault", [Fault(status=429, on="socket"), Fault(status=500, on="socket")])
async def test_a_refused_handshake_is_spoken_by_requests_and_not_tried_again_at_once(deepgram, server, fault):
    server.fail_with(fault)
    assert await spoken(deepgram) == WHOLE
    assert len(server.requests) == 3
    assert await spoken(deepgram) == WHOLE
    assert len(server.handshakes) == 1


async def test_a_refused_handshake_is_tried_again_when_the_refusal_says_so(deepgram, server):
    server.fail_with(Fault(status=429, retry_after=1, on="socket"))
    await spoken(deepgram)
    await asyncio.sleep(1.1)
    asked = len(server.requests)
    assert await spoken(deepgram) == WHOLE
    assert len(server.requests) == asked
    assert server.flushes


async def test_a_handshake_that_hangs_delays_the_answer_by_a_moment(deepgram, server):
    server.fail_with(Fault(kind="hang", on="socket"))
    started = time.monotonic()
    assert await spoken(deepgram) == WHOLE
    assert time.monotonic() - started < 1.0
    assert len(server.requests) == 3


@pytest.mark.parametrize("kind", ["stall", "cut", "hang", "reset"])
async def test_a_request_that_fails_during_an_answer_reports_how_much_was_spoken(server, kind):
    async with speech(server, sockets=0) as deepgram:
        answer = deepgram.begin_answer(language=ENGLISH)
        answer.speak(SENTENCES[0])
        async with aclosing(answer.chunks()) as chunks:
            assert without_spaces(text_in((await anext(chunks)).pcm)) == without_spaces(SENTENCES[0])
            server.fail_with(*[Fault(kind=kind)] * 4)
            answer.speak(SENTENCES[1])
            answer.speak(SENTENCES[2])
            with pytest.raises(AnswerBroken) as failure:
                async for _ in chunks:
                    pass
    assert failure.value.sounded == 1
    assert KEY not in str(failure.value)


async def test_a_refused_key_is_a_failure_of_the_provider(deepgram, server):
    server.fail_with(*[Fault(status=401)] * 10)
    with pytest.raises(SpeechUnavailable, match="401") as failure:
        await spoken(deepgram)
    assert failure.value.sounded == 0
    assert KEY not in repr(failure.value.__cause__)


# -- sockets that fail


async def test_an_unmeasured_voice_counts_as_slow(deepgram, server):
    server.ms_per_character = 60.0
    server.break_answers(Break(after=44))
    assert repeated(await spoken(deepgram)) <= len(SENTENCES[0])


def repeated(said, sentences=SENTENCES):
    """Count the characters that were spoken twice; fail when one is missing."""
    starts = [len(without_spaces("".join(sentences[:number]))) for number in range(len(sentences))]
    for start in reversed(starts):
        begun = len(said) - (len(WHOLE) - start)
        if begun >= start and said == WHOLE[:begun] + WHOLE[start:]:
            return begun - start
    raise AssertionError(f"not whole: {said}")


@pytest.mark.parametrize("kind", ["die", "close", "stall"])
@pytest.mark.parametrize("after", [0, 5, 23, 30, 44, 60])
async def test_an_answer_whose_socket_fails_is_complete_and_repeats_at_most_one_sentence(deepgram, server, kind, after):
    await spoken(deepgram)  # from which it knows how fast the voice is
    server.break_answers(Break(after, kind))
    assert repeated(await spoken(deepgram)) <= len(max(SENTENCES, key=len))
    assert server.requests


async def test_text_after_the_socket_failed_is_spoken_too(deepgram, server):
    server.break_answers(Break(5))
    answer = deepgram.begin_answer(language=ENGLISH)
    _, said = await asyncio.gather(written(answer, every_s=0.3), heard(answer))
    assert repeated(said) <= len(SENTENCES[0])


async def test_a_sentence_that_was_confirmed_is_not_repeated(deepgram, server):
    answer = deepgram.begin_answer(language=ENGLISH)
    writing = asyncio.create_task(written(answer, every_s=0.3))
    await until(lambda: answer.pieces)
    async with aclosing(answer.chunks()) as chunks:
        pcm = (await anext(chunks)).pcm
        server.break_answers(Break(3))
        async for chunk in chunks:
            pcm += chunk.pcm
    await writing
    assert repeated(without_spaces(text_in(pcm))) <= 3


async def test_an_idle_socket_that_has_died_is_not_used(deepgram, server):
    await spoken(deepgram)
    server.sockets[0].die()
    await until(lambda: not server.open_sockets)
    await asyncio.sleep(0.05)
    assert await spoken(deepgram) == WHOLE
    assert len(server.sockets) == 2
    assert not server.requests


# -- barge-in


@pytest.mark.parametrize("sockets", [0, 2])
async def test_barge_in_stops_the_vendor_and_leaves_nothing_for_the_next_answer(server, sockets):
    server.speed, server.ms_per_character = 2.0, 60.0
    async with speech(server, sockets) as deepgram:
        for _ in range(3):
            answer = deepgram.begin_answer(language=ENGLISH)
            for sentence in SENTENCES:
                answer.speak(sentence)
            async with aclosing(answer.chunks()) as chunks:
                await anext(chunks)
            await until(lambda: not server.open_sockets and not server.speaking)
            next_answer = await spoken(deepgram, SENTENCES[2:])
            assert next_answer == without_spaces(SENTENCES[2])
    assert not server.complaints
    assert all(socket.cleared == 1 for socket in server.sockets[:-1])


async def test_barge_in_before_the_first_audio_leaves_nothing(deepgram, server):
    server.tts_ms = 5_000.0
    answer = deepgram.begin_answer(language=ENGLISH)
    answer.speak(SENTENCES[0])
    listening = asyncio.create_task(heard(answer))
    await until(lambda: server.flushes)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await until(lambda: not server.open_sockets)
    server.tts_ms = 0.0
    assert await spoken(deepgram) == WHOLE


async def test_twenty_answers_at_once_are_complete(server):
    async with speech(server, sockets=45) as deepgram:
        answers = [deepgram.begin_answer(language=ENGLISH) for _ in range(20)]
        said = await asyncio.gather(*(written(a, every_s=0.02) for a in answers), *(heard(a) for a in answers))
        assert said[20:] == [WHOLE] * 20
        assert not server.complaints
        assert not server.requests
