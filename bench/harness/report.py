"""The table of one comparison: what each server adds and costs, and whether the product's goals are met.

A value is the median over the runs of a system. Runs in which the harness was late, or others used the server's core,
are left out where valid ones exist; where none does, the value is marked.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.harness.capacity import Capacity
from bench.harness.idle import Idle
from bench.harness.level import Load, Result

TITLES = {"convonet": "ours", "pipecat": "Pipecat best", "rayfloor": "Ray floor", "bare": "bare"}
OURS = "convonet"
MARK = " (?)"
PASS, FAIL = "pass", "FAIL"
LEAST_MS = 0.1
"""Less added than the timers can tell counts as this much."""


@dataclass(frozen=True, slots=True)
class Run:
    """One start of one system, and all that was measured of it."""

    system: str
    number: int
    results: list[Result] = field(default_factory=list)
    idle: Idle | None = None
    capacity: list[Capacity] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Added:
    """Latency that a system adds to a turn under one load."""

    p50: float
    p95: float
    p95_range: tuple[float, float]
    turns: int
    failed: int
    flushes_refused: int
    is_sound: bool

    def __str__(self) -> str:
        note = f" ({self.failed} of {self.turns} turns failed)" if self.failed else ""
        note += f" ({self.flushes_refused} flushes refused)" if self.flushes_refused else ""
        return f"{_number(self.p50)} / {_number(self.p95)}{note}{'' if self.is_sound else MARK}"


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of the table of costs, and what the product is to reach in it."""

    title: str
    value: Callable[[Sequence[Run]], float | None]
    unit: str
    words: str
    is_met: Callable[[float], bool] | None = None
    digits: int = 1


class Comparison:
    """All runs of one comparison."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._systems = [name for name in TITLES if any(run.system == name for run in runs)]

    def markdown(self) -> str:
        """Three tables: what is added, what it costs, and the ratios that count."""
        return "\n\n".join(part for part in (self._added(), self._costs(), self._conditions(), self._notes()) if part)

    def _of(self, system: str) -> list[Run]:
        return [run for run in self._runs if run.system == system]

    def _loads(self) -> list[tuple[int, bool]]:
        loads = {(result.load.callers, result.load.tool) for run in self._runs for result in run.results}
        return sorted(loads, key=lambda load: (load[1], load[0]))

    def added(self, system: str, callers: int, *, tool: bool) -> Added | None:
        """Return the latency that a system added under a load."""
        every = [
            result
            for run in self._of(system)
            for result in run.results
            if (result.load.callers, result.load.tool) == (callers, tool) and result.turns
        ]
        if not every:
            return None
        sound = [result for result in every if not result.use.suspicion]
        chosen = sound or every
        p95 = [result.added_ms.p95 for result in chosen]
        return Added(
            p50=statistics.median(result.added_ms.p50 for result in chosen),
            p95=statistics.median(p95),
            p95_range=(min(p95), max(p95)),
            turns=sum(result.turns for result in chosen),
            failed=sum(result.failed_turns + result.lost_sessions for result in chosen),
            flushes_refused=sum(result.use.flushes_refused for result in chosen),
            is_sound=bool(sound),
        )

    def _added(self) -> str:
        head = ["added to a turn, ms p50 / p95", *(TITLES[name] for name in self._systems)]
        rows = []
        for callers, tool in self._loads():
            cells = [self.added(name, callers, tool=tool) for name in self._systems]
            rows.append([str(Load(callers, 0.0, tool)), *("-" if cell is None else str(cell) for cell in cells)])
        return _table(head, rows)

    def _costs(self) -> str:
        head = ["", *(TITLES[name] for name in self._systems), "goal", ""]
        rows = [self._cost(goal) for goal in GOALS]
        return _table(head, [row for row in rows if row])

    def _cost(self, goal: Goal) -> list[str]:
        values = [goal.value(self._of(name)) for name in self._systems]
        if all(value is None for value in values):
            return []
        cells = ["-" if value is None else _number(value, goal.digits) for value in values]
        ours = values[self._systems.index(OURS)] if OURS in self._systems else None
        verdict = "" if ours is None or goal.is_met is None else PASS if goal.is_met(ours) else FAIL
        return [f"{goal.title}, {goal.unit}", *cells, goal.words, verdict]

    def _conditions(self) -> str:
        """The ratios of one run: they hold on a slow machine too."""
        rows = []
        for callers, tool in self._loads():
            pipecat = _Ratios(*(self.added(name, callers, tool=tool) for name in (OURS, "pipecat")))
            floor = _Ratios(*(self.added(name, callers, tool=tool) for name in (OURS, "rayfloor")))
            cells = [
                pipecat.cell("p50", lambda ratio: ratio < 0.5),
                floor.cell("p50", lambda ratio: ratio <= 2),
                floor.cell("p95", lambda ratio: ratio <= 2),
                pipecat.cell("p95", lambda ratio: ratio < 1),
            ]
            if any(cells):
                rows.append([str(Load(callers, 0.0, tool)), *cells])
        head = ["ours to", "p50 Pipecat's, < 0.5", "p50 floor's, <= 2", "p95 floor's, <= 2", "p95 Pipecat's, < 1"]
        return _table(head, rows) if rows else ""

    def _notes(self) -> str:
        """The machine's own noise, and what was left out."""
        notes = []
        noise = [(callers, self.added("bare", callers, tool=False)) for callers, tool in self._loads() if not tool]
        ranges = [
            f"{_number(added.p95_range[0])} to {_number(added.p95_range[1])} ms at {callers}"
            for callers, added in noise
            if added
        ]
        if ranges:
            notes.append(f"The machine's noise is the bare server's p95 from run to run: {', '.join(ranges)} calls.")
        results = [(run, result) for run in self._runs for result in run.results]
        suspect = [(run, result) for run, result in results if result.use.suspicion]
        if suspect:
            notes.append(
                f"{len(suspect)} of {len(results)} runs were suspect and are left out where sound ones exist; "
                f"values marked{MARK} have none:"
            )
            notes += [f"- {TITLES[run.system]}, {result.load}: {result.use.suspicion}" for run, result in suspect]
        return "\n".join(notes)


