"""The load: callers who press the button, speak for 1.5 s in real time, play the whole reply, pause, and repeat.

Measured of a turn are `ttfa_ms`, from `stop` sent to the first byte of audible audio, and `added_ms`, that time without
the critical path (`bench.harness.script.Delays`): the time that the server, its clients, the loopback and this harness
added. Nothing is clipped.

A caller plays at real time: the next turn begins a second after the reply was played, so that a server which sends
faster than real time gets no more and no fewer turns a minute than one that paces. A gap is audio that comes more than
40 ms after the caller ran dry.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import struct
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from bench.harness.adapters import Adapter, Input, NewAdapter, Received
from bench.harness.clock import Clock

GAP_MS = 40.0
CALLER_RATE = 16_000
WEBM_BYTES_PER_S = 8_000
WEBM_HEAD = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d")
"""EBML header of a WebM file."""
MAX_MESSAGE_BYTES = 1 << 24
COMPLETE = 0.95
"""Share of the reply's audio with which a turn counts as answered."""
ROUNDING_MS = 20.0

Outcome = Literal["ok", "timeout", "error", "short", "closed"]


@dataclass(frozen=True, slots=True)
class Behavior:
    """Behavior of callers, the same against every system.

    Args:
        speech_s: they speak for so long.
        think_s: after the reply, half as long to one and a half times as long.
        timeout_s: a turn without its whole reply by then has failed.
        connects_per_s: so many come in a second before the measurement.
    """

    input: Input
    speech_s: float = 1.5
    think_s: float = 1.0
    timeout_s: float = 12.0
    connects_per_s: float = 16.0

    @property
    def piece_s(self) -> float:
        """Interval in which a client sends audio."""
        return 0.02 if self.input == "pcm20" else 0.25

    def pieces(self) -> list[bytes]:
        """Audio that a client sends in a turn."""
        if self.input == "pcm20":
            return _speech(self.speech_s, self.piece_s)
        return _recording(self.speech_s, self.piece_s)


@dataclass(slots=True)
class Turn:
    """One turn; `stopped_s` counts from the beginning of the measured window."""

    session: int
    number: int
    stopped_s: float
    outcome: Outcome = "timeout"
    ttfa_ms: float | None = None
    added_ms: float | None = None
    audio_ms: float = 0.0
    gaps: int = 0
    worst_gap_ms: float = 0.0
    detail: str = ""


@dataclass
class Scene:
    """State that the callers of one level share; its times are known once all are connected."""

    url: str
    new_adapter: NewAdapter
    behavior: Behavior
    critical_path_ms: float
    reply_ms: float
    callers: int
    clock: Clock
    first_turn: float = 0.0
    window_start: float = 0.0
    window_end: float = 0.0
    began: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.pieces = self.behavior.pieces()

    @property
    def cycle_s(self) -> float:
        """Length of a turn with all around it, when nothing is added."""
        return self.behavior.speech_s + (self.critical_path_ms + self.reply_ms) / 1e3 + self.behavior.think_s


