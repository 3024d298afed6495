"""CPU that recognition and voice by Deepgram cost us: its SDK as it is meant to be used, and our way, in one run.

    .venv/bin/python -m bench.speech [--rounds 9] [--calls 10]

The vendor is the loopback of the tests in a process of its own, with the pace of the real one. CPU is this process's,
of one utterance or one sentence, with so many calls at once: alone, each of the vendor's pieces would also have to wake
the event loop up. Ways take turns, and the middle of the rounds is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
import structlog
import uvloop
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types.speak_v1text import SpeakV1Text

from convonet.settings.speech import SpeechSettings
from convonet.speech.base import Language, SpokenAnswer, Utterance
from convonet.speech.deepgram.speech import DeepgramSpeech
from convonet.speech.fallback import SpeechWithFallback
from tests.fixtures.ports import free_port

ENGLISH = Language("en-US")
WEBM = Utterance(b"\x1a\x45\xdf\xa3" + os.urandom(12_000))
"""Three seconds at 32 kbit/s."""
PCM = Utterance(os.urandom(96_000), "pcm16")
"""The same, uncompressed."""
SENTENCES = (
    "I added buy milk to your list.",
    "It is due on Friday at seven.",
    "Is there anything else I can do for you?",
)

Way = tuple[str, int, Callable[[], Awaitable[object]]]
"""Name, number of utterances or sentences in one call, and the call."""


async def streamed(answer: SpokenAnswer) -> None:
    """Speak the sentences and listen to the end, as a turn does."""
    for sentence in SENTENCES:
        answer.speak(sentence)
    answer.finish()
    async with contextlib.aclosing(answer.chunks()) as chunks:
        async for _ in chunks:
            pass


def ways(sdk: AsyncDeepgramClient, sockets: DeepgramSpeech, requests: DeepgramSpeech) -> list[Way]:
    """All ways, the SDK's first."""
    listen, speak = sdk.listen.v1.media, sdk.speak.v1.audio
    query = {"model": "nova-3", "language": "en-US", "smart_format": True}
    with_fallback = SpeechWithFallback(sockets, requests)

    raw = {"model": "aura-2-thalia-en", "encoding": "linear16"}

    async def sdk_asks() -> bytes:
        return b"".join([piece async for piece in speak.generate(text=SENTENCES[0], container="none", **raw)])

    async def sdk_streams() -> None:
        async with sdk.speak.v1.connect(sample_rate="24000", **raw) as socket:
            for sentence in SENTENCES:
                await socket.send_text(SpeakV1Text(text=f"{sentence} "))
            await socket.send_flush()
            while getattr(await socket.recv(), "type", "") != "Flushed":
                pass

    return [
        ("utterance, WebM, SDK", 1, lambda: listen.transcribe_file(request=WEBM.audio, **query)),
        ("utterance, WebM", 1, lambda: sockets.transcribe(WEBM, language=ENGLISH)),
        ("utterance, PCM", 1, lambda: sockets.transcribe(PCM, language=ENGLISH)),
        ("sentence, request, SDK", 1, sdk_asks),
        ("sentence, request", 3, lambda: streamed(requests.begin_answer(language=ENGLISH))),
        ("sentence, socket of its own, SDK", 3, sdk_streams),
        ("sentence, socket", 3, lambda: streamed(sockets.begin_answer(language=ENGLISH))),
        ("sentence, socket, with fallback", 3, lambda: streamed(with_fallback.begin_answer(language=ENGLISH))),
    ]


async def measure(url: str, rounds: int, calls: int) -> None:
    """Print a row for each way."""
    settings = SpeechSettings(DEEPGRAM_API_KEY="bench", DEEPGRAM_BASE_URL=url)
    there = DeepgramClientEnvironment(base=url, production=url.replace("http", "ws"), agent=url, agent_rest=url)
    sockets, requests = DeepgramSpeech(settings, tts_sockets=45), DeepgramSpeech(settings, tts_sockets=0)
    async with httpx.AsyncClient() as http:
        sdk = AsyncDeepgramClient(api_key="bench", environment=there, httpx_client=http, max_retries=0)
        tried = ways(sdk, sockets, requests)
        taken: dict[str, list[float]] = {name: [] for name, _, _ in tried}
        for number in range(rounds + 1):
            for name, count, call in tried:
                begun = time.process_time()
                await asyncio.gather(*(call() for _ in range(calls)))
                if number:  # the first round warms up
                    taken[name].append(1000 * (time.process_time() - begun) / calls / count)
    await sockets.close()
    await requests.close()
    print("| what | CPU ms, middle | least |\n| --- | --- | --- |")
    for name, times in taken.items():
        print(f"| {name} | {statistics.median(times):.2f} | {min(times):.2f} |")


def main() -> None:
    """Start the vendor, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=10)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    port = free_port()
    vendor = subprocess.Popen(
        [sys.executable, "-m", "tests.vendors.deepgram", "--port", str(port), "--requests-allowed", "99"]
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(httpx.ConnectError):
                httpx.get(url)
                break
            time.sleep(0.05)
        uvloop.run(measure(url, arguments.rounds, arguments.calls))
    finally:
        vendor.terminate()
        vendor.wait()


if __name__ == "__main__":
    main()
