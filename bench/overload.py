"""Overload with three times the callers that a core carries: the surplus is refused, the others keep their latency.

    .venv/bin/python -m bench.overload --capacity 150 [--set CONVONET_MAX_LOOP_LAG_MS=10] ...

First a few callers show the latency of a turn when there is room. Then three times the capacity come within `--rush`
seconds. A refused caller comes back when the refusal says so, again and again. When all have come and the first have
started, the turns of the admitted callers are measured. The server runs on one core, callers and vendors on another. A
round in which the harness was late, or others used the server's core, is repeated.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import uvloop

from bench.harness.adapters import OPEN_TIMEOUT_S, Convonet, ConvonetClient
from bench.harness.callers import Caller, Scene
from bench.harness.clock import Clock, Quantiles
from bench.harness.level import Load, Target, Use, run_level, watch_window
from bench.harness.systems import PIN, Bench, running, running_vendors
from convonet.settings import VARIABLES
from deployments.launch.steps import ROOT

OUTPUT = ROOT / ".cache" / "bench"
CALM = Load(5, 20.0)
TIMES = 3
SETTLE_S = 20.0
"""From the last arrival to the measured window: the first turn of who came last is over."""

MAX_REFUSAL_MS = 50.0
MAX_RATIO = 1.3
TRIES = 3

ADMISSION = (
    "CONVONET_SESSIONS_PER_HOST",
    "CONVONET_MAX_NEW_CALLERS",
    "CONVONET_MAX_CPU_PERCENT",
    "CONVONET_MAX_LOOP_LAG_MS",
    "CONVONET_MAX_TURN_WAIT_MS",
)
"""Settings that other benchmarks raise, since they look for the machine's limits; here they have their defaults."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`after_ms` counts from the attempt to connect."""

    code: str
    after_ms: float
    retry_at: float


