"""The loopback Deepgram's /v1/speak WebSocket, and sound that can be read again.

Every character of a text becomes as many samples as `ms_per_character` says. The first of them is negative and tells
the character, so that a test reads from the sound what was spoken, and how far.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from aiohttp import WSMsgType, web
from deepgram.speak.v1.types.speak_v1clear import SpeakV1Clear
from deepgram.speak.v1.types.speak_v1cleared import SpeakV1Cleared
from deepgram.speak.v1.types.speak_v1close import SpeakV1Close
from deepgram.speak.v1.types.speak_v1flush import SpeakV1Flush
from deepgram.speak.v1.types.speak_v1flushed import SpeakV1Flushed
from deepgram.speak.v1.types.speak_v1metadata import SpeakV1Metadata
from deepgram.speak.v1.types.speak_v1text import SpeakV1Text
from deepgram.speak.v1.types.speak_v1warning import SpeakV1Warning

if TYPE_CHECKING:
    from tests.vendors.deepgram import DeepgramServer

UUID = "0b1c2d3e-0000-4000-8000-123456789abc"
_LEVEL = 100


@dataclass(frozen=True, slots=True)
class Break:
    """How a flush ends after so many characters: the connection dies, is closed, or nothing more comes."""

    after: int
    kind: Literal["die", "close", "stall"] = "die"


def sound_of(text: str, ms_per_character: float) -> bytes:
    """PCM16 at 24 kHz from which `text_in` reads `text`."""
    length = max(2, int(24 * ms_per_character))
    levels = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int16) * _LEVEL
    samples = np.repeat(levels, length)
    samples[::length] *= -1
    return samples.tobytes()


def text_in(pcm: bytes) -> str:
    """What `sound_of` made this of."""
    samples = np.frombuffer(pcm, np.int16)
    return "".join(chr(-level // _LEVEL) for level in samples[samples < 0].tolist())


class VoiceSocket:
    """One socket, and what was asked of it."""

    def __init__(self, server: DeepgramServer, response: web.WebSocketResponse, request: web.Request) -> None:
        self.flushes: list[str] = []
        self.cleared = 0
        self._server = server
        self._response = response
        self._transport = request.transport
        self._text = ""
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        """Texts to be sounded; None for a Clear."""
        self._clearing = False
        self._flushed_at: deque[float] = deque()
        self._characters: deque[tuple[float, int]] = deque()

    @property
    def is_open(self) -> bool:
        return not self._response.closed and self._transport is not None and not self._transport.is_closing()

    def die(self) -> None:
        """Break the connection off."""
        assert self._transport is not None
        self._transport.abort()

    async def run(self) -> None:
        """Serve until the client or a break ends it."""
        hello = SpeakV1Metadata(request_id=UUID, model_name="aura-2", model_version="1", model_uuid=UUID)
        await self._response.send_str(hello.model_dump_json())
        speaking = asyncio.create_task(self._speak())
        try:
            async for message in self._response:
                if message.type is not WSMsgType.TEXT:
                    self._complain("a frame that is no text")
                    continue
                await self._take(json.loads(message.data))
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _take(self, message: dict[str, object]) -> None:
        match message["type"]:
            case "Speak":
                await self._add(SpeakV1Text.model_validate(message).text)
            case "Flush":
                SpeakV1Flush.model_validate(message)
                await self._flush()
            case "Clear":
                SpeakV1Clear.model_validate(message)
                self.cleared += 1
                self._text = ""
                while not self._queue.empty():
                    self._queue.get_nowait()
                self._clearing = True
                self._queue.put_nowait(None)
            case "Close":
                SpeakV1Close.model_validate(message)
                await self._response.close()
            case other:
                self._complain(f"a message of type {other}")

    async def _add(self, text: str) -> None:
        now = time.monotonic()
        self._characters.append((now, len(text)))
        if sum(n for at, n in self._characters if at > now - self._server.window_s) > self._server.characters_allowed:
            self._complain("too much text")
            await self._response.close(code=1008)
        if len(text) > 2_000:
            self._complain("a text that is too long")
        self._text += text

    async def _flush(self) -> None:
        now = time.monotonic()
        if sum(at > now - self._server.window_s for at in self._flushed_at) >= self._server.flushes_allowed:
            self._complain("too many flushes")
            await self._warn("EXCESSIVE_FLUSH", "Rate limit exceeded for flushes. Please try again later.")
            return
        self._flushed_at.append(now)
        self.flushes.append(self._text.strip())
        self._queue.put_nowait(self._text)
        self._text = ""

    async def _warn(self, code: str, description: str) -> None:
        warning = SpeakV1Warning(code=code, description=description).model_dump()
        if self._server.warns_as == "warn_code":
            warning = {"type": "Warning", "warn_code": code, "warn_msg": description}
        await self._response.send_str(json.dumps(warning))

    async def _speak(self) -> None:
        sequence = 0
        while True:
            text = await self._queue.get()
            if text is None:
                self._clearing = False
                cleared = SpeakV1Cleared(type="Cleared", sequence_id=sequence)
                await self._response.send_str(cleared.model_dump_json())
            elif await self._sound(text):
                flushed = SpeakV1Flushed(type="Flushed", sequence_id=sequence)
                await self._response.send_str(flushed.model_dump_json())
                sequence += 1

    async def _sound(self, text: str) -> bool:
        """Send the sound of one flush; whether nobody cleared it."""
        await asyncio.sleep(self._server.tts_ms / 1000)
        broken = self._server.breaks.popleft() if self._server.breaks else None
        if broken is not None:
            async for piece in self._server.pieces_of(text[: broken.after]):
                await self._response.send_bytes(piece)
            await self._break(broken)
        late = self._server.late_pieces
        async for piece in self._server.pieces_of(text):
            if self._clearing:
                late -= 1
            if late < 0:
                break
            await self._response.send_bytes(piece)
        return not self._clearing

    async def _break(self, broken: Break) -> None:
        if broken.kind == "close":
            await self._response.close(code=1011)
        elif broken.kind == "die":
            await asyncio.sleep(0.05)  # what was sent before is read before the connection breaks
            self.die()
        await asyncio.Event().wait()

    def _complain(self, about: str) -> None:
        self._server.complaints.append(about)
