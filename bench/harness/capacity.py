"""Capacity of one core: the largest number of calls with which no turn fails and the added p95 stays within a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.harness.level import Load, Result

LIMIT_MS = 50.0
"""Limit of the added p95; a difference that is not audible."""
MAX_CALLS = 240
RESOLUTION = 0.08
"""The search ends when what breaks is so much more than what holds; finer is within the noise."""
PAUSE_S = 1.5

RunLoad = Callable[[Load], Result]


@dataclass(frozen=True, slots=True)
class Capacity:
    """`breaks_at` is None when the largest load that was tried still held."""

    holds: int
    breaks_at: int | None
    probes: list[Result] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.holds}" if self.breaks_at else f">= {self.holds}"


def find_capacity(run: RunLoad, *, first: int, seconds: float, pause_s: float = PAUSE_S) -> Capacity:
    """Double until it breaks, then halve the gap.

    Args:
        run: of a load; a result with suspicion counts like another, since the harness is never what makes it hold.
        first: calls to begin with.
        seconds: of each probe.
        pause_s: between two levels, for the server to come to rest.
    """
    holds, breaks_at, calls = 0, None, first
    probes: list[Result] = []
    while True:
        probe = run(Load(calls, seconds))
        probes.append(probe)
        if probe.is_clean and probe.added_ms.p95 <= LIMIT_MS:
            holds = max(holds, calls)
        else:
            breaks_at = calls
        if breaks_at is None and holds < MAX_CALLS:
            calls = min(2 * calls, MAX_CALLS)
        elif breaks_at is None or breaks_at - holds <= max(1, round(RESOLUTION * breaks_at)):
            return Capacity(holds, breaks_at, probes)
        else:
            calls = (holds + breaks_at) // 2
        time.sleep(pause_s)
