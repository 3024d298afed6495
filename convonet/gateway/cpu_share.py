"""How busy the cores are that this process may use: what `Admission` goes by before the event loop is late."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)
"""Idle, and idle while a disk is waited for (man 5 proc)."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    own_s: float
    idle_s: float


class CpuShare:
    """The share of CPU time in use since the last look, from 0 to 1.

    It is the larger one of two: that of all processes on the cores in this process's affinity, and that of this process
    on one core, since its event loop has no more than one. Where the system does not tell about cores, as macOS, the
    second counts alone. The limit of a container does not show here; it shows in the event loop's lag.
    """

    def __init__(self) -> None:
        self._cores = sorted(os.sched_getaffinity(0)) if _STAT.exists() else []
        self._then = self._read()

    def since_last(self) -> float:
        """Look: 20 us."""
        then, self._then = self._then, self._read()
        elapsed = self._then.at - then.at
        if elapsed <= 0:
            return 0.0
        own = (self._then.own_s - then.own_s) / elapsed
        if not self._cores:
            return min(1.0, own)
        idle = (self._then.idle_s - then.idle_s) / (elapsed * len(self._cores))
        return min(1.0, max(own, 1.0 - idle))

    def _read(self) -> _Reading:
        return _Reading(time.monotonic(), time.process_time(), self._idle_s())

    def _idle_s(self) -> float:
        if not self._cores:
            return 0.0
        names = {f"cpu{core}" for core in self._cores}
        lines = [line.split() for line in _STAT.read_text().splitlines() if line.startswith("cpu")]
        return (
            sum(float(line[1 + field]) for line in lines if line[0] in names for field in _IDLE_FIELDS) / _TICKS_PER_S
        )
