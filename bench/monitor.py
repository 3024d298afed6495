"""Cost of the Agent Monitor: 200 live calls, 100,000 stored turns, and a page that shows them.

    .venv/bin/python -m bench.monitor --calls 200 --turns 100000

Starts the product on a folder with so many turns. A process that joins its Ray cluster plays two voice replicas: it
reports that many calls, each with a turn every ten seconds, through the product's own reporter, as voice replicas do;
another one has the same calls and reports nothing. The cost of reports of components without calls is measured in the
same way. Measured are the CPU time of the processes, the answers to lists and searches, and in Chromium the page's main
thread.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

from bench.harness.meter import process_cpu_seconds
from bench.monitor_load import synthetic_turn
from convonet.monitor.turn_index import TurnIndex
from deployments.launch.processes import ray_address
from deployments.launch.product import LOCAL_RAY, LOOPBACK_NODE, ray_env
from tests.e2e.product import PIN, Product

WEEK_S = 6.5 * 86_400
BATCH = 500
SETTLE_S = 10.0
ROUNDS = 3


async def fill(folder: Path, turns: int) -> float:
    """Write so many turns of the last days; returns the seconds it took."""
    index = TurnIndex(folder / "turns.db")
    await index.open()
    begun = time.perf_counter()
    for first in range(0, turns, BATCH):
        records = [
            synthetic_turn(f"s-{uuid.uuid4().hex}", time.time() - random.uniform(3600, WEEK_S)) for _ in range(BATCH)
        ]
        await index.write(records[: turns - first])
    took = time.perf_counter() - begun
    await index.close()
    return took


def lists(product: Product, cookie: str) -> None:
    """Time the answers to a supervisor's questions."""
    questions = {
        "first list": {},
        "search for a word in every tenth turn": {"text": "copay"},
        "search for a word that nobody said": {"text": "zeppelin"},
        "failed, by one provider": {"status": "failed", "provider": "anthropic"},
        "slower than 3 s": {"slow_ms": "3000"},
    }
    print("| question | ms p50 | worst of 20 |")
    print("| --- | --- | --- |")
    with httpx.Client(base_url=product.url, cookies={"convonet_staff": cookie}) as client:
        for name, query in questions.items():
            times = []
            for _ in range(20):
                begun = time.perf_counter()
                client.get("/agent-monitor/api/turns", params=query).raise_for_status()
                times.append(1000 * (time.perf_counter() - begun))
            print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} |")


def page(product: Product, seconds: float, load: Load) -> str:
    """Measure the page while it shows everything; returns the login cookie."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        shown = context.new_page()
        shown.goto(product.staff_link())
        shown.goto(f"{product.url}/agent-monitor/")
        shown.locator("[data-session]").nth(3).click()
        shown.wait_for_timeout(1000 * SETTLE_S)
        devtools = context.new_cdp_session(shown)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        busy = _busy_s(devtools)
        load.measure("with a page", seconds, lambda of: shown.wait_for_timeout(1000 * of))
        busy = _busy_s(devtools) - busy
        print(f"the page: {1000 * busy / (ROUNDS * seconds):.0f} ms of main-thread work a second")
        cookie = next(c["value"] for c in context.cookies() if c["name"] == "convonet_staff")
        browser.close()
    return cookie


def _busy_s(devtools: object) -> float:
    metrics = devtools.send("Performance.getMetrics")["metrics"]  # type: ignore[attr-defined]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def main() -> None:
    """Fill, start, measure, print, stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        took = asyncio.run(fill(Path(folder), arguments.turns))
        size = (Path(folder) / "turns.db").stat().st_size / 1e6
        print(f"{arguments.turns} turns: {size:.0f} MB, written at {1e6 * took / arguments.turns:.0f} us each")
        product = Product(Path(folder), VOICE_PIN=PIN)
        product.start()
        try:
            measure(product, arguments.calls, arguments.seconds)
        finally:
            product.stop()


def measure(product: Product, calls: int, seconds: float) -> None:
    """The monitor idle, with calls, and with a page; then its lists."""
    monitor = next(iter(product.replicas("Monitor").values()))
    print("CPU time in ms a second; middle of", ROUNDS, "times", seconds, "s")
    time.sleep(SETTLE_S)
    idle = statistics.median(_spent([monitor], seconds, time.sleep)[0] for _ in range(ROUNDS))
    print(f"the monitor without calls: {idle:.1f}")
    with processes_of(product, "parts", "untold") as silent, processes_of(product, "parts") as reporting:
        rounds = [_spent([reporting.pid, silent.pid], seconds, time.sleep) for _ in range(ROUNDS)]
        parts = statistics.median(a - b for a, b in rounds)
    print(f"the reports of the components without calls: {parts:.1f} of their own")
    with processes_of(product, str(calls), "untold") as silent, processes_of(product, str(calls)) as reporting:
        load = Load(monitor, reporting.pid, silent.pid, idle, parts)
        load.measure("without a page", seconds, time.sleep)
        lists(product, page(product, seconds, load))


@dataclass(frozen=True)
class Load:
    """Pids of the monitor, of the simulated replicas that report, and of those that don't."""

    monitor: int
    reporting: int
    silent: int
    idle: float
    parts: float
    """Cost of the reports of the other components."""

    def measure(self, name: str, seconds: float, wait: Callable[[float], None]) -> None:
        """Print the CPU time of the processes, measured side by side since the machine's speed changes."""
        pids = [self.monitor, self.reporting, self.silent]
        rounds = [_spent(pids, seconds, wait) for _ in range(ROUNDS)]
        monitor, reporting, silent = (statistics.median(column) for column in zip(*rounds, strict=True))
        of_all = statistics.median(a + b - c for a, b, c in rounds) + self.parts
        print(
            f"{name}: the monitor {monitor:.1f} ({monitor - self.idle:.1f} by the calls), "
            f"the replicas {reporting:.1f}, without reports {silent:.1f}: {of_all:.1f} altogether"
        )


@contextmanager
def processes_of(product: Product, *what: str) -> Generator[subprocess.Popen[str], None, None]:
    """Start the reporting process; see `bench.monitor_load`."""
    load = subprocess.Popen(
        [sys.executable, "-m", "bench.monitor_load", str(ray_address(product.pid)), *what],
        # so that its calls cost as much as those of a voice replica
        env={**product.environment, **ray_env(), **LOCAL_RAY, **LOOPBACK_NODE},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert load.stdout is not None
        print(load.stdout.readline().strip())
        time.sleep(SETTLE_S)
        yield load
    finally:
        load.terminate()
        load.wait()


def _spent(pids: list[int], seconds: float, wait: Callable[[float], None]) -> list[float]:
    """Return the milliseconds of CPU per second of each process from now on."""
    before = [process_cpu_seconds(pid) for pid in pids]
    wait(seconds)
    return [1000 * (process_cpu_seconds(pid) - at) / seconds for pid, at in zip(pids, before, strict=True)]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
