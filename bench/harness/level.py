"""One level of load against a running server.

Phases: all callers connect (all must be ready or refused before the first speaks, so that what a session costs at its
beginning does not bunch their turns); their first turns, evenly spread over one turn's length; then the measured
window at full load. A turn counts when its `stop` is in the window and it is not its caller's first.
"""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.harness.adapters import NewAdapter
from bench.harness.callers import Behavior, Caller, Scene, Turn
from bench.harness.clock import Clock, LagProbe, Quantiles
from bench.harness.meter import CoreSeconds, ServerMeter

WARM_UP_CYCLES = 1.05
LAST_TURNS_S = 10.0
MAX_FAILURES = 5
"""Different failures that are printed."""

MAX_HARNESS_LAG_MS = 5.0
MAX_HARNESS_CPU = 0.85
MAX_FOREIGN_CPU = 0.1
MAX_STOLEN_CPU = 0.02
"""A run in which the harness itself was late (p99), used more of its core, or in which others had more of the server's
core than this says little of the server."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server that runs: where, how its callers speak, which processes are its, and on which cores."""

    name: str
    url: str
    new_adapter: NewAdapter
    behavior: Behavior
    mark: str
    cores: tuple[int, ...]
    vendors: str
    tool_query: str = ""
    """Suffix of the URL for turns that use a tool."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many calls for so long; whether their turns use a tool."""

    callers: int
    seconds: float
    tool: bool = False

    def __str__(self) -> str:
        return f"{self.callers} call{'s' if self.callers > 1 else ''}{' with a tool' if self.tool else ''}"


@dataclass(frozen=True, slots=True)
class Use:
    """Use of server, machine and harness in the measured window; CPU in seconds per second, which are cores."""

    window_s: float
    server_cpu: float
    server_waited: float
    """Time for which the server's threads were ready but on no core."""
    foreign_cpu: float
    """Use of the server's core by others."""
    stolen_cpu: float
    pss_mib: float
    driver_cpu: float
    driver_lag_ms: Quantiles
    vendors: dict[str, Any]
    """The vendors' `/stats`."""

    @property
    def suspicion(self) -> str:
        """Return the reasons against using the run; empty when it is valid."""
        lag_ms = max(self.driver_lag_ms.p99, self.vendors["loop_lag_ms"]["p99"])
        harness_cpu = self.driver_cpu + self.vendors["cpu_share"]
        reasons = {
            f"the harness was {lag_ms:.1f} ms late": lag_ms > MAX_HARNESS_LAG_MS,
            f"the harness used {harness_cpu:.0%} of its core": harness_cpu > MAX_HARNESS_CPU,
            f"others used {self.foreign_cpu:.0%} of the server's core": self.foreign_cpu > MAX_FOREIGN_CPU,
            f"{self.stolen_cpu:.0%} of it was stolen": self.stolen_cpu > MAX_STOLEN_CPU,
        }
        return "; ".join(reason for reason, holds in reasons.items() if holds)

    @property
    def flushes_refused(self) -> int:
        """Number of flushes beyond Deepgram's limit."""
        return int(self.vendors["counts"].get("tts_flushes_refused", 0))


@dataclass(frozen=True, slots=True)
class Result:
    """Results of one level."""

    load: Load
    critical_path_ms: float
    turns: int
    added_ms: Quantiles
    """A turn without any audio counts with the callers' timeout, so that its absence does not improve the result."""
    first_turn_added_ms: Quantiles
    connect_ms: Quantiles
    failed_turns: int
    lost_sessions: int
    failures: list[str]
    turns_with_gaps: int
    stray_audio_ms: float
    use: Use
    records: list[Turn] = field(repr=False)

    @property
    def is_clean(self) -> bool:
        """True when each turn was answered, within the vendors' limits."""
        return bool(self.turns) and not (self.failed_turns or self.lost_sessions or self.use.flushes_refused)

    def __str__(self) -> str:
        added, use = self.added_ms, self.use
        words = [
            f"{self.load}: {self.turns} turns, added p50 {added.p50:.1f}, p95 {added.p95:.1f}, p99 {added.p99:.1f} ms",
            f"{self.failed_turns} failed, {self.lost_sessions} lost, {self.turns_with_gaps} with gaps",
            f"server {use.server_cpu:.3f} of a core, {use.pss_mib:.0f} MiB",
            f"driver {use.driver_cpu:.2f}, vendors {use.vendors['cpu_share']:.2f}",
            *([f"{use.flushes_refused} flushes refused"] if use.flushes_refused else []),
            *([f"SUSPECT: {use.suspicion}"] if use.suspicion else []),
            *self.failures,
        ]
        return "; ".join(words)


