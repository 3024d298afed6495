"""A loopback server for the voice page that speaks the streamed side of the wire contract, by a test's script."""

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from aiohttp import WSMsgType, web

from convonet.protocol.frames import HEADER_BYTES, FrameHeader, SoundKind
from convonet.protocol.server import AuthOk, AuthRequired, HeartbeatAck, PlaybackStop
from convonet.speech.base import ANSWER_RATE
from convonet.web.pages import PAGES, SECURITY_HEADERS
from tests.fixtures.ports import free_port

HERTZ = 440.0
FULL_SCALE = 0x7FFF
STOP_TIMEOUT_S = 10


def tone(start_ms, end_ms, rate=ANSWER_RATE, hertz=HERTZ):
    """PCM16 of one steady tone that begins at 0, so that pieces of it join without a click or not at all."""
    time = np.arange(start_ms * rate // 1000, end_ms * rate // 1000) / rate
    return (0.5 * FULL_SCALE * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


class Frame(NamedTuple):
    """A binary frame from the page."""

    header: FrameHeader
    sound: bytes


@dataclass
class Session:
    """What outlives a socket."""

    seq: int = 0
    sent: list = field(default_factory=list)
    """Everything that has a `seq`, with it."""


class Caller:
    """One socket of the page."""

    def __init__(self, socket, transport, session):
        self._socket = socket
        self._transport = transport
        self._session = session

    async def send(self, message, *, counts=True):
        if counts:
            message.seq = self._next_seq()
        message.session_id = "s-1"
        await self._write(message.model_dump_json(exclude_none=True), message.seq)

    async def play(self, start_ms, end_ms, *, turn=1, is_last=False):
        """A frame with this part of the tone."""
        first = start_ms * ANSWER_RATE // 1000
        header = FrameHeader(SoundKind.ANSWER_PCM16, turn, first, self._next_seq(), is_last=is_last)
        await self._write(header.pack() + tone(start_ms, end_ms), header.seq)

    async def talk(self, pcm, first_sample):
        await self._socket.send_bytes(FrameHeader(SoundKind.TALK_PCM16, 0, first_sample).pack() + pcm)

    async def send_again(self, after):
        """Everything that the page lacks."""
        for seq, payload in list(self._session.sent):
            if seq > after:
                await self._send(payload)

    async def break_off(self):
        """As a server that dies."""
        self._transport.abort()

    async def close(self):
        """As a server that waits no longer."""
        await self._socket.close(code=1008)

    def _next_seq(self):
        self._session.seq += 1
        return self._session.seq

    async def _write(self, payload, seq):
        if seq:
            self._session.sent.append((seq, payload))
        await self._send(payload)

    async def _send(self, payload):
        await (self._socket.send_str(payload) if isinstance(payload, str) else self._socket.send_bytes(payload))


class StreamingServer:
    """Serves the built pages and `/webrtc/ws`. What goes on in a call is what the test sets.

    `on_text(caller, message)` answers a typed turn, `on_resume(caller, message)` goes on after a resume, and
    `on_message(caller, message)` sees everything else that has no answer of its own here.
    """

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.pin = "471182"
        self.received = []
        self.frames = []
        self.session = Session()
        self.pending_utterance_id = None
        self.refusal = None
        """What is sent instead of `auth_ok`, and then forgotten."""
        self.sockets = 0
        self._callers = []
        self.on_text = self.on_message = _nothing
        self.on_resume = _send_again
        self._loop = asyncio.new_event_loop()
        self._tasks = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def start(self):
        self._thread.start()
        assert self._ready.wait(STOP_TIMEOUT_S)

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        assert not self._thread.is_alive()

    def run(self, work):
        """Do something on the server's own thread."""
        self._loop.call_soon_threadsafe(work)

    def close_sockets(self):
        """Wait for none of them any longer."""
        for caller in list(self._callers):
            self.run(lambda caller=caller: self._begin(caller.close()))

    def messages(self, kind):
        return [message for message in list(self.received) if message["type"] == kind]

    def _run(self):
        runner = web.AppRunner(self._app(), handler_cancellation=True, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", self.port).start())
        self._ready.set()
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _app(self):
        app = web.Application()
        app.router.add_get("/voice_assistant", self._page)
        app.router.add_get("/recorder.js", self._recorder)
        app.router.add_get("/webrtc/ws", self._talk)
        app.router.add_static("/assets", PAGES / "assets")

        async def secure(request, response):
            response.headers.update(SECURITY_HEADERS)

        app.on_response_prepare.append(secure)
        return app

    async def _page(self, request):
        return web.FileResponse(PAGES / "voice" / "index.html")

    async def _recorder(self, request):
        return web.Response(text=RECORDER, content_type="text/javascript")

    async def _talk(self, request):
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.sockets += 1
        caller = Caller(socket, request.transport, self.session)
        self._callers.append(caller)
        await caller.send(AuthRequired(), counts=False)
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                self.frames.append(Frame(FrameHeader.unpack(message.data), message.data[HEADER_BYTES:]))
            elif message.type is WSMsgType.TEXT:
                await self._hear(caller, json.loads(message.data))
        return socket

    async def _hear(self, caller, message):
        self.received.append(message)
        match message["type"]:
            case "authenticate":
                await self._let_in(caller, message)
            case "heartbeat":
                await caller.send(HeartbeatAck(ts_ms=message["ts_ms"]), counts=False)
            case "cancel":
                await caller.send(PlaybackStop())
            case "text_input":
                self._begin(self.on_text(caller, message))
            case _:
                self._begin(self.on_message(caller, message))

    async def _let_in(self, caller, message):
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            await caller.send(refusal, counts=False)
            return
        resumed = "resume_token" in message
        welcome = AuthOk(user_id="u-1", user_name="Anna", resume_token="ticket", resumed=resumed)
        welcome.pending_utterance_id = self.pending_utterance_id if resumed else None
        await caller.send(welcome, counts=False)
        if resumed:
            self._begin(self.on_resume(caller, message))

    def _begin(self, work):
        task = self._loop.create_task(_until_gone(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _until_gone(work):
    with contextlib.suppress(ConnectionError):
        await work


async def _nothing(caller, message):
    """Answers nothing."""


async def _send_again(caller, message):
    await caller.send_again(message["last_seq"])


RECORDER = """
// on the audio thread: posts what comes in, with the time of its first sample
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.quanta = [];
  }
  process(inputs) {
    const input = inputs[0][0] ?? new Float32Array(128);
    this.quanta.push(...input);
    if (this.quanta.length >= 1280) {
      this.port.postMessage({ end: currentTime + 128 / sampleRate, samples: this.quanta });
      this.quanta = [];
    }
    return true;
  }
}
registerProcessor("recorder", Recorder);
"""