class PatientConvonet(Convonet):
    """One attempt of a client to connect, which begins at once; a refusal says when to come back."""

    def __init__(self, client: ConvonetClient) -> None:
        super().__init__(client)
        self._began = time.monotonic()
        self.refusal: Refusal | None = None

    async def open(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Log in."""
        self._socket = socket
        await self._send("authenticate", pin=self._client.pin, audio=self._client.audio)
        while True:
            message = await socket.receive(timeout=OPEN_TIMEOUT_S)
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(f"closed before it was ready: {message.type!r}")
            body = json.loads(message.data)
            if body["type"] == "error":
                self._note_refusal(body)
                raise ConnectionError(body["code"])
            if body["type"] == "greeting":
                return

    def _note_refusal(self, body: dict[str, Any]) -> None:
        now = time.monotonic()
        retry_at = now + body.get("retry_after_ms", 5_000) / 1000
        self.refusal = Refusal(body["code"], 1000 * (now - self._began), retry_at)


class PatientCaller(Caller):
    """Comes back as often as it is refused, and talks once it is in."""

    def __init__(self, scene: Scene, number: int, client: ConvonetClient) -> None:
        self._scene_of_all = scene
        self._client = client
        self.refusals: list[Refusal] = []
        super().__init__(scene, number)

    async def live(self, http: aiohttp.ClientSession, at: float) -> None:
        """From that time until the window ends."""
        while at < self._scene_of_all.window_end:
            await self._scene_of_all.clock.until(at)
            adapter = PatientConvonet(self._client)
            self._scene = copy.copy(self._scene_of_all)
            self._scene.new_adapter = lambda: adapter  # noqa: B023 -- used before the next round
            await super().live(http, at)
            if adapter.refusal is None:
                return
            self.refusals.append(adapter.refusal)
            at, self.failure = adapter.refusal.retry_at, ""


@dataclass(frozen=True, slots=True)
class Rush:
    """Results of one round; times to the first audio in milliseconds."""

    callers: int
    accepted: int
    refusal_ms: Quantiles
    codes: tuple[str, ...]
    calm_ms: Quantiles
    rush_ms: Quantiles
    failed_turns: int
    lost: int
    use: Use

    @property
    def ratio(self) -> float:
        """Of the accepted turns' p95 to that of turns with room."""
        return self.rush_ms.p95 / self.calm_ms.p95

    @property
    def holds(self) -> bool:
        """True when the goals are met."""
        no_caller_was_lost = not (self.failed_turns or self.lost) and set(self.codes) <= {"overloaded"}
        return no_caller_was_lost and self.ratio <= MAX_RATIO and self.refusal_ms.p95 <= MAX_REFUSAL_MS

    def __str__(self) -> str:
        calm, rush, refusal = self.calm_ms, self.rush_ms, self.refusal_ms
        return "\n".join(
            [
                f"{self.callers} callers, {self.accepted} let in, server {self.use.server_cpu:.2f} of a core",
                f"  {refusal.n} refusals ({', '.join(self.codes)}) after p50 {refusal.p50:.0f}, p95 {refusal.p95:.0f}, "
                f"worst {refusal.worst:.0f} ms; limit {MAX_REFUSAL_MS:.0f}",
                f"  first audio p50 {calm.p50:.0f} -> {rush.p50:.0f}, p95 {calm.p95:.0f} -> {rush.p95:.0f} ms, "
                f"{self.ratio:.2f} times; limit {MAX_RATIO}",
                f"  {rush.n} turns, {self.failed_turns} failed; {self.lost} callers lost",
                f"  DROPPED: {self.use.suspicion}" if self.use.suspicion else "  holds" if self.holds else "  FAILS",
            ]
        )


async def run_rush(target: Target, client: ConvonetClient, callers: int, rush_s: float, window_s: float) -> Rush:
    """Calm turns first, then the rush."""
    calm = await run_level(target, CALM)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        clock = Clock()
        try:
            scene = await _scene(target, http, clock, callers)
            scene.window_start = time.monotonic() + rush_s + SETTLE_S
            scene.window_end = scene.window_start + window_s
            crowd = [PatientCaller(scene, number, client) for number in range(callers)]
            use = await _live(target, http, scene, crowd, rush_s)
        finally:
            clock.close()
    turns = [turn for caller in crowd for turn in caller.turns if 0 <= turn.stopped_s < window_s]
    refusals = [refusal for caller in crowd for refusal in caller.refusals]
    timeout_ms = scene.behavior.timeout_s * 1000
    return Rush(
        callers=callers,
        accepted=sum(caller.connect_ms is not None for caller in crowd),
        refusal_ms=Quantiles.of([refusal.after_ms for refusal in refusals]),
        codes=tuple(sorted({refusal.code for refusal in refusals})),
        calm_ms=Quantiles.of([turn.ttfa_ms for turn in calm.records if turn.ttfa_ms is not None]),
        rush_ms=Quantiles.of([timeout_ms if turn.ttfa_ms is None else turn.ttfa_ms for turn in turns]),
        failed_turns=sum(turn.outcome != "ok" for turn in turns),
        lost=sum(bool(caller.failure) for caller in crowd),
        use=use,
    )


async def _scene(target: Target, http: aiohttp.ClientSession, clock: Clock, callers: int) -> Scene:
    async with http.get(f"{target.vendors}/config") as response:
        config = await response.json()
    scene = Scene(
        url=target.url,
        new_adapter=target.new_adapter,
        behavior=target.behavior,
        critical_path_ms=config["critical_path_ms"],
        reply_ms=config["reply_audio_ms"],
        callers=callers,
        clock=clock,
    )
    scene.began.set()  # no caller waits for the others
    return scene


async def _live(
    target: Target, http: aiohttp.ClientSession, scene: Scene, crowd: list[PatientCaller], rush_s: float
) -> Use:
    now = time.monotonic()
    calls = [
        asyncio.create_task(caller.live(http, now + rush_s * number / len(crowd)))
        for number, caller in enumerate(crowd)
    ]
    try:
        await scene.clock.until(scene.window_start)
        use = await watch_window(target, scene, http)
        await asyncio.wait(calls, timeout=scene.behavior.timeout_s)
    finally:
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
    return use


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capacity", type=int, required=True, help="calls that a core carries, see bench.compare")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rush", type=float, default=30.0, help="seconds in which all come")
    parser.add_argument("--window", type=float, default=30.0, help="seconds that are measured")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--harness-core", type=int, default=1)
    parser.add_argument("--audio", choices=["stream", "files"], default="stream")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the product")
    return parser.parse_args()


def main() -> None:
    """Measure and print each round."""
    options = _options()
    # the vendors inherit it, the server gets a core of its own
    os.sched_setaffinity(0, {options.harness_core})
    folder = OUTPUT / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}-overload"
    folder.mkdir(parents=True)
    client = ConvonetClient(PIN, audio=options.audio)
    with running_vendors(folder) as vendors:
        defaults = {name: str(VARIABLES[name].default) for name in ADMISSION}
        settings = defaults | dict(pair.split("=", 1) for pair in options.set)
        bench = Bench(vendors, (options.server_core,), client=client, settings=settings)
        with running("convonet", bench, folder) as target:
            run = partial(run_rush, target, client, TIMES * options.capacity, options.rush, options.window)
            for _ in range(options.rounds):
                print(_sound_round(run), flush=True)


def _sound_round(run: partial[Any]) -> Rush:
    """The first round that nothing disturbed, or the last one."""
    for _ in range(TRIES - 1):
        rush: Rush = uvloop.run(run())
        if not rush.use.suspicion:
            return rush
        print(rush, flush=True)
    return uvloop.run(run())


if __name__ == "__main__":
    main()
