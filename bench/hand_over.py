"""Cost of our side of a talk with a human: the delay that it adds each way, and the CPU time of each call.

    .venv/bin/python -m bench.hand_over [--calls 10] [--seconds 20]

Caller's relay, line, pacing and resampling are the real ones, over real sockets, in one process together with the
loopback Twilio and the callers: what is measured is therefore more than what a replica spends. A click goes each way
every second; its delay is the time from handing it to the socket to its arrival on the other side, network left out.
Talks are not transcribed here; recognition has its own benchmark.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from convonet.storage.migrate import migrate
from convonet.telephony import mulaw
from tests.telephony.world import CallCenter

FRAME_S = 0.02
CLICK_EVERY = 50
LOUD = 8_000
PCM_SILENCE, CODE_SILENCE = bytes(640), mulaw.SILENCE * 160
CLICK = (np.sin(np.arange(320) * 2 * np.pi * 1000 / 16_000) * 20_000).astype("<i2")
PCM_CLICK, CODE_CLICK = CLICK.tobytes(), mulaw.encode(np.ascontiguousarray(CLICK[::2]).astype(np.int16))


class Ear:
    """Notes when a click arrives that was sent a moment ago."""

    def __init__(self) -> None:
        self.sent_at = 0.0
        self.delays: list[float] = []

    def hear(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        """Samples as they arrive."""
        if self.sent_at and samples.size and int(np.abs(samples).max()) > LOUD:
            self.delays.append(1000 * (time.perf_counter() - self.sent_at))
            self.sent_at = 0.0


async def talk(client: Any, leg: Any, seconds: float) -> tuple[Ear, Ear]:
    """Both sides send a frame every 20 ms."""
    at_desk, at_caller = Ear(), Ear()
    leg.hear = lambda code: at_desk.hear(mulaw.decode(code))

    async def send_audio(pcm: bytes) -> None:
        at_caller.hear(np.frombuffer(pcm, "<i2"))

    client.send_audio = send_audio
    due = time.perf_counter()
    for number in range(int(seconds / FRAME_S)):
        click = number % CLICK_EVERY == CLICK_EVERY - 1
        if click:
            at_desk.sent_at = at_caller.sent_at = time.perf_counter()
        client.say_raw(PCM_CLICK if click else PCM_SILENCE)
        leg.say(CODE_CLICK if click else CODE_SILENCE)
        due += FRAME_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return at_desk, at_caller


async def measure(calls: int, seconds: float) -> None:
    """Connect, talk, and print."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.db"
        await migrate(f"sqlite+aiosqlite:///{file}")
        async with CallCenter(file, CONVONET_TRANSCRIBE_TALKS=False) as center, contextlib.AsyncExitStack() as stack:
            pairs = []
            for number in range(calls):
                client = await stack.enter_async_context(center.caller())
                desk = await center.desk(f"desk-{number}", str(2001 + number)).ready()
                pairs.append((client, await center.connected(client, desk)))
            cpu, wall = time.process_time(), time.perf_counter()
            ears = await asyncio.gather(*(talk(client, leg, seconds) for client, leg in pairs))
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{calls} talks: {100 * cpu / wall:.0f} % of a core, {100 * cpu / wall / calls:.1f} % each")
    for name, delays in (
        ("caller to desk", [d for desk, _ in ears for d in desk.delays]),
        ("desk to caller", [d for _, caller in ears for d in caller.delays]),
    ):
        p50, p95 = statistics.median(delays), statistics.quantiles(delays, n=20)[-1]
        print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, {len(delays)} clicks")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    asyncio.run(measure(given.calls, given.seconds))
