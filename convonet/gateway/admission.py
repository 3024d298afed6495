"""Who is let in: new callers only while this process can carry them, so that those who are in keep their latency.

One `Admission` for each voice replica. It weighs three things:

* **sessions**: how many the process holds, against a setting. A tenth of the places is for callers who come back.
* **load**: how busy the cores are, how late the event loop is on average, and how long the oldest turn has waited for
  its agent, each as a share of its limit; the largest counts. At 1 the door closes, and opens again below
  `REOPENS_BELOW`. Busy cores show first: the loop is late only when most turns are slow already.
* **new callers**: what those cost who came a moment ago and have not spoken yet can't be measured. Their number has a
  limit, and less of it is left the more load there is.

A refusal says when to come back: soon where another replica has room, and else later the more were refused. Each gets
a time of its own, so that the refused do not return together.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from convonet.core.errors import CapacityError
from convonet.gateway.cpu_share import CpuShare
from convonet.settings.limits import LimitSettings

log = structlog.get_logger(__name__)

MIN_SESSIONS = 4
"""Sessions that any load leaves room for: a machine that is slow by itself still answers a few."""

RETURNING_SHARE = 0.1
"""Share of the sessions that only callers who come back may use: another replica's may all come here at once."""

REOPENS_BELOW = 0.7
"""Load at which a closed door opens: far enough below 1 that it does not close again with the next caller."""

RETURNING_LOAD = 3.0
"""A caller who comes back has a call to lose, and is let in until the loop's lag, or a turn's wait, is so many times
its limit. Busy cores do not count: they are busy whenever a replica is lost and another one starts."""

NEW_CALLER_S = 8.0
"""From a caller's login to the end of their first answer."""

AVERAGE_TIME_CONSTANT_S = 3.0
"""Time constant of both averages: one pause of half a second closes no door, overload does within a second."""

LAG_CLIP = 4.0
"""A single look at the loop counts as at most so many times the limit."""

PROBE_INTERVAL_S = 0.097
"""A look costs about 15 us. No multiple of the 20 ms in which audio comes, or it would always see the same moment."""

CPU_INTERVAL_S = 1.0
"""The system counts a core's time in steps of 10 ms."""

RETRIES_PER_S = 3.0
"""Refused callers who are asked back in each second, or so many for each other replica that would take one. A refusal
costs a connection, about 4 ms of CPU."""

MIN_RETRY_ELSEWHERE_S = 0.2
"""Where another replica has room they are asked back as soon as this: HAProxy sends them to the one with the fewest
sockets."""

MIN_RETRY_S = 2.0
MAX_RETRY_S = 60.0
RETURNING_RETRY_S = 0.5
"""A lost call should go on within 2 s."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """What one process may carry."""

    sessions: int
    new_callers: int
    """Within `NEW_CALLER_S`."""
    loop_lag_s: float
    turn_wait_s: float
    cpu_share: float
    """Of the cores; at 1 it does not count."""

    @classmethod
    def of(cls, settings: LimitSettings) -> AdmissionLimits:
        """As the operator has set them."""
        return cls(
            sessions=settings.sessions_per_host,
            new_callers=settings.max_new_callers,
            loop_lag_s=settings.max_loop_lag_ms / 1000,
            turn_wait_s=settings.max_turn_wait_ms / 1000,
            cpu_share=settings.max_cpu_percent / 100,
        )


class Admission:
    """The places of one process. It belongs to one event loop; every method takes microseconds."""

    def __init__(
        self,
        limits: AdmissionLimits,
        *,
        others_with_room: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        cpu_share: Callable[[], float] | None = None,
    ) -> None:
        """See the module's comment.

        Args:
            limits: What this process may carry.
            others_with_room: Tells how many other processes would take a new caller.
            clock: Tells monotonic seconds.
            jitter: Draws from [0, 1).
            cpu_share: Tells how busy the cores were since it was asked last.
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
        self._read_cpu_share = cpu_share or CpuShare().since_last
        self._cpu_read_at = -math.inf
        self._is_closed = False
        self._next_retry = -math.inf

    def admit(self, *, returning: bool) -> Place:
        """Give a caller a place, to be released when the session has left this process or did not come about.

        Args:
            returning: Whether the caller takes up a session again.

        Raises:
            CapacityError: There is no room; `retry_after_ms` says when to come back.
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
        """Around the time in which a turn waits for a process of ours to begin with it."""
        turn = object()
        self._waiting[turn] = self._clock()
        try:
            yield
        finally:
            del self._waiting[turn]

    @property
    def load(self) -> float:
        """The share of its limit that the cores, the event loop or the oldest wait has reached; 1 is overload."""
        return max(self._cpu_load, self._queue_load)

    @property
    def _cpu_load(self) -> float:
        # how long work waits for a core grows with busy / (1 - busy), and so does what a caller hears of it
        limit = self._limits.cpu_share
        return 0.0 if limit >= 1.0 else _wait_for(self._cpu_share) / _wait_for(limit)

    @property
    def _queue_load(self) -> float:
        oldest = next(iter(self._waiting.values()), None)
        wait_s = 0.0 if oldest is None else self._clock() - oldest
        return max(self._lag_s / self._limits.loop_lag_s, wait_s / self._limits.turn_wait_s)

    @property
    def has_room(self) -> bool:
        """Whether a new caller would be let in."""
        return not self._reason_against(returning=False)

    def gauges(self) -> Mapping[str, float]:
        """How full it is."""
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
            return "the places that are left are for callers who come back"
        if sessions < MIN_SESSIONS:
            return ""
        if self._is_closed:
            return "overload"
        room = self._limits.new_callers * (1.0 - load)
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

    # -- what changes it

    def _release(self, place: Place) -> None:
        self._places.discard(place)
        self._new_callers.pop(place, None)
        if not self._places:
            self._probe.stop()
            self._lag_s = self._cpu_share = 0.0
            self._cpu_read_at = -math.inf

    def _note_lag(self, late_s: float, over_s: float) -> None:
        """The loop was so late after that time; the longer the time, the more it counts."""
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
        share = self._read_cpu_share()
        if math.isfinite(over_s):
            # the first look tells of the time in which nobody was here
            self._cpu_share += (share - self._cpu_share) * -math.expm1(-over_s / AVERAGE_TIME_CONSTANT_S)


def _wait_for(share: float) -> float:
    """How long work waits for cores that are busy for that share of the time, in parts of the time that it takes."""
    return share / max(1e-3, 1.0 - share)


class Place:
    """What an admitted session holds."""

    def __init__(self, release: Callable[[Place], None]) -> None:
        self._release = release

    def release(self) -> None:
        """Give it back; twice is once."""
        self._release(self)


class LoopLagProbe:
    """Looks again and again how late the event loop is, as a callback that was due would find it."""

    def __init__(self, note: Callable[[float, float], None]) -> None:
        """`note` is told how late, and the time since the last look, in seconds."""
        self._note = note
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, if it has not."""
        if self._timer is None:
            self._next()

    def stop(self) -> None:
        """Cost nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + PROBE_INTERVAL_S
        self._timer = loop.call_at(due, self._look, due)

    def _look(self, due: float) -> None:
        late_s = max(0.0, asyncio.get_running_loop().time() - due)
        self._next()
        self._note(late_s, PROBE_INTERVAL_S + late_s)