class Caller:
    """One of them."""

    def __init__(self, scene: Scene, number: int) -> None:
        self._scene, self._number = scene, number
        self._random = random.Random(number)
        self._turn: Turn | None = None
        self._stopped_at = self._played_until = 0.0
        self._answered = asyncio.Event()
        self.turns: list[Turn] = []
        self.connect_ms: float | None = None
        self.stray_audio_ms = 0.0
        """Audio that came when no reply was due."""
        self.failure = ""
        self.connected = asyncio.Event()
        """Set as well when the caller was refused."""

    async def live(self, http: aiohttp.ClientSession, at: float) -> None:
        """Connect at that time, wait for the others, and talk until the window ends."""
        scene = self._scene
        await scene.clock.until(at)
        try:
            began = time.monotonic()
            async with http.ws_connect(scene.url, compress=0, max_msg_size=MAX_MESSAGE_BYTES) as socket:
                adapter = scene.new_adapter()
                await adapter.open(socket)
                self.connect_ms = (time.monotonic() - began) * 1e3
                async with _in_background(self._read(adapter, socket)), _in_background(adapter.keep_alive()):
                    self.connected.set()
                    await scene.began.wait()
                    await scene.clock.until(scene.first_turn + scene.cycle_s * self._number / scene.callers)
                    await self._talk(adapter)
        except (aiohttp.ClientError, ConnectionError, TimeoutError, OSError) as error:
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self.connected.set()

    async def _talk(self, adapter: Adapter) -> None:
        scene, behavior = self._scene, self._scene.behavior
        while time.monotonic() < scene.window_end and not self.failure:
            await adapter.start_utterance()
            began = time.monotonic()
            for index, piece in enumerate(scene.pieces):
                # a piece exists only once it has been spoken
                await scene.clock.until(began + (index + 1) * behavior.piece_s)
                await adapter.send_audio(piece, index)
            self._begin_reply()
            await adapter.stop_utterance()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(behavior.timeout_s):
                    await self._answered.wait()
            self._turn = None
            thought = behavior.think_s * self._random.uniform(0.5, 1.5)
            await scene.clock.until(max(self._played_until, time.monotonic()) + thought)

    def _begin_reply(self) -> None:
        self._stopped_at, self._played_until = time.monotonic(), 0.0
        self._answered.clear()
        self._turn = Turn(self._number, len(self.turns) + 1, round(self._stopped_at - self._scene.window_start, 4))
        self.turns.append(self._turn)

    async def _read(self, adapter: Adapter, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            now = time.monotonic()
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self._take(adapter.read(message), now)
        self.failure = self.failure or f"the server closed: {socket.close_code}"
        if self._turn:
            self._end_turn(self._turn, "closed", self.failure)

    def _take(self, received: Received, now: float) -> None:
        turn = self._turn
        if turn is None or self._answered.is_set():
            self.stray_audio_ms += received.audio_ms
        elif received.kind == "error":
            self._end_turn(turn, "error", received.detail)
        elif received.kind in {"audio", "end"}:
            self._play(turn, received, now)
            if received.kind == "end" or turn.audio_ms >= self._scene.reply_ms - ROUNDING_MS:
                self._end_turn(turn, "ok" if turn.audio_ms >= COMPLETE * self._scene.reply_ms else "short")

    def _play(self, turn: Turn, received: Received, now: float) -> None:
        if turn.ttfa_ms is None and received.is_voiced:
            turn.ttfa_ms = round((now - self._stopped_at) * 1e3, 3)
            turn.added_ms = round(turn.ttfa_ms - self._scene.critical_path_ms, 3)
        if self._played_until and (gap := (now - self._played_until) * 1e3) > GAP_MS and received.audio_ms:
            turn.gaps += 1
            turn.worst_gap_ms = round(max(turn.worst_gap_ms, gap), 1)
        self._played_until = max(self._played_until, now) + received.audio_ms / 1e3
        turn.audio_ms += received.audio_ms

    def _end_turn(self, turn: Turn, outcome: Outcome, detail: str = "") -> None:
        turn.outcome, turn.detail = outcome, detail
        self._answered.set()


@contextlib.asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the body; end it with it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _speech(seconds: float, frame_s: float) -> list[bytes]:
    """Seeded noise with an envelope like syllables (about 4 Hz, never under -40 dB), in frames of PCM16."""
    noise = random.Random(7)
    envelope = (1500 + 6500 * abs(math.sin(math.pi * 4 * i / CALLER_RATE)) for i in range(int(seconds * CALLER_RATE)))
    samples = [int(noise.uniform(-1, 1) * level) for level in envelope]
    pcm, size = struct.pack(f"<{len(samples)}h", *samples), int(frame_s * CALLER_RATE) * 2
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


def _recording(seconds: float, piece_s: float) -> list[bytes]:
    """Pieces shaped like MediaRecorder's slices: the first opens with a WebM header, the rest is seeded noise."""
    noise = random.Random(9)
    pieces = [noise.randbytes(int(WEBM_BYTES_PER_S * piece_s)) for _ in range(round(seconds / piece_s))]
    return [WEBM_HEAD + pieces[0], *pieces[1:]]
