"""Cost of a server without calls."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.harness.meter import CoreSeconds, ProcessUse, ServerMeter


@dataclass(frozen=True, slots=True)
class IdleProcess:
    """One process of it."""

    pid: int
    name: str
    cpu_ms_per_s: float
    pss_mib: float


@dataclass(frozen=True, slots=True)
class Idle:
    """The whole server; `processes` are those that were there all the time."""

    seconds: float
    cpu_ms_per_s: float
    foreign_cpu: float
    pss_mib: float
    processes: list[IdleProcess]

    def __str__(self) -> str:
        return f"idle: {self.cpu_ms_per_s:.0f} ms/s, {self.pss_mib:.0f} MiB in {len(self.processes)} processes"


def measure_idle(mark: str, cores: tuple[int, ...], seconds: float) -> Idle:
    """Look at its processes for so long."""
    meter = ServerMeter(mark)
    before = {use.pid: use for use in meter.processes()}
    on_cores, cpu_s, began = CoreSeconds.of(cores), meter.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    cpu_s, on_cores = meter.cpu_seconds() - cpu_s, CoreSeconds.of(cores) - on_cores
    after = meter.processes()
    return Idle(
        seconds=round(elapsed, 1),
        cpu_ms_per_s=1e3 * cpu_s / elapsed,
        foreign_cpu=(on_cores.busy - cpu_s) / elapsed,
        pss_mib=sum(use.pss_mib for use in after),
        processes=[_idle(before[use.pid], use, elapsed) for use in after if use.pid in before],
    )


def _idle(before: ProcessUse, after: ProcessUse, elapsed: float) -> IdleProcess:
    return IdleProcess(after.pid, after.name, 1e3 * (after.cpu_s - before.cpu_s) / elapsed, after.pss_mib)