async def run_level(target: Target, load: Load) -> Result:
    """Run one level and return its results."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await _post(http, f"{target.vendors}/script", {"tool": load.tool})
        config = await _get(http, f"{target.vendors}/config")
        clock = Clock()
        try:
            scene = Scene(
                url=target.url + (target.tool_query if load.tool else ""),
                new_adapter=target.new_adapter,
                behavior=target.behavior,
                critical_path_ms=config["critical_path_ms"],
                reply_ms=config["reply_audio_ms"],
                callers=load.callers,
                clock=clock,
            )
            return await _Level(target, load, scene, http).run()
        finally:
            clock.close()


class _Level:
    def __init__(self, target: Target, load: Load, scene: Scene, http: aiohttp.ClientSession) -> None:
        self._target, self._load, self._scene, self._http = target, load, scene, http
        self._callers = [Caller(scene, number) for number in range(load.callers)]

    async def run(self) -> Result:
        now, pace = time.monotonic(), self._scene.behavior.connects_per_s
        calls = [
            asyncio.create_task(caller.live(self._http, now + number / pace))
            for number, caller in enumerate(self._callers)
        ]
        try:
            await asyncio.gather(*(caller.connected.wait() for caller in self._callers))
            self._set_times()
            await self._scene.clock.until(self._scene.window_start)
            use = await watch_window(self._target, self._scene, self._http)
            await asyncio.wait(calls, timeout=self._scene.behavior.timeout_s + LAST_TURNS_S)
        finally:
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
        return self._result(use)

    def _set_times(self) -> None:
        scene = self._scene
        scene.first_turn = time.monotonic() + 0.5
        scene.window_start = scene.first_turn + scene.cycle_s * WARM_UP_CYCLES
        scene.window_end = scene.window_start + self._load.seconds
        scene.began.set()

    def _result(self, use: Use) -> Result:
        """All of it, once the last turns of the window are over."""
        callers, wait_ms = self._callers, self._scene.behavior.timeout_s * 1e3
        turns = [
            turn
            for caller in callers
            for turn in caller.turns
            if turn.number > 1 and 0 <= turn.stopped_s < self._load.seconds
        ]
        first = [caller.turns[0].added_ms for caller in callers if caller.turns]
        failed = [turn for turn in turns if turn.outcome != "ok"]
        lost = [caller.failure for caller in callers if caller.failure]
        return Result(
            load=self._load,
            critical_path_ms=self._scene.critical_path_ms,
            turns=len(turns),
            added_ms=Quantiles.of([wait_ms if turn.added_ms is None else turn.added_ms for turn in turns]),
            first_turn_added_ms=Quantiles.of([added for added in first if added is not None]),
            connect_ms=Quantiles.of([each.connect_ms for each in callers if each.connect_ms is not None]),
            failed_turns=len(failed),
            lost_sessions=len(lost),
            failures=sorted({f"{turn.outcome} {turn.detail}".strip() for turn in failed} | set(lost))[:MAX_FAILURES],
            turns_with_gaps=sum(turn.gaps > 0 for turn in turns),
            stray_audio_ms=sum(caller.stray_audio_ms for caller in callers),
            use=use,
            records=turns,
        )


async def watch_window(target: Target, scene: Scene, http: aiohttp.ClientSession) -> Use:
    """Measure processes, cores and vendors from the window's beginning to its end.

    Processes are looked at in a thread: it takes 20 to 180 ms, in which callers go on.
    """
    meter, cores, lag = ServerMeter(target.mark), target.cores, LagProbe(scene.clock)
    probe = asyncio.create_task(lag.run())
    await _post(http, f"{target.vendors}/stats/reset", {})
    waited, cpu = await asyncio.to_thread(meter.spent)
    on_cores, own_cpu, began = CoreSeconds.of(cores), _own_cpu_s(), time.monotonic()
    await scene.clock.until(scene.window_end)
    elapsed = time.monotonic() - began
    own_cpu, on_cores = _own_cpu_s() - own_cpu, CoreSeconds.of(cores) - on_cores
    waited_then, cpu_then = await asyncio.to_thread(meter.spent)
    waited, cpu = waited_then - waited, cpu_then - cpu
    pss_mib = await asyncio.to_thread(meter.pss_mib)
    vendors = await _get(http, f"{target.vendors}/stats")
    probe.cancel()
    return Use(
        window_s=round(elapsed, 2),
        server_cpu=cpu / elapsed,
        server_waited=waited / elapsed,
        foreign_cpu=(on_cores.busy - cpu) / elapsed,
        stolen_cpu=on_cores.stolen / elapsed,
        pss_mib=pss_mib,
        driver_cpu=own_cpu / elapsed,
        driver_lag_ms=Quantiles.of(lag.late_ms),
        vendors=vendors,
    )


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _get(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(url) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def _post(http: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> None:
    async with http.post(url, json=body) as response:
        response.raise_for_status()
