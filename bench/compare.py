"""The product beside Pipecat, the Ray floor and a bare server, in one run: `make bench`.

    .venv/bin/python -m bench.compare [--quick] [--levels 1,10,50] [--systems convonet,bare] ...

Servers run on one core, callers and vendors on another. Each system is started afresh for each of its runs, in the
order A B C D D C B A, so that a machine that becomes slower is slower for all. The tables of docs/performance.md and
all results as JSON are written to .cache/bench/. Callers: `bench.harness.callers`; vendors: `bench.vendors`; the
oracle: `bench.harness.script`.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import uvloop

from bench.harness.adapters import ConvonetClient
from bench.harness.capacity import Capacity, find_capacity
from bench.harness.idle import Idle, measure_idle
from bench.harness.level import Load, Result, Target, run_level
from bench.harness.report import TITLES, Comparison, Run
from bench.harness.systems import PIN, SYSTEMS, Bench, NotStarted, running, running_vendors
from deployments.launch.steps import ROOT

OUTPUT = ROOT / ".cache" / "bench"
PAUSE_S = 1.5
START_TRIES = 2
TOOL_CALLERS = 10
GIVE_UP_MS = 1500.0
"""Beyond this p50, or with a quarter of the callers lost, higher levels are not measured."""
ONE_PROCESS = {"pipecat", "bare"}
BRIEF_IDLE_S = 10.0
"""They do nothing when idle, and a short look shows it."""
FIRST_PROBE = {"convonet": 150, "pipecat": 80, "rayfloor": 240}
"""Calls at which the search for a system's capacity begins: near what it carried when that was written. The bare server
is not searched: it carries more than any."""
PACKAGES = ("ray", "uvicorn", "fastapi", "aiohttp", "uvloop", "websockets", "openai", "anthropic", "deepgram-sdk")


@dataclass(frozen=True, slots=True)
class Plan:
    """The measurements to make, and their durations in seconds.

    Args:
        levels: calls at a time, in this order.
        window_s: of a level; `window_one_s` of that with one call, which has few turns.
        settle_s: from ready until the idle server is looked at, for `idle_s`. The server of a later pass waits as
            long: for two minutes its processes copy memory that they had shared, which is no call's. Neither with 0.
        capacity_s: of each probe; not searched with 0.
        passes: runs of each system.
        retries: how many suspect levels are measured again, each once.
    """

    systems: tuple[str, ...] = tuple(SYSTEMS)
    levels: tuple[int, ...] = (1, 10, 50)
    window_s: float = 14.0
    window_one_s: float = 30.0
    tool: bool = True
    settle_s: float = 60.0
    idle_s: float = 60.0
    capacity_s: float = 12.0
    passes: int = 2
    retries: int = 6

    def order(self) -> Iterator[tuple[int, str]]:
        """Pass and system: A B C D, then D C B A, and so on."""
        for number in range(self.passes):
            for system in self.systems[:: -1 if number % 2 else 1]:
                yield number, system

    def loads(self, number: int) -> Iterator[Load]:
        """The levels of one pass; turns that use a tool are in the last one, where no capacity is searched."""
        for callers in self.levels:
            yield Load(callers, self.window_one_s if callers == 1 else self.window_s)
        if self.tool and number == self.passes - 1:
            yield Load(TOOL_CALLERS, self.window_s, tool=True)


QUICK = Plan(
    levels=(1, 10),
    window_s=9.0,
    window_one_s=14.0,
    tool=False,
    settle_s=8.0,
    idle_s=15.0,
    capacity_s=0.0,
    passes=1,
    retries=2,
)


class Measurement:
    """One comparison: runs each system as planned and writes what is known after each."""

    def __init__(self, plan: Plan, bench: Bench, path: Path) -> None:
        self._plan, self._bench, self._path = plan, bench, path
        self._retries = plan.retries
        self._runs: list[Run] = []

    def run(self) -> Comparison:
        """Measure all."""
        began = time.monotonic()
        for number, system in self._plan.order():
            say(f"{TITLES[system]}, run {number + 1} of {self._plan.passes}, {time.monotonic() - began:.0f} s")
            self._start_and_run(system, number)
            self._write_results()
        return Comparison(self._runs)

    def _start_and_run(self, system: str, number: int) -> None:
        """One run; left out when the system starts at no try, as a start of Ray may on a machine with other work."""
        for _ in range(START_TRIES):
            try:
                with running(system, self._bench, self._path.parent) as target:
                    self._runs.append(self._run(target, number))
                    return
            except NotStarted as error:
                say(f"  {error}")

    def _run(self, target: Target, number: int) -> Run:
        run = Run(target.name, number)
        if self._plan.idle_s:
            run = replace(run, idle=self._idle(target))
            say(f"  {run.idle}")
        for load in self._plan.loads(number):
            run.results.extend(self._level(target, load))
            if _is_overloaded(run.results[-1]):
                break
        if self._plan.capacity_s and number == 0 and target.name in FIRST_PROBE:
            run.capacity.append(self._capacity(target))
        return run

    def _idle(self, target: Target) -> Idle:
        if target.name in ONE_PROCESS:
            return measure_idle(target.mark, target.cores, min(BRIEF_IDLE_S, self._plan.idle_s))
        time.sleep(self._plan.settle_s)
        return measure_idle(target.mark, target.cores, self._plan.idle_s)

    def _level(self, target: Target, load: Load) -> Iterator[Result]:
        """The level, and again when others disturbed it."""
        result = _measure(target, load)
        yield result
        if result.use.suspicion and self._retries > 0:
            self._retries -= 1
            yield _measure(target, load)

    def _capacity(self, target: Target) -> Capacity:
        found = find_capacity(
            lambda load: _measure(target, load), first=FIRST_PROBE[target.name], seconds=self._plan.capacity_s
        )
        say(f"  carries {found} calls")
        return found

    def _write_results(self) -> None:
        results = {
            "plan": asdict(self._plan),
            "environment": _environment(),
            "runs": [asdict(run) for run in self._runs],
        }
        self._path.with_suffix(".json").write_text(json.dumps(results, indent=1))


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, flush=True)


def _measure(target: Target, load: Load) -> Result:
    result: Result = uvloop.run(run_level(target, load))
    say(f"  {result}")
    time.sleep(PAUSE_S)
    return result


def _is_overloaded(result: Result) -> bool:
    return result.added_ms.p50 > GIVE_UP_MS or result.lost_sessions > result.load.callers / 4


def _environment() -> dict[str, str]:
    packages = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), "kernel": platform.release()} | packages


def _cores(listed: str) -> tuple[int, ...]:
    return tuple(int(core) for core in listed.split(","))


def _setting(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one run of each, levels 1 and 10, no capacity: 6 minutes")
    parser.add_argument("--systems", help=f"comma-separated, of {', '.join(SYSTEMS)}")
    parser.add_argument("--levels", type=_cores, help="calls at a time, as in 1,10,50")
    parser.add_argument("--passes", type=int, help="runs of each system")
    parser.add_argument("--no-capacity", action="store_true", help="do not search for calls per core")
    parser.add_argument("--tool", action="store_true", help="turns that use a tool, in a quick run too")
    parser.add_argument("--server-cores", type=_cores, default=(0,))
    parser.add_argument("--harness-cores", type=_cores, default=(1,))
    parser.add_argument("--tts-cut", choices=["space", "eager"], default="space", help="see bench.vendors.stage")
    parser.add_argument("--aggregation", choices=["sentence", "token"], default="sentence", help="Pipecat's")
    ours = parser.add_argument_group("the product and its callers")
    ours.add_argument("--llm", choices=["compatible", "openai", "anthropic"], default="compatible")
    ours.add_argument("--audio", choices=["stream", "files"], default="stream", help="form of the answers' audio")
    ours.add_argument("--input", choices=["webm250", "pcm20"], default="webm250", help="what callers send")
    ours.add_argument("--stt-mode", choices=["batch", "streaming"], default="batch")
    ours.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE", help="a setting more")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    if options.systems:
        plan = replace(plan, systems=tuple(options.systems.split(",")))
    if options.levels:
        plan = replace(plan, levels=options.levels)
    if options.passes:
        plan = replace(plan, passes=options.passes)
    if options.no_capacity:
        plan = replace(plan, capacity_s=0.0)
    return replace(plan, tool=plan.tool or options.tool)


def main() -> None:
    """Measure, print the tables, and write them."""
    options = _options()
    plan = _plan(options)
    # a signal must not leave servers behind
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # it would stop all callers for 50 ms now and then
    gc.disable()
    # the vendors inherit it, the servers get cores of their own
    os.sched_setaffinity(0, options.harness_cores)
    path = OUTPUT / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}" / "comparison"
    path.parent.mkdir(parents=True)
    with running_vendors(path.parent, "--tts-cut", options.tts_cut) as vendors:
        bench = Bench(
            vendors=vendors,
            server_cores=options.server_cores,
            llm=options.llm,
            client=ConvonetClient(PIN, options.audio, options.stt_mode, options.input),
            settings=dict(options.set),
            aggregation=options.aggregation,
        )
        tables = Measurement(plan, bench, path).run().markdown()
    path.with_suffix(".md").write_text(tables + "\n")
    say(f"\n{tables}\n\nAll results: {path.with_suffix('.json')}")


if __name__ == "__main__":
    main()
