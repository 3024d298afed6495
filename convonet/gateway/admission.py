"""Admission control: refuses new callers while this process is overloaded, so that calls in progress stay fast.

Each voice replica has one `Admission`, which the session registry asks. It considers three things:

* **sessions**: their number, against a setting. A tenth of the places is reserved for callers who return.
* **load**: how busy the cores are, the average lag of the event loop, and the wait of the oldest turn for its agent,
  each as a share of its limit. The largest counts. At 1, admission closes; it opens again below `REOPENS_BELOW`.
  Busy cores show first: the loop lags only when most turns are slow already. In a container with less than a core the
  same work waits longer, so less of it is enough.
* **new callers**: the cost of callers who have just logged in and not spoken yet can't be measured. So their number is
  limited. The limit is for a whole core, and shrinks with the load.

A refusal tells the caller when to retry. If another replica has room, that is soon; otherwise later with each
caller who was refused. Every caller gets a different time, so that they do not return together.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from convonet.core.errors import CapacityError
from convonet.gateway.cpu_share import CpuShare
from convonet.settings.limits import LimitSettings

log = structlog.get_logger(__name__)

MIN_SESSIONS = 4
"""Sessions that are admitted under any load, since even a slow machine can serve a few."""

RETURNING_SHARE = 0.1
"""Share of the places that is reserved for callers who return: those of a lost replica may come all at once."""

REOPENS_BELOW = 0.7
"""Load below which admission opens again, low enough that the next caller does not close it."""

RETURNING_LOAD = 3.0
"""A caller who returns would otherwise lose a call, and is admitted until the loop's lag or a turn's wait is this many
times its limit. Busy cores do not count: they are busy whenever a replica is lost and another one starts."""

NEW_CALLER_S = 8.0
"""Time for which a caller counts as new: from the login to the end of the first answer."""

AVERAGE_TIME_CONSTANT_S = 3.0
"""Time constant of both averages: a pause of half a second does not close admission, overload does within 1 s."""

LAG_CLIP = 4.0
"""Maximum of a single measurement of the loop's lag, in multiples of the limit."""

PROBE_INTERVAL_S = 0.097
"""A measurement costs about 15 us. Not a multiple of the 20 ms of audio frames, which would alias."""

CPU_INTERVAL_S = 1.0
"""Interval of CPU measurements; the system counts CPU time in steps of 10 ms."""

RETRIES_PER_S = 3.0
"""Retries that are scheduled per second, or per second and replica when others have room. Each refusal costs a
connection, about 4 ms of CPU."""

MIN_RETRY_ELSEWHERE_S = 0.2
"""Minimum delay when another replica has room: HAProxy sends the caller to the one with the fewest sockets."""

MIN_RETRY_S = 2.0
MAX_RETRY_S = 60.0
RETURNING_RETRY_S = 0.5
"""Retry delay of a caller who returns: a lost call should go on within 2 s."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The limits of one process."""

    sessions: int
    new_callers: int
    """New callers within `NEW_CALLER_S`."""
    loop_lag_s: float
    turn_wait_s: float
    cpu_share: float
    """Busy share of the cores; 1 means no limit."""

    @classmethod
    def of(cls, settings: LimitSettings) -> AdmissionLimits:
        """Read the limits from the settings."""
        return cls(
            sessions=settings.sessions_per_host,
            new_callers=settings.max_new_callers,
            loop_lag_s=settings.max_loop_lag_ms / 1000,
            turn_wait_s=settings.max_turn_wait_ms / 1000,
            cpu_share=settings.max_cpu_percent / 100,
        )


class Cpu(Protocol):
    """The cores of one process; `CpuShare` measures them."""

    @property
    def cores(self) -> float:
        """Number of cores that the process may use; less than 1 where a container's limit is."""
        ...

    def since_last(self) -> float:
        """Return the busy share of the cores since the last call, from 0 to 1."""
        ...


