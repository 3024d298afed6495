"""The busy share of the cores that this process may use: shows overload to `Admission` before the event loop lags."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)
"""Idle, and idle while waiting for a disk (man 5 proc)."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    own_s: float
    idle_s: float


class CpuShare:
    """Measures the busy share of CPU time, from 0 to 1.

    It is the larger of two shares: that of all processes on the cores in this process's affinity, and that of this
    process on one core, since its event loop can use only one. Without /proc/stat, as on macOS, only the second counts.
    A container's CPU limit is not visible here; it shows in the event loop's lag.
    """

    def __init__(self, stat: Path = _STAT) -> None:
        self._stat = stat
        self._cores = sorted(os.sched_getaffinity(0)) if stat.exists() else []
        self._last = self._read()

    def since_last(self) -> float:
        """Return the share since the last call. This takes 20 us."""
        previous, self._last = self._last, self._read()
        elapsed = self._last.at - previous.at
        if elapsed <= 0:
            return 0.0
        own = (self._last.own_s - previous.own_s) / elapsed
        if not self._cores:
            return min(1.0, own)
        idle = (self._last.idle_s - previous.idle_s) / (elapsed * len(self._cores))
        return min(1.0, max(own, 1.0 - idle))

    def _read(self) -> _Reading:
        return _Reading(time.monotonic(), time.process_time(), self._idle_s())

    def _idle_s(self) -> float:
        if not self._cores:
            return 0.0
        names = {f"cpu{core}" for core in self._cores}
        lines = [line.split() for line in self._stat.read_text().splitlines() if line.startswith("cpu")]
        return (
            sum(float(line[1 + field]) for line in lines if line[0] in names for field in _IDLE_FIELDS) / _TICKS_PER_S
        )
