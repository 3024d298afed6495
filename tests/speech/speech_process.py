"""A speech replica without models, as a process that a test can stop and kill; it writes its port and key."""

import asyncio
import os
import sys

from convonet.core.errors import BadAudio, NoSpeech, SpeechUnavailable
from convonet.core.logs import configure
from convonet.rpc.server import RpcServer
from convonet.speech.base import SpokenAudio, Transcript, Word
from convonet.speech.requests import MAX_MESSAGE_BYTES, SpeechRequests

FAULTS = {kind.__name__.encode(): kind for kind in (NoSpeech, BadAudio, SpeechUnavailable)}


class Letters:
    """Synthesizes a sentence as its own letters; it takes a moment when the sentence says so."""

    async def transcribe(self, utterance, *, language):
        if fault := FAULTS.get(utterance.audio):
            raise fault(utterance.audio.decode())
        word = Word(f"{utterance.format} {utterance.sample_rate} {language}", 0.25, 1.5)
        return Transcript(f"{len(utterance.audio)} bytes at {os.getpid()}", "local", 0.5, (word,))

    async def synthesize(self, text, *, language):
        await self._pause(text)
        return SpokenAudio(text.encode(), f"audio/{language}", "local")

    async def synthesize_pcm(self, sentence):
        await self._pause(sentence)
        return sentence.encode("utf-16-le")

    async def _pause(self, text):
        if text == "Wait.":
            sys.stdout.write("begun\n")
            sys.stdout.flush()
            try:
                await asyncio.sleep(30)
            finally:
                sys.stdout.write("ended\n")
                sys.stdout.flush()


async def serve():
    configure("warning")
    port = RpcServer(SpeechRequests(Letters()).answer, stop_timeout_s=0, max_message_bytes=MAX_MESSAGE_BYTES)
    address = await port.start("127.0.0.1")
    sys.stdout.write(f"{address.port} {address.key}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
