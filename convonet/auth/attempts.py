"""The ledger of PIN attempts of one process: applies the rules of `attempt_limits` in memory.

`throttle_redis` does the same in Lua; one set of tests runs over both.
"""

from __future__ import annotations

import math
import time
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from convonet.auth.attempt_limits import (
    BRIEF_S,
    FREE_FAILURES,
    KNOWN_S,
    RESERVATION_S,
    STAND_BACK_S,
    WINDOW_S,
    AttemptLimits,
    delay_after,
    network_of,
)
from convonet.errors import AuthThrottled

MAX_RECORDS = 20_000
"""Upper bound of each table, about 1 kB an entry; the least recently used entries go first."""


@dataclass(slots=True)
class _Attempts:
    """Times of wrong PINs (sorted), and of attempts being checked by session."""

    failures: list[float] = field(default_factory=list)
    pending: dict[str, float] = field(default_factory=dict)

    def prune(self, now: float) -> None:
        self.failures = [t for t in self.failures if t > now - WINDOW_S]
        self.pending = {s: t for s, t in self.pending.items() if t > now - RESERVATION_S}

    def wait(self, now: float, limit: int, *, at_once: int) -> float:
        """Seconds until this scope has room for one more attempt; `at_once` may be checked in parallel."""
        failed = len(self.failures)
        if failed >= limit:
            return self.failures[failed - limit] + WINDOW_S - now
        if failed and (due := self.failures[-1] + delay_after(failed) - now) > 0:
            return due
        room = 1 if failed >= FREE_FAILURES else min(at_once, limit - failed)
        return 0.0 if len(self.pending) < room else BRIEF_S

    @property
    def is_empty(self) -> bool:
        return not self.failures and not self.pending


@dataclass(slots=True)
class _Lane(_Attempts):
    """A share of the over-all limit; under attack, `due` is the next slot's time and `holder` took the last one."""

    due: float = 0.0
    holder: str = ""

    def wait_for_slot(self, now: float, limits: AttemptLimits, last_failure: float | None) -> float:
        if len(self.failures) < limits.fast:
            return 0.0 if len(self.failures) + len(self.pending) < limits.fast else BRIEF_S
        stand_back = last_failure + STAND_BACK_S - now if last_failure is not None else 0.0
        return max(stand_back, self.due - now, 0.0)

    def take(self, now: float, session_id: str, limits: AttemptLimits) -> None:
        if len(self.failures) >= limits.fast:
            self.due = now + limits.gap_s
            self.holder = session_id
        self.pending[session_id] = now


class AttemptLedger:
    """Attempts of all callers, in memory. Every method takes microseconds; it belongs to one event loop."""

    def __init__(self, limits: AttemptLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._sessions: OrderedDict[str, _Attempts] = OrderedDict()
        self._addresses: OrderedDict[str, _Attempts] = OrderedDict()
        self._known: OrderedDict[str, float] = OrderedDict()
        self._lanes = {True: _Lane(), False: _Lane()}

    @property
    def size(self) -> int:
        """Entries kept."""
        return len(self._sessions) + len(self._addresses) + len(self._known)

    def check(self, session_id: str, address: str) -> None:
        """Reserve one attempt. Raises `AuthThrottled` with the time after which it may be tried again."""
        now, network = self._clock(), network_of(address)
        session = _current(self._sessions, session_id, now)
        origin = _current(self._addresses, network, now)
        lane = self._lane(network, now)
        wait = max(
            session.wait(now, self._limits.session, at_once=1),
            origin.wait(now, self._limits.address, at_once=self._limits.address),
            lane.wait_for_slot(now, self._limits, origin.failures[-1] if origin.failures else None),
        )
        if wait > 0:
            raise AuthThrottled(math.ceil(wait * 1000))
        session.pending[session_id] = origin.pending[session_id] = now
        lane.take(now, session_id, self._limits)
        _keep(self._sessions, session_id, session, now)
        _keep(self._addresses, network, origin, now)

    def failed(self, session_id: str, address: str) -> None:
        """The attempt that `check` let through was a wrong PIN."""
        now, network = self._clock(), network_of(address)
        session = _current(self._sessions, session_id, now)
        origin = _current(self._addresses, network, now)
        lane = self._lane(network, now)
        at = self._settle(session_id, session, origin, now)
        for scope in (session, origin, lane):
            insort(scope.failures, at)
        _keep(self._sessions, session_id, session, now)
        _keep(self._addresses, network, origin, now)

    def succeeded(self, session_id: str, address: str) -> None:
        """The attempt that `check` let through was a right PIN."""
        now, network = self._clock(), network_of(address)
        origin = _current(self._addresses, network, now)
        for lane in self._lanes.values():
            if lane.holder == session_id:
                lane.due, lane.holder = now, ""
        self._settle(session_id, _current(self._sessions, session_id, now), origin, now)
        self._sessions.pop(session_id, None)
        if origin.is_empty:
            self._addresses.pop(network, None)
        self._known[network] = now
        self._known.move_to_end(network)
        if len(self._known) > MAX_RECORDS:
            self._known.popitem(last=False)

    def _settle(self, session_id: str, session: _Attempts, origin: _Attempts, now: float) -> float:
        """Take the reservation back; returns its time, which is when the attempt was made."""
        reserved = session.pending.pop(session_id, now)
        for scope in (origin, *self._lanes.values()):
            scope.pending.pop(session_id, None)
        return reserved

    def _lane(self, network: str, now: float) -> _Lane:
        let_in = self._known.get(network)
        lane = self._lanes[let_in is not None and let_in > now - KNOWN_S]
        lane.prune(now)
        return lane


def _current(table: OrderedDict[str, _Attempts], key: str, now: float) -> _Attempts:
    """The entry as of now; one that is not there is not put there."""
    attempts = table.get(key) or _Attempts()
    attempts.prune(now)
    return attempts


def _keep(table: OrderedDict[str, _Attempts], key: str, attempts: _Attempts, now: float) -> None:
    table[key] = attempts
    table.move_to_end(key)
    for _ in range(2):  # two leave for each that comes, so the table shrinks to what one window holds
        oldest = next(iter(table))
        table[oldest].prune(now)
        if not table[oldest].is_empty and len(table) <= MAX_RECORDS:
            break
        del table[oldest]