def calls_per_core(runs: Sequence[Run]) -> float | None:
    """Return the capacity, which is the median over several searches."""
    found = [capacity.holds for run in runs for capacity in run.capacity]
    return statistics.median(found) if found else None


def cpu_of_a_call(runs: Sequence[Run]) -> float | None:
    """Milliseconds a second that one more call takes: the slope over the levels at which all turns were answered."""
    return _median_slope(runs, lambda result: 1e3 * result.use.server_cpu)


def memory_of_a_call(runs: Sequence[Run]) -> float | None:
    """MiB that one more call takes."""
    return _median_slope(runs, lambda result: result.use.pss_mib)


def idle_cpu(runs: Sequence[Run]) -> float | None:
    """Milliseconds a second."""
    return _median([run.idle.cpu_ms_per_s for run in runs if run.idle])


def idle_memory(runs: Sequence[Run]) -> float | None:
    """GB."""
    return _median([run.idle.pss_mib * 2**20 / 1e9 for run in runs if run.idle])


def idle_processes(runs: Sequence[Run]) -> float | None:
    """Format a count."""
    return _median([float(len(run.idle.processes)) for run in runs if run.idle])


GOALS = (
    Goal("calls per core with p95 added <= 50 ms", calls_per_core, "calls", ">= 150", lambda n: n >= 150, digits=0),
    Goal("CPU of one more call", cpu_of_a_call, "ms/s", "<= 6", lambda ms: ms <= 6),
    Goal("CPU of the idle server", idle_cpu, "ms/s", "half of the first release's", digits=0),
    Goal("memory of the idle server (PSS)", idle_memory, "GB", "<= 2.0", lambda gb: gb <= 2.0, digits=2),
    Goal("memory of one more call (PSS)", memory_of_a_call, "MiB", "<= 0.5", lambda mib: mib <= 0.5, digits=2),
    Goal("processes of the idle server", idle_processes, "number", "", digits=0),
)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _median_slope(runs: Sequence[Run], of: Callable[[Result], float]) -> float | None:
    slopes = []
    for run in runs:
        answered = [result for result in run.results if not (result.failed_turns or result.load.tool)]
        calls = [float(result.load.callers) for result in answered]
        if len(set(calls)) > 1:
            slopes.append(statistics.linear_regression(calls, [of(result) for result in answered]).slope)
    return _median(slopes)


@dataclass(frozen=True, slots=True)
class _Ratios:
    """Return our added latency as a share of another system's."""

    ours: Added | None
    theirs: Added | None

    def cell(self, quantile: Literal["p50", "p95"], holds: Callable[[float], bool]) -> str:
        if self.ours is None or self.theirs is None:
            return ""
        ratio = getattr(self.ours, quantile) / max(getattr(self.theirs, quantile), LEAST_MS)
        # who leaves a turn unanswered has not been fast
        is_met = holds(ratio) and not self.ours.failed
        return f"{ratio:.2f} {PASS if is_met else FAIL}"


def _number(value: float, digits: int = 1) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.{digits}f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
