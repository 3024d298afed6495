"""Timers good to about 0.1 ms, for the vendors and the callers, and how late their event loop runs.

asyncio and uvloop round timers to whole milliseconds. Four such waits in one turn would add 2 to 4 ms that belong to
the harness and not to the server under test. A Linux timerfd, armed for the earliest deadline, avoids that.
"""

from __future__ import annotations

import asyncio
import ctypes
import heapq
import itertools
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
TFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
"""The three are from <sys/timerfd.h>; Python 3.11 has no binding of its own."""

PROBE_PERIOD_S = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


class _TimerSpec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")]


class Clock:
    """Deadlines on `time.monotonic()`. Made inside the running loop, closed before it ends."""

    def __init__(self) -> None:
        self._fd: int = _libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._spec = _TimerSpec(0, 0, 0, 0)
        self._loop.add_reader(self._fd, self._wake)

    async def until(self, deadline: float) -> None:
        """Return at the deadline, never before; at once when it has passed."""
        if deadline <= time.monotonic():
            return
        future = self._loop.create_future()
        heapq.heappush(self._waiting, (deadline, next(self._order), future))
        if self._waiting[0][2] is future:
            self._arm(deadline)
        await future

    def close(self) -> None:
        """Give the timer back."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _arm(self, deadline: float) -> None:
        self._spec.value_s = int(deadline)
        self._spec.value_ns = int((deadline - int(deadline)) * 1e9) + 1
        _libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, ctypes.byref(self._spec), None)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._fd, 8)
        now = time.monotonic()
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][2].done()):
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
        if self._waiting:
            self._arm(self._waiting[0][0])


class LagProbe:
    """Lag of this process's own event loop: a harness that is late itself can't measure a server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.late_ms: list[float] = []

    async def run(self) -> None:
        """Note the lateness fifty times a second, until cancelled."""
        due = time.monotonic()
        while True:
            due = max(due + PROBE_PERIOD_S, time.monotonic())
            await self._clock.until(due)
            self.late_ms.append((time.monotonic() - due) * 1e3)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of a set of milliseconds; nearest rank, so that no value is invented. All NaN for an empty set."""

    n: int
    mean: float
    p50: float
    p95: float
    p99: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quantiles:
        """Compute the quantiles of the values."""
        if not values:
            nan = float("nan")
            return cls(0, nan, nan, nan, nan, nan)
        ordered = sorted(values)
        mean = sum(ordered) / len(ordered)
        p50, p95, p99 = (_at(ordered, per_mille) for per_mille in (500, 950, 990))
        return cls(len(ordered), round(mean, 2), p50, p95, p99, round(ordered[-1], 2))


def _at(ordered: Sequence[float], per_mille: int) -> float:
    rank = -(-per_mille * len(ordered) // 1000)
    return round(ordered[max(0, rank - 1)], 2)