class Admission:
    """The places of one process. It belongs to one event loop, and every method takes microseconds."""

    def __init__(
        self,
        limits: AdmissionLimits,
        *,
        others_with_room: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        cpu: Cpu | None = None,
    ) -> None:
        """Create the admission control of this process.

        Args:
            limits: The limits of this process.
            others_with_room: Returns the number of other processes that would admit a new caller.
            clock: Returns monotonic seconds.
            jitter: Draws from [0, 1).
            cpu: The cores of this process.
        """
        self._limits = limits
        self._others_with_room = others_with_room
        self._clock = clock
        self._jitter = jitter
        self._probe = LoopLagProbe(self._note_lag)
        self._places: set[Place] = set()
        self._new_callers: dict[Place, float] = {}
        self._waiting: dict[object, float] = {}
        self._lag_s = 0.0
        self._cpu_share = 0.0
        self._cpu = cpu or CpuShare()
        self._cpu_read_at = -math.inf
        self._is_closed = False
        self._next_retry = -math.inf

    def admit(self, *, returning: bool) -> Place:
        """Admit a caller. The place must be released when the session leaves this process or is not created.

        Args:
            returning: Whether the caller resumes a session.

        Raises:
            CapacityError: There is no room; `retry_after_ms` tells when to retry.
        """
        reason = self._reason_against(returning=returning)
        if reason:
            raise CapacityError(reason, retry_after_ms=round(1000 * self._retry_after_s(returning=returning)))
        place = Place(self._release)
        self._places.add(place)
        self._new_callers[place] = self._clock()
        self._probe.start()
        return place

    @contextmanager
    def waiting(self) -> Generator[None, None, None]:
        """Wrap the time in which a turn waits for the agent's first event."""
        turn = object()
        self._waiting[turn] = self._clock()
        try:
            yield
        finally:
            del self._waiting[turn]

    @property
    def load(self) -> float:
        """The largest of the three loads, each as a share of its limit; 1 is overload."""
        return max(self._cpu_load, self._queue_load)

    @property
    def _cpu_load(self) -> float:
        # the wait for a core, and so the delay for a caller, grows with busy / (1 - busy); on a part of a core all
        # work, and so each wait for it, takes longer
        limit = self._limits.cpu_share
        return 0.0 if limit >= 1.0 else _wait_for(self._cpu_share) / _wait_for(limit) / self._part_of_core

    @property
    def _part_of_core(self) -> float:
        return min(1.0, self._cpu.cores)

    @property
    def _queue_load(self) -> float:
        oldest = next(iter(self._waiting.values()), None)
        wait_s = 0.0 if oldest is None else self._clock() - oldest
        return max(self._lag_s / self._limits.loop_lag_s, wait_s / self._limits.turn_wait_s)

    @property
    def has_room(self) -> bool:
        return not self._reason_against(returning=False)

    def gauges(self) -> Mapping[str, float]:
        """Return the gauges for the monitor."""
        gauges = {"sessions": len(self._places), "load": round(self.load, 3), "closed": self._is_closed}
        return {**gauges, "room": self.has_room}

    # -- the decision

    def _reason_against(self, *, returning: bool) -> str:
        sessions = len(self._places)
        if sessions >= self._limits.sessions:
            return "no place is left"
        load = self.load
        self._open_or_close(load)
        if returning:
            return "overload" if self._queue_load >= RETURNING_LOAD and sessions >= MIN_SESSIONS else ""
        if sessions >= self._limits.sessions - math.floor(RETURNING_SHARE * self._limits.sessions):
            return "the places that are left are for callers who return"
        if sessions < MIN_SESSIONS:
            return ""
        if self._is_closed:
            return "overload"
        room = self._limits.new_callers * self._part_of_core * (1.0 - load)
        return "too many new callers" if self._count_new_callers() >= room else ""

    def _open_or_close(self, load: float) -> None:
        is_closed = load >= (REOPENS_BELOW if self._is_closed else 1.0)
        if is_closed is not self._is_closed:
            self._is_closed = is_closed
            log.info(
                "admission_closed" if is_closed else "admission_opened", load=round(load, 2), sessions=len(self._places)
            )

    def _count_new_callers(self) -> int:
        new_since = self._clock() - NEW_CALLER_S
        while self._new_callers and next(iter(self._new_callers.values())) <= new_since:
            del self._new_callers[next(iter(self._new_callers))]
        return len(self._new_callers)

    def _retry_after_s(self, *, returning: bool) -> float:
        if returning:
            return RETURNING_RETRY_S * (1.0 + self._jitter())
        others = self._others_with_room()
        per_s = RETRIES_PER_S * max(1, others)
        soonest_s = MIN_RETRY_ELSEWHERE_S if others else MIN_RETRY_S
        wait_s = max(soonest_s, self._next_retry - self._clock())
        if wait_s > MAX_RETRY_S:
            return MAX_RETRY_S * (1.0 + self._jitter()) / 2
        self._next_retry = self._clock() + wait_s + 1 / per_s
        return wait_s + self._jitter() / per_s

    # -- measurements

    def _release(self, place: Place) -> None:
        self._places.discard(place)
        self._new_callers.pop(place, None)
        if not self._places:
            self._probe.stop()
            self._lag_s = self._cpu_share = 0.0
            self._cpu_read_at = -math.inf

    def _note_lag(self, late_s: float, over_s: float) -> None:
        """Add a lag of `late_s`, measured over `over_s`, to the average. Longer measurements weigh more."""
        late_s = min(late_s, LAG_CLIP * self._limits.loop_lag_s)
        self._lag_s += (late_s - self._lag_s) * -math.expm1(-over_s / AVERAGE_TIME_CONSTANT_S)
        self._note_cpu_share()
        self._open_or_close(self.load)

    def _note_cpu_share(self) -> None:
        now = self._clock()
        over_s = now - self._cpu_read_at
        if over_s < CPU_INTERVAL_S:
            return
        self._cpu_read_at = now
        share = self._cpu.since_last()
        if math.isfinite(over_s):
            # the first measurement covers the time before the first caller
            self._cpu_share += (share - self._cpu_share) * -math.expm1(-over_s / AVERAGE_TIME_CONSTANT_S)


def _wait_for(share: float) -> float:
    """Return the wait for cores with that busy share, in multiples of the work's own time."""
    return share / max(1e-3, 1.0 - share)


class Place:
    """The place of an admitted session."""

    def __init__(self, release: Callable[[Place], None]) -> None:
        self._release = release

    def release(self) -> None:
        """Release the place; a second call does nothing."""
        self._release(self)


class LoopLagProbe:
    """Measures repeatedly how late the event loop runs a callback that is due."""

    def __init__(self, note: Callable[[float, float], None]) -> None:
        """`note` is called with the lag and the time since the last measurement, in seconds."""
        self._note = note
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start measuring, unless it has started."""
        if self._timer is None:
            self._next()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + PROBE_INTERVAL_S
        self._timer = loop.call_at(due, self._measure, due)

    def _measure(self, due: float) -> None:
        late_s = max(0.0, asyncio.get_running_loop().time() - due)
        self._next()
        self._note(late_s, PROBE_INTERVAL_S + late_s)
