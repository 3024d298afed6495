"""Deepgram on the loopback: the real wire format of /v1/listen and /v1/speak, its limits, and its failures on request.

    async with DeepgramServer() as server:
        server.transcripts = ["add buy milk to my todo list"]
        server.fail_with(Fault(status=429, retry_after=1))
        server.break_answers(Break(after=10, kind="die"))
        ...  # point DEEPGRAM_BASE_URL at server.url

Runs alone too, for the benchmark: `python -m tests.vendors.deepgram --port 9001 --stt-ms 100 --tts-ms 50`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Literal, Self

import numpy as np
from aiohttp import web
from deepgram.types.listen_v1response import ListenV1Response

from convonet.speech.local.voice import encode_mp3
from tests.vendors.deepgram_socket import Break, VoiceSocket, sound_of

REQUEST_ID = "0b1c2d3e-0000-4000-8000-123456789abc"
ERRORS = {
    400: ("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: ("ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request."),
    403: ("INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions."),
    404: ("NOT_FOUND", "Not found."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
}

FOREVER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request fails: an error status, no answer at all, or an answer that ends in its middle.

    `cut` breaks the connection there, `stall` says nothing more. `on` is whom it befalls: any request, or those of one
    kind; `socket` is the handshake of a WebSocket.
    """

    status: int = 0
    retry_after: int | None = None
    kind: Literal["status", "hang", "cut", "stall", "reset", "garbage"] = "status"
    on: Literal["any", "/v1/listen", "/v1/speak", "socket"] = "any"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class DeepgramServer:
    """The server. Requests are answered from `transcripts` in order, then with the last one again."""

    stt_ms: float = 0.0
    tts_ms: float = 0.0
    port: int = 0
    host: str = "127.0.0.1"
    transcripts: list[str] = field(default_factory=lambda: ["add buy milk to my todo list"])
    ms_per_character: float = 2.0
    """How long a spoken character sounds; 60 is natural."""
    speed: float = 0.0
    """How many times faster than real time sound is made; 0: at once."""
    piece_bytes: int = 4_800
    sockets_allowed: int = 45
    requests_allowed: int = 15
    """What Deepgram allows a project at once, of sockets and of requests to its voice."""
    flushes_allowed: int = 20
    characters_allowed: int = 2_400
    window_s: float = 60.0
    """What it allows one socket in how many seconds."""
    late_pieces: int = 3
    """Pieces of sound that are on their way when a Clear arrives."""
    warns_as: Literal["code", "warn_code"] = "code"
    """How a warning names its code: as the SDK has it, or as users saw it."""
    requests: list[Received] = field(default_factory=list)
    handshakes: list[Received] = field(default_factory=list)
    sockets: list[VoiceSocket] = field(default_factory=list)
    """All that have been opened, oldest first."""
    complaints: list[str] = field(default_factory=list)
    """What a client did that it may not."""
    greeted: int = 0
    """Connections that were opened ahead."""
    abandoned: int = 0
    """Requests whose client went away while it hung."""

    def __post_init__(self) -> None:
        self._faults: deque[Fault] = deque()
        self.breaks: deque[Break] = deque()
        self._connections: set[object] = set()
        self.speaking = 0
        """Requests to the voice that are being answered."""
        app = web.Application(client_max_size=1 << 26)
        app.add_routes(
            [
                web.post("/v1/listen", self._listen),
                web.post("/v1/speak", self._speak),
                web.get("/v1/speak", self._socket),
                web.get("/", self._greet),
            ]
        )
        # a client that goes away ends its request, as it does at the vendor
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in self.open_sockets:
            socket.die()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """Connections that requests came over, WebSockets not counted."""
        return len(self._connections)

    @property
    def open_sockets(self) -> list[VoiceSocket]:
        return [socket for socket in self.sockets if socket.is_open]

    @property
    def flushes(self) -> list[str]:
        """The text of each flush that was accepted, of the oldest socket first."""
        return [text for socket in self.sockets for text in socket.flushes]

    def fail_with(self, *faults: Fault) -> None:
        """Let the next requests fail, one fault each."""
        self._faults.extend(faults)

    def break_answers(self, *breaks: Break) -> None:
        """Let the sockets break in the next flushes, one break each."""
        self.breaks.extend(breaks)

    async def _greet(self, request: web.Request) -> web.StreamResponse:
        self.greeted += 1
        self._connections.add(request.transport)
        return web.Response(status=404)

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        received = await self._received(request)
        if (refusal := await self._fault(request, "/v1/listen", received)) is not None:
            return refusal
        await asyncio.sleep(self.stt_ms / 1000)
        return web.json_response(listen_response(self.transcript_of(received.body), received.body))

    def transcript_of(self, audio: bytes) -> str:
        """What it hears in a recording."""
        return self.transcripts.pop(0) if len(self.transcripts) > 1 else self.transcripts[0]

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        received = await self._received(request)
        if (refusal := await self._fault(request, "/v1/speak", received)) is not None:
            return refusal
        if self.speaking >= self.requests_allowed:
            return _error(429)
        self.speaking += 1
        try:
            await asyncio.sleep(self.tts_ms / 1000)
            if received.query.get("encoding") == ["mp3"]:
                return web.Response(body=_mp3(), content_type="audio/mpeg")
            return await self._stream(request, str(json.loads(received.body)["text"]))
        finally:
            self.speaking -= 1

    async def _stream(self, request: web.Request, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/l16;rate=24000", "dg-request-id": REQUEST_ID})
        await response.prepare(request)
        async for piece in self.pieces_of(text):
            await response.write(piece)
        return response

    async def pieces_of(self, text: str) -> AsyncIterator[bytes]:
        """Sound in pieces, as fast as it is made."""
        sound = sound_of(text, self.ms_per_character)
        for start in range(0, len(sound), self.piece_bytes):
            yield sound[start : start + self.piece_bytes]
            await asyncio.sleep(self.piece_bytes / 48_000 / self.speed if self.speed else 0)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        received = await self._received(request)
        if (refusal := await self._fault(request, "socket", received)) is not None:
            return refusal
        if len(self.open_sockets) >= self.sockets_allowed:
            self.complaints.append(f"more than {self.sockets_allowed} sockets")
            return _error(429, 7)
        response = web.WebSocketResponse(compress=False)
        await response.prepare(request)
        self.sockets.append(VoiceSocket(self, response, request))
        await self.sockets[-1].run()
        return response

    async def _received(self, request: web.Request) -> Received:
        received = Received(
            request.path,
            {name: request.query.getall(name) for name in request.query},
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        if request.method == "POST":
            self._connections.add(request.transport)
            self.requests.append(received)
        else:
            self.handshakes.append(received)
        return received

    async def _fault(self, request: web.Request, kind: str, received: Received) -> web.StreamResponse | None:
        """The answer of a request that fails."""
        fault = None
        if self._faults and self._faults[0].on in ("any", kind):
            fault = self._faults.popleft()
        if status := _refusal(received, kind) or (fault.status if fault else 0):
            return _error(status, fault.retry_after if fault else None)
        if fault is None:
            return None
        if fault.kind == "garbage":
            return web.json_response({"unexpected": True})
        try:
            await self._fail(request, fault)
        except asyncio.CancelledError:
            self.abandoned += fault.kind == "hang"
            raise
        raise AssertionError("the client waited for an hour")

    async def _fail(self, request: web.Request, fault: Fault) -> None:
        assert request.transport is not None
        if fault.kind in ("cut", "stall"):
            response = web.StreamResponse(headers={"Content-Length": "20000"})
            await response.prepare(request)
            await response.write(sound_of("cut " * 20, 2.0)[:10_001])
        if fault.kind == "cut":
            request.transport.close()
        if fault.kind == "reset":
            request.transport.abort()
        await asyncio.sleep(FOREVER_S)


def listen_response(text: str, audio: bytes) -> dict[str, object]:
    """What /v1/listen answers, as the SDK's own types know it."""
    words = [
        {"word": word.lower(), "punctuated_word": word, "start": 0.3 * i, "end": 0.3 * i + 0.25, "confidence": 0.99}
        for i, word in enumerate(text.split())
    ]
    payload: dict[str, object] = {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": REQUEST_ID,
            "sha256": hashlib.sha256(audio).hexdigest(),
            "created": "2026-11-22T12:00:00.000Z",
            "duration": 0.3 * len(words),
            "channels": 1,
            "models": ["30089e05-99d1-4376-b32e-c263170674af"],
            "model_info": {"30089e05-99d1-4376-b32e-c263170674af": {"name": "general-nova-3", "arch": "nova-3"}},
        },
        "results": {
            "channels": [{"alternatives": [{"transcript": text, "confidence": 0.99 if words else 0.0, "words": words}]}]
        },
    }
    ListenV1Response.model_validate(payload)
    return payload


def _refusal(request: Received, kind: str) -> int:
    """The status with which the real API refuses a malformed request; 0 for one that it takes."""
    if not request.headers.get("authorization", "").lower().startswith("token "):
        return 401
    if "model" not in request.query:
        return 400
    if kind == "/v1/speak":
        return 0 if 0 < len(str(json.loads(request.body).get("text", "")).strip()) <= 2_000 else 400
    raw = "encoding" in request.query
    if kind == "/v1/listen":
        return 0 if request.body and raw == ("sample_rate" in request.query) else 400
    return 0 if request.query.get("encoding") == ["linear16"] and "container" not in request.query else 400


def _error(status: int, retry_after: int | None = None) -> web.Response:
    code, message = ERRORS.get(status, ("INTERNAL_SERVER_ERROR", "Something went wrong."))
    headers = {"dg-request-id": REQUEST_ID} | ({} if retry_after is None else {"retry-after": str(retry_after)})
    return web.json_response(
        {"err_code": code, "err_msg": message, "request_id": REQUEST_ID}, status=status, headers=headers
    )


@cache
def _mp3() -> bytes:
    time = np.arange(22_050 // 2) / 22_050
    return encode_mp3((8_000 * np.sin(2 * np.pi * 330 * time)).astype(np.int16), 22_050)


async def _serve_until_stopped(server: DeepgramServer) -> None:
    async with server:
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stt-ms", type=float, default=0.0)
    parser.add_argument("--tts-ms", type=float, default=0.0)
    parser.add_argument("--ms-per-character", type=float, default=60.0)
    parser.add_argument("--speed", type=float, default=9.0, help="times real time, which is the vendor's own figure")
    parser.add_argument("--requests-allowed", type=int, default=15)
    arguments = vars(parser.parse_args())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_until_stopped(DeepgramServer(**arguments)))
