"""Deepgram on the loopback: the real wire format of POST /v1/listen and POST /v1/speak, and its failures on request.

    async with DeepgramServer() as server:
        server.transcripts = ["add buy milk to my todo list"]
        server.fail_with(Fault(status=429, retry_after=1))
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
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

import numpy as np
from deepgram.types.listen_v1response import ListenV1Response

from convonet.speech.local.voice import encode_mp3

REQUEST_ID = "0b1c2d3e-0000-4000-8000-123456789abc"
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden"}
REASONS |= {404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
ERRORS = {
    400: ("Bad Request", "Bad Request: failed to process audio: corrupt or unsupported data"),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: ("ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request."),
    403: ("INSUFFICIENT_PERMISSIONS", "User does not have sufficient permissions."),
    404: ("NOT_FOUND", "Not found."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request fails: an error status, no answer at all, or an answer that is cut off in its body."""

    status: int = 0
    retry_after: int | None = None
    kind: Literal["status", "hang", "cut", "reset", "garbage"] = "status"
    on: Literal["any", "/v1/listen", "/v1/speak"] = "any"


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
    transcripts: list[str] = field(default_factory=lambda: ["add buy milk to my todo list"])
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    abandoned: int = 0
    """Requests whose client went away while it hung."""

    def __post_init__(self) -> None:
        self._faults: deque[Fault] = deque()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail_with(self, *faults: Fault) -> None:
        """Let the next requests fail, one fault each."""
        self._faults.extend(faults)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    request = await _read_request(reader)
                    self.requests.append(request)
                    if not await self._answer(request, reader, writer):
                        return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer; False when the connection is over."""
        fault = self._next_fault(request.path)
        if fault is not None and fault.kind == "hang":
            if await reader.read() == b"":
                self.abandoned += 1
            return False
        if fault is not None and fault.kind == "reset":
            writer.transport.abort()
            return False
        speaks = request.path == "/v1/speak"
        await asyncio.sleep((self.tts_ms if speaks else self.stt_ms) / 1000)
        status = _refusal(request) or (fault.status if fault else 0) or 200
        if status != 200:
            writer.write(_error(status, fault.retry_after if fault else None))
        else:
            body = _speech() if speaks else self._transcript(request)
            content = "audio/mpeg" if speaks else "application/json"
            if fault is not None and fault.kind == "garbage":
                body = b'{"unexpected": true}'
            if fault is not None and fault.kind == "cut":
                writer.write(_response(200, content, body)[: -len(body) // 2])
                await writer.drain()
                return False
            writer.write(_response(200, content, body))
        await writer.drain()
        return True

    def _next_fault(self, path: str) -> Fault | None:
        if self._faults and self._faults[0].on in ("any", path):
            return self._faults.popleft()
        return None

    def _transcript(self, request: Received) -> bytes:
        text = self.transcripts.pop(0) if len(self.transcripts) > 1 else self.transcripts[0]
        return json.dumps(listen_response(text, request.body)).encode()


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


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    url = urlsplit(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(url.path, parse_qs(url.query), headers, body)


def _refusal(request: Received) -> int | None:
    """The status with which the real API refuses a malformed request."""
    if request.path not in ("/v1/listen", "/v1/speak"):
        return 404
    if not request.headers.get("authorization", "").lower().startswith("token "):
        return 401
    if request.path == "/v1/speak" and not str(json.loads(request.body).get("text", "")).strip():
        return 400
    return 400 if not request.body or "model" not in request.query else None


def _error(status: int, retry_after: int | None) -> bytes:
    code, message = ERRORS.get(status, ("INTERNAL_SERVER_ERROR", "Something went wrong."))
    body = json.dumps({"err_code": code, "err_msg": message, "request_id": REQUEST_ID}).encode()
    return _response(status, "application/json", body, "" if retry_after is None else f"retry-after: {retry_after}\r\n")


def _response(status: int, content: str, body: bytes, more_headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: {content}\r\ncontent-length: {len(body)}\r\n"
        f"dg-request-id: {REQUEST_ID}\r\n{more_headers}\r\n"
    )
    return head.encode() + body


@cache
def _speech() -> bytes:
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
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_until_stopped(DeepgramServer(arguments.stt_ms, arguments.tts_ms, arguments.port)))
