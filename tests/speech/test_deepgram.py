"""Deepgram's recognition and synthesis of files, against a loopback server with its wire format and failures."""

import asyncio
import io
import json
import time

import av
import httpx
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types.speak_v1text import SpeakV1Text

from convonet.core.errors import BadAudio, NoSpeech, SpeechUnavailable
from convonet.settings.speech import SpeechSettings
from convonet.speech.base import Language, Utterance
from convonet.speech.deepgram.speech import DeepgramSpeech
from tests.vendors.deepgram import DeepgramServer, Fault
from tests.vendors.deepgram_socket import text_in

ENGLISH = Language("en-US")
RECORDING = Utterance(b"\x1a\x45\xdf\xa3 opaque to the client")
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
async def server():
    async with DeepgramServer() as running:
        yield running


@pytest.fixture
async def deepgram(server):
    settings = SpeechSettings(
        DEEPGRAM_API_KEY=KEY, DEEPGRAM_BASE_URL=server.url, CONVONET_STT_TIMEOUT_S=2.0, CONVONET_TTS_TIMEOUT_S=2.0
    )
    speech = DeepgramSpeech(settings, tts_sockets=2)
    yield speech
    await speech.close()


def transcribe(deepgram, utterance=RECORDING):
    return deepgram.transcribe(utterance, language=ENGLISH)


def speak(deepgram, text="I added it."):
    return deepgram.synthesize(text, language=ENGLISH)


CALLS = pytest.mark.parametrize("call", [transcribe, speak])


async def test_the_loopback_server_speaks_the_sdks_wire_format(server):
    sockets = server.url.replace("http", "ws")
    there = DeepgramClientEnvironment(base=server.url, production=sockets, agent=sockets, agent_rest=server.url)
    raw = {"model": "aura-2-thalia-en", "encoding": "linear16"}
    async with httpx.AsyncClient() as http:
        sdk = AsyncDeepgramClient(api_key=KEY, environment=there, httpx_client=http)
        heard = await sdk.listen.v1.media.transcribe_file(request=RECORDING.audio, model="nova-3", language="en-US")
        assert heard.results.channels[0].alternatives[0].transcript == "add buy milk to my todo list"
        spoken = sdk.speak.v1.audio.generate(text="Hello.", container="none", **raw)
        assert text_in(b"".join([piece async for piece in spoken])) == "Hello."
    async with sdk.speak.v1.connect(sample_rate="24000", **raw) as socket:
        await socket.send_text(SpeakV1Text(text="Hello."))
        await socket.send_flush()
        got = [await socket.recv()]
        while getattr(got[-1], "type", "") != "Flushed":
            got.append(await socket.recv())
        await socket.send_clear()
        assert (await socket.recv()).type == "Cleared"
    assert got[0].type == "Metadata"
    assert text_in(b"".join(got[1:-1])) == "Hello."
    assert not server.complaints


async def test_an_utterance_becomes_text_with_times_and_confidence(deepgram, server):
    server.transcripts = ["Add buy milk."]
    transcript = await transcribe(deepgram)
    assert transcript.text == "Add buy milk."
    assert transcript.provider == "deepgram"
    assert transcript.confidence == 0.99
    assert [word.text for word in transcript.words] == ["add", "buy", "milk."]
    assert transcript.words[1].start == pytest.approx(0.3)
    (request,) = server.requests
    assert request.path == "/v1/listen"
    assert request.body == RECORDING.audio
    assert request.headers["authorization"] == f"Token {KEY}"
    assert request.query == {"model": ["nova-3"], "language": ["en-US"], "smart_format": ["true"]}


async def test_pcm16_is_sent_unchanged_with_its_rate(deepgram, server):
    await transcribe(deepgram, Utterance(b"\1\0" * 800, "pcm16", 8_000))
    (request,) = server.requests
    assert request.body == b"\1\0" * 800
    assert (request.query["encoding"], request.query["sample_rate"]) == (["linear16"], ["8000"])


async def test_a_recording_of_three_megabytes_is_sent_whole(deepgram, server):
    recording = bytes(range(256)) * 12_000
    await transcribe(deepgram, Utterance(recording))
    assert server.requests[0].body == recording


async def test_a_text_becomes_mp3(deepgram, server):
    spoken = await speak(deepgram, "**I added** it.")
    assert (spoken.mime_type, spoken.provider) == ("audio/mpeg", "deepgram")
    with av.open(io.BytesIO(spoken.audio), "r", format="mp3") as file:
        assert file.streams.audio[0].duration
    (request,) = server.requests
    assert request.path == "/v1/speak"
    assert request.query == {"model": ["aura-2-thalia-en"], "encoding": ["mp3"]}
    assert json.loads(request.body) == {"text": "I added it."}


