"""The busy share of the cores that this process may use: shows overload to `Admission` before the event loop lags."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from convonet.gateway.cpu_quota import CpuQuota, QuotaReading

_STAT = Path("/proc/stat")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)
"""Idle, and idle while waiting for a disk (man 5 proc)."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    own_s: float
    idle_s: float
    quota: QuotaReading | None


class CpuShare:
    """Measures the busy share of CPU time, from 0 to 1.

    It is the largest of three shares: that of all processes on the cores in this process's affinity, that of this
    process on one core, since its event loop can use only one, and that of the container on its CPU limit, if it has
    one. Without /proc/stat, as on macOS, only the second counts.
    """

    def __init__(self, stat: Path = _STAT, quota: CpuQuota | None = None) -> None:
        self._stat = stat
        self._quota = quota or CpuQuota()
        self._cores = sorted(os.sched_getaffinity(0)) if stat.exists() else []
        self._last = self._read()

    @property
    def cores(self) -> float:
        """Number of cores that this process may use, within its container's CPU limit."""
        quota = self._last.quota
        return max(1, len(self._cores)) if quota is None else quota.cores

    def since_last(self) -> float:
        """Return the share since the last call. This takes 40 us."""
        previous, self._last = self._last, self._read()
        elapsed = self._last.at - previous.at
        if elapsed <= 0:
            return 0.0
        shares = [(self._last.own_s - previous.own_s) / elapsed]
        if self._cores:
            shares.append(1.0 - (self._last.idle_s - previous.idle_s) / (elapsed * len(self._cores)))
        if previous.quota is not None and self._last.quota is not None:
            shares.append((self._last.quota.used_s - previous.quota.used_s) / (elapsed * self._last.quota.cores))
        return min(1.0, max(shares))

    def _read(self) -> _Reading:
        return _Reading(time.monotonic(), time.process_time(), self._idle_s(), self._quota.read())

    def _idle_s(self) -> float:
        if not self._cores:
            return 0.0
        names = {f"cpu{core}" for core in self._cores}
        lines = [line.split() for line in self._stat.read_text().splitlines() if line.startswith("cpu")]
        return (
            sum(float(line[1 + field]) for line in lines if line[0] in names for field in _IDLE_FIELDS) / _TICKS_PER_S
        )
