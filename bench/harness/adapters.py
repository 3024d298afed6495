"""Adapters between a caller and a server: one class for each wire protocol.

`callers` knows only the shape of `Adapter`, so a new system is a new class here and a line in `systems`.
"""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import aiohttp

from convonet.protocol.frames import HEADER_BYTES, FrameHeader, SoundKind

PCM_24K_BYTES_PER_MS = 48.0
MP3_BYTES_PER_MS = 6.0
"""The vendors' MP3 has 48 kbit/s."""
WAV_HEADER_BYTES = 44
CALLER_SAMPLES_PER_FRAME = 320
"""20 ms at 16 kHz."""
QUIET = 200
HEARTBEAT_S = 10.0
"""As the page does."""
OPEN_TIMEOUT_S = 30.0
"""For login and greeting."""

Input = Literal["webm250", "pcm20"]
"""Audio of a caller: slices of a recording every 250 ms, or 20 ms of PCM."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the server, as a caller takes it.

    Args:
        kind: `end` is the end of the answer, with or without sound of its own.
        audio_ms: length of its sound.
        is_voiced: whether it is louder than silence.
    """

    kind: Literal["audio", "end", "error", "other"]
    audio_ms: float = 0.0
    is_voiced: bool = False
    detail: str = ""


OTHER = Received("other")


class Adapter(Protocol):
    """One caller's side of a connection."""

    async def open(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Log in and wait until a turn may begin. Raises `ConnectionError` on refusal."""

    async def keep_alive(self) -> None:
        """Do all that a client does besides its turns, until cancelled."""

    async def start_utterance(self) -> None: ...

    async def send_audio(self, piece: bytes, index: int) -> None: ...

    async def stop_utterance(self) -> None: ...

    def read(self, message: aiohttp.WSMessage) -> Received: ...


NewAdapter = Callable[[], Adapter]


class RawPcm:
    """The wire of our peers: binary PCM both ways; start, stop and ready as JSON."""

    async def open(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Wait until the server is ready."""
        self._socket = socket
        while True:
            message = await socket.receive(timeout=OPEN_TIMEOUT_S)
            if message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data).get("type") == "ready":
                return
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                raise ConnectionError(f"closed before it was ready: {message.type!r}")

    async def keep_alive(self) -> None:
        """Do nothing: the protocol has no heartbeat."""

    async def start_utterance(self) -> None:
        """Start the recording."""
        await self._socket.send_str('{"type":"start"}')

    async def send_audio(self, piece: bytes, index: int) -> None:
        """Send a piece of audio."""
        await self._socket.send_bytes(piece)

    async def stop_utterance(self) -> None:
        """Stop the recording."""
        await self._socket.send_str('{"type":"stop"}')

    def read(self, message: aiohttp.WSMessage) -> Received:
        """Classify a message."""
        if message.type is not aiohttp.WSMsgType.BINARY:
            return OTHER
        return Received("audio", len(message.data) / PCM_24K_BYTES_PER_MS, is_voiced(message.data))


@dataclass(frozen=True, slots=True)
class ConvonetClient:
    """Behavior of a client of the product.

    Args:
        pin: PIN of its login.
        audio: whether answers come as files (older clients) or as binary frames.
        stt_mode: recognition mode that it asks for.
        input: audio that it sends.
    """

    pin: str
    audio: Literal["files", "stream"] = "stream"
    stt_mode: Literal["batch", "streaming"] = "batch"
    input: Input = "webm250"


class Convonet:
    """/webrtc/ws, as docs/protocol.md has it."""

    def __init__(self, client: ConvonetClient) -> None:
        self._client = client
        self._seq = self._turn_number = self._sequence = 0

    async def open(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Log in and wait for the greeting."""
        self._socket = socket
        await self._send("authenticate", pin=self._client.pin, audio=self._client.audio)
        await self._until("auth_ok")
        await self._until("greeting")

    async def keep_alive(self) -> None:
        """Send a heartbeat every ten seconds."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            # the socket may close at any time; its reader reports that
            with contextlib.suppress(ConnectionError):
                await self._send("heartbeat", ts_ms=int(time.time() * 1e3), last_seq=self._seq)

    async def start_utterance(self) -> None:
        """Start the recording."""
        self._sequence += 1
        form = {"format": "pcm16", "sample_rate": 16000} if self._client.input == "pcm20" else {"format": "webm"}
        utterance_id = f"{id(self):x}-{self._sequence}"
        await self._send("start_recording", stt_mode=self._client.stt_mode, utterance_id=utterance_id, **form)

    async def send_audio(self, piece: bytes, index: int) -> None:
        """Send a piece of audio."""
        if self._client.input == "pcm20" and self._client.audio == "stream":
            header = FrameHeader(SoundKind.CALLER_PCM16, first_sample=index * CALLER_SAMPLES_PER_FRAME)
            await self._socket.send_bytes(header.pack() + piece)
        else:
            await self._send("audio_chunk", sequence=index, data_b64=base64.b64encode(piece).decode())

    async def stop_utterance(self) -> None:
        """Stop the recording."""
        await self._send("stop_recording")

    def read(self, message: aiohttp.WSMessage) -> Received:
        """Classify a message."""
        if message.type is aiohttp.WSMsgType.BINARY:
            return self._read_frame(message.data)
        body = json.loads(message.data)
        self._seq = max(self._seq, body.get("seq", 0))
        match body["type"]:
            case "processing_start":
                self._turn_number = body.get("turn_number", 0)
            case "audio_chunk" if self._client.audio == "files":
                return _read_file(body)
            case "error":
                return Received("error", detail=f"{body['code']}: {body['message']}")
        return OTHER

    def _read_frame(self, data: bytes) -> Received:
        if self._client.audio == "files":
            return Received("error", detail="a binary frame for a client that asked for files")
        header = FrameHeader.unpack(data)
        if header.kind is not SoundKind.ANSWER_PCM16 or header.turn_number != self._turn_number & 0xFFFF:
            return OTHER
        self._seq = max(self._seq, header.seq)
        sound = data[HEADER_BYTES:]
        return Received("end" if header.is_last else "audio", len(sound) / PCM_24K_BYTES_PER_MS, is_voiced(sound))

    async def _until(self, kind: str) -> None:
        while True:
            message = await self._socket.receive(timeout=OPEN_TIMEOUT_S)
            if message.type is aiohttp.WSMsgType.BINARY:
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(f"closed before {kind}: {message.type!r}")
            body = json.loads(message.data)
            self._seq = max(self._seq, body.get("seq", 0))
            if body["type"] == kind:
                return
            if body["type"] == "error":
                raise ConnectionError(f"refused: {body['code']}")

    async def _send(self, kind: str, **fields: object) -> None:
        await self._socket.send_str(json.dumps({"type": kind, **fields}))


def is_voiced(pcm: bytes) -> bool:
    """Test the first 400 samples for sound."""
    return any(abs(sample) > QUIET for sample in array.array("h", pcm[:800][: len(pcm) & ~1]))


def _read_file(body: dict[str, Any]) -> Received:
    data = base64.b64decode(body["data_b64"])
    kind: Literal["audio", "end"] = "end" if body["is_final"] else "audio"
    if body["mime_type"] == "audio/mpeg":
        # the vendors' MP3 counts as voice from its first byte
        return Received(kind, len(data) / MP3_BYTES_PER_MS, bool(data))
    pcm = data[WAV_HEADER_BYTES:] if data.startswith(b"RIFF") else data
    return Received(kind, len(pcm) / PCM_24K_BYTES_PER_MS, is_voiced(pcm))