async def test_an_empty_transcript_is_no_speech(deepgram, server):
    server.transcripts = [" "]
    with pytest.raises(NoSpeech):
        await transcribe(deepgram)


async def test_audio_that_deepgram_refuses_is_bad_audio(deepgram, server):
    server.fail_with(Fault(status=400))
    with pytest.raises(BadAudio):
        await transcribe(deepgram)
    assert len(server.requests) == 1


async def test_text_that_deepgram_refuses_goes_to_another_provider(deepgram, server):
    server.fail_with(Fault(status=400))
    with pytest.raises(SpeechUnavailable):
        await speak(deepgram)


@CALLS
@pytest.mark.parametrize("status", [307, 401, 402, 403, 404])
async def test_a_refusal_is_not_retried(deepgram, server, call, status):
    server.fail_with(Fault(status=status))
    with pytest.raises(SpeechUnavailable) as failure:
        await call(deepgram)
    assert not failure.value.retry_same
    assert KEY not in str(failure.value)
    assert len(server.requests) == 1


@CALLS
@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=503), Fault(status=429, retry_after=0), Fault(kind="cut"), Fault(kind="reset")],
    ids=["500", "503", "429", "cut in the body", "reset"],
)
async def test_a_passing_failure_is_retried_once_and_goes_unnoticed(deepgram, server, call, fault):
    server.fail_with(fault)
    assert (await call(deepgram)).provider == "deepgram"
    assert len(server.requests) == 2


@CALLS
@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=503), Fault(kind="cut"), Fault(kind="reset")],
    ids=["500", "503", "cut in the body", "reset"],
)
async def test_a_lasting_failure_is_given_up_after_the_second_attempt(deepgram, server, call, fault):
    server.fail_with(*[fault] * 5)
    with pytest.raises(SpeechUnavailable) as failure:
        await call(deepgram)
    assert failure.value.retry_same
    assert len(server.requests) == 2


@CALLS
async def test_a_long_retry_after_sends_the_turn_to_the_next_provider_at_once(deepgram, server, call):
    server.fail_with(Fault(status=429, retry_after=30))
    started = time.monotonic()
    with pytest.raises(SpeechUnavailable):
        await call(deepgram)
    assert time.monotonic() - started < 1.0
    assert len(server.requests) == 1


@CALLS
@pytest.mark.parametrize("kind", ["hang", "stall"])
async def test_a_hanging_provider_is_given_up_at_the_timeout(deepgram, server, call, kind):
    server.fail_with(Fault(kind=kind))
    started = time.monotonic()
    with pytest.raises(SpeechUnavailable, match="2 s"):
        await call(deepgram)
    assert time.monotonic() - started == pytest.approx(2.0, abs=0.5)


@CALLS
async def test_the_second_attempt_has_only_the_rest_of_the_timeout(deepgram, server, call):
    server.fail_with(Fault(status=503), Fault(kind="hang"))
    started = time.monotonic()
    with pytest.raises(SpeechUnavailable):
        await call(deepgram)
    assert time.monotonic() - started == pytest.approx(2.0, abs=0.5)


async def test_an_answer_of_another_shape_is_a_failure_of_the_provider(deepgram, server):
    server.fail_with(Fault(kind="garbage"))
    with pytest.raises(SpeechUnavailable):
        await transcribe(deepgram)


async def test_a_refused_connection_is_a_failure_of_the_provider(unused_tcp_port):
    settings = SpeechSettings(DEEPGRAM_API_KEY=KEY, DEEPGRAM_BASE_URL=f"http://127.0.0.1:{unused_tcp_port}")
    speech = DeepgramSpeech(settings, tts_sockets=1)
    with pytest.raises(SpeechUnavailable):
        await transcribe(speech)
    await speech.close()


@CALLS
async def test_barge_in_closes_the_request(deepgram, server, call):
    server.fail_with(Fault(kind="hang"))
    turn = asyncio.create_task(call(deepgram))
    while not server.requests:
        await asyncio.sleep(0.01)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    async with asyncio.timeout(1):
        while not server.abandoned:
            await asyncio.sleep(0.01)


async def test_turns_share_one_connection(deepgram, server):
    for _ in range(3):
        await transcribe(deepgram)
        await speak(deepgram)
    assert server.connections == 1


async def test_the_first_utterance_finds_an_open_connection(deepgram, server):
    await deepgram.start()
    await transcribe(deepgram)
    assert (server.greeted, server.connections) == (1, 1)
    deepgram.begin_answer(language=ENGLISH)
    await transcribe(deepgram)
    assert server.greeted == 1, "one that was just used needs no warming"


async def test_the_utterance_after_an_answer_finds_an_open_connection(deepgram, server):
    deepgram.begin_answer(language=ENGLISH)
    async with asyncio.timeout(5):
        while not server.greeted:
            await asyncio.sleep(0.01)
