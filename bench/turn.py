"""How much the product adds to a turn: N callers who talk at a normal pace, against vendors with a fixed delay.

    .venv/bin/python -m bench.turn --sessions 1 10 50 [--traced]

Starts the product, a stub of Deepgram on loopback and the bare baseline of `bench.bare`, and prints one table. Added
latency is the time from `stop_recording` to the first `audio_chunk`, less the stub's two delays. With `--traced` every
turn's trace goes to a collector in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import websockets

from bench.processes import cpu_seconds, memory_mb
from tests.e2e.product import PIN, Product
from tests.fixtures.collector import Collector
from tests.fixtures.ports import free_port

STT_MS = 150
TTS_MS = 80
SLICE_MS = 250
SLICE = base64.b64encode(os.urandom(1000)).decode()
"""A slice of 250 ms at 32 kbit/s."""

TALK_S = (2.0, 4.0)
LISTEN_S = (2.0, 4.0)
WARM_UP_S = 3.0


@dataclass
class Figures:
    """What was seen of one load."""

    name: str
    sessions: int
    added_ms: list[float] = field(default_factory=list)
    login_ms: list[float] = field(default_factory=list)
    cpu_per_session_s: float = 0.0
    memory_per_session_mb: float = 0.0

    def row(self) -> str:
        """A line of the table."""
        ordered = sorted(self.added_ms)
        at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]  # noqa: E731
        return (
            f"| {self.name} | {self.sessions} | {len(ordered)} | {statistics.median(ordered):.1f} | {at(0.95):.1f} "
            f"| {at(0.99):.1f} | {sorted(self.login_ms)[int(0.95 * len(self.login_ms))]:.0f} "
            f"| {1000 * self.cpu_per_session_s:.1f} | {self.memory_per_session_mb:.2f} |"
        )


async def caller(url: str, pin: str, figures: Figures, start: asyncio.Event, stop: asyncio.Event) -> None:
    """One caller: logs in, then talks and listens until the measurement is over."""
    async with websockets.connect(url, max_size=None) as socket:
        begun = time.perf_counter()
        await socket.send(json.dumps({"type": "authenticate", "pin": pin}))
        await _until(socket, "auth_ok")
        figures.login_ms.append(1000 * (time.perf_counter() - begun))
        await _until(socket, "greeting")
        await start.wait()
        await asyncio.sleep(random.uniform(0, TALK_S[1]))
        while not stop.is_set():
            await _talk(socket)
            stopped = time.perf_counter()
            await socket.send(json.dumps({"type": "stop_recording"}))
            message = await _until(socket, "audio_chunk")
            first = time.perf_counter()
            while not message["is_final"]:
                message = await _until(socket, "audio_chunk")
            if not stop.is_set():
                figures.added_ms.append(1000 * (first - stopped) - STT_MS - TTS_MS)
            await asyncio.sleep(random.uniform(*LISTEN_S))


async def _talk(socket: websockets.ClientConnection) -> None:
    await socket.send(json.dumps({"type": "start_recording"}))
    for number in range(int(1000 * random.uniform(*TALK_S) / SLICE_MS)):
        await socket.send(json.dumps({"type": "audio_chunk", "sequence": number, "data_b64": SLICE}))
        await asyncio.sleep(SLICE_MS / 1000)


async def _until(socket: websockets.ClientConnection, kind: str) -> dict[str, object]:
    while True:
        message: dict[str, object] = json.loads(await socket.recv())
        if message["type"] == "error":
            raise RuntimeError(str(message))
        if message["type"] == kind:
            return message


async def load(name: str, url: str, pin: str, sessions: int, seconds: float, pids: list[int]) -> Figures:
    """Run one load and measure it."""
    figures = Figures(name, sessions)
    start, stop = asyncio.Event(), asyncio.Event()
    before = memory_mb(pids)
    async with asyncio.TaskGroup() as group:
        for _ in range(sessions):
            group.create_task(caller(url, pin, figures, start, stop))
            await asyncio.sleep(0.05)
        start.set()
        await asyncio.sleep(WARM_UP_S)
        figures.added_ms.clear()
        cpu, begun = cpu_seconds(pids), time.monotonic()
        await asyncio.sleep(seconds)
        figures.cpu_per_session_s = (cpu_seconds(pids) - cpu) / (time.monotonic() - begun) / sessions
        figures.memory_per_session_mb = (memory_mb(pids) - before) / sessions
        stop.set()
    return figures


def main() -> None:
    """Start everything, measure, print, stop everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--traced", action="store_true")
    arguments = parser.parse_args()
    collector = Collector()
    traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} if arguments.traced else {}
    vendor_port, bare_port = free_port(), free_port()
    vendor = _python("tests.vendors.deepgram", port=vendor_port, stt_ms=STT_MS, tts_ms=TTS_MS)
    bare = _python("bench.bare", port=bare_port, vendor=f"http://127.0.0.1:{vendor_port}")
    folder = tempfile.TemporaryDirectory(prefix="bench-")
    product = Product(
        Path(folder.name),
        VOICE_PIN=PIN,
        DEEPGRAM_API_KEY="bench",
        DEEPGRAM_BASE_URL=f"http://127.0.0.1:{vendor_port}",
        CONVONET_SESSIONS_PER_ADDRESS="1000",
        **traces,
    )
    try:
        product.start()
        print("| server | sessions | turns | added ms p50 | p95 | p99 | login ms p95 | CPU ms/session-s | MB/session |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        servers = (("convonet", product.port, list(product.processes())), ("bare", bare_port, [bare.pid]))
        for name, port, pids in servers:
            # what the first calls make once is not a session's memory
            asyncio.run(load(name, f"ws://127.0.0.1:{port}/webrtc/ws", PIN, 2, WARM_UP_S, pids))
        for sessions in arguments.sessions:
            for name, port, pids in servers:
                url = f"ws://127.0.0.1:{port}/webrtc/ws"
                print(asyncio.run(load(name, url, PIN, sessions, arguments.seconds, pids)).row(), flush=True)
    finally:
        product.stop()
        folder.cleanup()
        collector.close()
        for process in (bare, vendor):
            process.terminate()
            process.wait()


def _python(module: str, **options: object) -> subprocess.Popen[bytes]:
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return subprocess.Popen([sys.executable, "-m", module, *flags])


if __name__ == "__main__":
    main()
