"""Deepgram's speech: a text by REST, and live over a WebSocket with Deepgram's limit on flushes."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from bench.harness.script import speech_ms
from bench.vendors.stage import Stage

MAX_FLUSHES = 20
FLUSH_WINDOW_S = 60.0
"""Deepgram's documentation of Flush: 20 in 60 s on a socket. It warns of more, and does not carry them out."""

BYTES_PER_SAMPLE = {"linear16": 2, "mulaw": 1, "alaw": 1}
LOUD = 9000
MP3_FRAME = bytes([0xFF, 0xF3, 0x64, 0xC4]) + bytes(140)
"""MPEG-2 layer III, 24 kHz mono, 48 kbit/s: 144 bytes for 24 ms of silence that decoders accept."""
MP3_FRAME_MS = 24
MIME_TYPES = {"mp3": "audio/mpeg", "mulaw": "audio/mulaw", "alaw": "audio/alaw"}
ENDLESS = 0x7FFFFFFF
"""Length in the header of a WAV file whose end is not known yet."""


class Voice:
    """One output format. Every PCM sample is loud, so that the first byte is the first that can be heard."""

    def __init__(self, encoding: str, rate: int) -> None:
        self.encoding, self.rate = encoding, rate
        self.chunk_ms = 120 if encoding == "mp3" else 100
        self._chunk = self._one_chunk()

    def piece(self, ms: int) -> bytes:
        """So much of a chunk."""
        return self._chunk[: len(self._chunk) * ms // self.chunk_ms]

    def mime_type(self, *, wav: bool) -> str:
        """Of a REST answer."""
        raw = f"audio/l16;rate={self.rate};channels=1"
        return MIME_TYPES.get(self.encoding, "audio/wav" if wav else raw)

    def wav_header(self) -> bytes:
        """Of PCM whose length is not known."""

        def number(value: int, size: int) -> bytes:
            return value.to_bytes(size, "little")

        layout = number(1, 2) + number(1, 2) + number(self.rate, 4) + number(self.rate * 2, 4) + number(2, 2)
        chunk = b"fmt " + number(16, 4) + layout + number(16, 2)
        return b"RIFF" + number(ENDLESS, 4) + b"WAVE" + chunk + b"data" + number(ENDLESS - 36, 4)

    def _one_chunk(self) -> bytes:
        samples = self.rate * self.chunk_ms // 1000
        if self.encoding == "mp3":
            return MP3_FRAME * (self.chunk_ms // MP3_FRAME_MS)
        if self.encoding != "linear16":
            return b"\x10\x90" * (samples // 2)
        period = self.rate // 300
        levels = (LOUD if index % period < period // 2 else -LOUD for index in range(samples))
        return b"".join(level.to_bytes(2, "little", signed=True) for level in levels)


async def speak(stage: Stage, request: web.Request) -> web.StreamResponse:
    """POST /v1/speak: the whole text's audio in a chunked body, faster than real time."""
    text = (await request.json())["text"]
    received = time.monotonic()
    encoding = request.query.get("encoding", "mp3")
    if encoding != "mp3" and encoding not in BYTES_PER_SAMPLE:
        return web.json_response({"err_code": "UNSUPPORTED", "err_msg": f"no encoding {encoding} here"}, status=400)
    voice = Voice(encoding, int(request.query.get("sample_rate", 24000)))
    stage.activity.counts["tts_rest"] += 1
    is_wav = encoding == "linear16" and request.query.get("container", "wav") == "wav"
    head = voice.wav_header() if is_wav else b""
    due = received + stage.delays.tts_ttfb_ms / 1e3
    await stage.clock.until(due)
    response = web.StreamResponse(
        headers={"Content-Type": voice.mime_type(wav=is_wav), "dg-request-id": stage.request_id}
    )
    await response.prepare(request)
    stage.activity.note_sent("tts_first_byte", due)
    async for piece in _audio(stage, voice, speech_ms(text, stage.delays.ms_per_char), due):
        await response.write(head + piece)
        head = b""
    return response


async def speak_live(stage: Stage, request: web.Request) -> web.WebSocketResponse:
    """WS /v1/speak."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    stage.activity.counts["tts_sockets"] += 1
    voice = Voice(request.query.get("encoding", "linear16"), int(request.query.get("sample_rate", 24000)))
    await _LiveSpeech(stage, socket, voice).run()
    return socket


async def _audio(stage: Stage, voice: Voice, total_ms: int, start: float) -> AsyncIterator[bytes]:
    """Chunks of so much audio, the first at `start`, then at the configured multiple of real time."""
    sent_ms = 0
    while sent_ms < total_ms:
        await stage.clock.until(start + sent_ms / stage.delays.tts_speed / 1e3)
        ms = min(voice.chunk_ms, total_ms - sent_ms)
        yield voice.piece(ms)
        sent_ms += ms


class _LiveSpeech:
    """One live socket. Text is spoken as soon as it holds a whole sentence, or at Flush."""

    def __init__(self, stage: Stage, socket: web.WebSocketResponse, voice: Voice) -> None:
        self._stage, self._socket, self._voice = stage, socket, voice
        self._buffer, self._sequence = "", 0
        self._queue: asyncio.Queue[tuple[str, float] | None] = asyncio.Queue()
        """Sentences and when each was whole; None marks a flush."""
        self._flushes: deque[float] = deque()

    async def run(self) -> None:
        """Serve it until it is closed."""
        request_id = self._stage.request_id
        names = {"model_name": "loopback", "model_version": "loopback", "model_uuid": request_id}
        await self._socket.send_json({"type": "Metadata", "request_id": request_id} | names)
        self._speaker = asyncio.create_task(self._speak())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        finally:
            self._speaker.cancel()

    async def _take(self, body: dict[str, str]) -> None:
        match body.get("type"):
            case "Speak":
                self._buffer += body["text"]
                self._cut(rest=False)
            case "Flush":
                await self._flush()
            case "Clear":
                self._speaker.cancel()
                self._buffer, self._queue = "", asyncio.Queue()
                self._speaker = asyncio.create_task(self._speak())
                await self._socket.send_json({"type": "Cleared", "sequence_id": self._sequence})
            case "Close":
                await self._socket.close()

    async def _flush(self) -> None:
        now = time.monotonic()
        while self._flushes and self._flushes[0] <= now - FLUSH_WINDOW_S:
            self._flushes.popleft()
        if len(self._flushes) >= MAX_FLUSHES:
            self._stage.activity.counts["tts_flushes_refused"] += 1
            description = f"No more than {MAX_FLUSHES} Flush messages in {FLUSH_WINDOW_S:.0f} s"
            await self._socket.send_json({"type": "Warning", "code": "EXCESSIVE_FLUSH", "description": description})
            return
        self._flushes.append(now)
        self._cut(rest=True)
        self._queue.put_nowait(None)

    def _cut(self, *, rest: bool) -> None:
        now = time.monotonic()
        while (end := _end_of_sentence(self._buffer)) is not None:
            self._queue.put_nowait((self._buffer[:end], now))
            self._buffer = self._buffer[end:].lstrip()
        is_whole = self._stage.tts_cut == "eager" and self._buffer[-1:] in {".", "!", "?"}
        if (rest or is_whole) and self._buffer.strip():
            self._queue.put_nowait((self._buffer, now))
            self._buffer = ""

    async def _speak(self) -> None:
        free_at, is_idle = 0.0, True
        while True:
            sentence = await self._queue.get()
            if sentence is None:
                await self._socket.send_json({"type": "Flushed", "sequence_id": self._sequence})
                self._sequence, is_idle = self._sequence + 1, True
                continue
            text, whole_at = sentence
            due = max(whole_at + self._stage.delays.tts_ttfb_ms / 1e3, free_at)
            total_ms = speech_ms(text, self._stage.delays.ms_per_char)
            async for piece in _audio(self._stage, self._voice, total_ms, due):
                if is_idle:
                    self._stage.activity.counts["tts_live"] += 1
                    self._stage.activity.note_sent("tts_first_byte", due)
                    is_idle = False
                await self._socket.send_bytes(piece)
            free_at = due + total_ms / self._stage.delays.tts_speed / 1e3


def _end_of_sentence(text: str) -> int | None:
    pairs = itertools.pairwise(text)
    return next((index + 1 for index, (mark, after) in enumerate(pairs) if mark in ".!?" and after.isspace()), None)
