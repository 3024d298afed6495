"""The rules of `attempt_limits` in Python, for `throttle_sqlite`.

`throttle_redis` does the same in Lua; one set of tests runs over both.
"""

from __future__ import annotations

import math
from bisect import insort
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
)
from convonet.core.errors import AuthThrottled


@dataclass(slots=True)
class Attempts:
    """One scope: the sorted times of its wrong PINs, and by session the times of attempts that are being checked."""

    failures: list[float] = field(default_factory=list)
    pending: dict[str, float] = field(default_factory=dict)

    def prune(self, now: float) -> None:
        """Drop expired attempts."""
        self.failures = [t for t in self.failures if t > now - WINDOW_S]
        self.pending = {s: t for s, t in self.pending.items() if t > now - RESERVATION_S}

    def wait(self, now: float, limit: int, *, at_once: int) -> float:
        """Return the seconds until this scope has room for one more attempt; `at_once` may be checked in parallel."""
        failed = len(self.failures)
        if failed >= limit:
            return self.failures[failed - limit] + WINDOW_S - now
        if failed and (due := self.failures[-1] + delay_after(failed) - now) > 0:
            return due
        room = 1 if failed >= FREE_FAILURES else min(at_once, limit - failed)
        return 0.0 if len(self.pending) < room else BRIEF_S

    @property
    def counts_until(self) -> float:
        """Time from which nothing in this scope counts any more."""
        failed = self.failures[-1] + WINDOW_S if self.failures else 0.0
        return max(failed, *(at + RESERVATION_S for at in self.pending.values()), 0.0)


@dataclass(slots=True)
class Lane(Attempts):
    """A share of the overall limit; under attack, `due` is the next slot's time, `holder` the last one's session."""

    due: float = 0.0
    holder: str = ""

    def wait_for_slot(self, now: float, limits: AttemptLimits, last_failure: float | None) -> float:
        """Return the seconds until this lane has room; `last_failure` is the address's latest wrong PIN."""
        if len(self.failures) < limits.fast:
            return 0.0 if len(self.failures) + len(self.pending) < limits.fast else BRIEF_S
        stand_back = last_failure + STAND_BACK_S - now if last_failure is not None else 0.0
        return max(stand_back, self.due - now, 0.0)

    def reserve(self, now: float, session_id: str, limits: AttemptLimits) -> None:
        """Reserve one attempt."""
        if len(self.failures) >= limits.fast:
            self.due = now + limits.gap_s
            self.holder = session_id
        self.pending[session_id] = now

    def release(self, now: float, session_id: str) -> None:
        """Free the slot of an attempt that was right."""
        if self.holder == session_id:
            self.due, self.holder = now, ""


@dataclass(slots=True)
class Scopes:
    """The scopes of one attempt: its connection, its address and both lanes."""

    session: Attempts = field(default_factory=Attempts)
    address: Attempts = field(default_factory=Attempts)
    strangers: Lane = field(default_factory=Lane)
    known: Lane = field(default_factory=Lane)
    let_in_at: float | None = None
    """Time of the address's last right PIN."""

    def check(self, session_id: str, now: float, limits: AttemptLimits) -> None:
        """Reserve one attempt. Raises `AuthThrottled` with the time to wait."""
        lane = self._prune(now)
        wait = max(
            self.session.wait(now, limits.session, at_once=1),
            self.address.wait(now, limits.address, at_once=limits.address),
            lane.wait_for_slot(now, limits, self.address.failures[-1] if self.address.failures else None),
        )
        if wait > 0:
            raise AuthThrottled(math.ceil(wait * 1000))
        self.session.pending[session_id] = self.address.pending[session_id] = now
        lane.reserve(now, session_id, limits)

    def failed(self, session_id: str, now: float) -> None:
        """Count a reserved attempt as a wrong PIN."""
        lane = self._prune(now)
        at = self._settle(session_id, now)
        for scope in (self.session, self.address, lane):
            insort(scope.failures, at)

    def succeeded(self, session_id: str, now: float) -> None:
        """Settle a reserved attempt as a right PIN."""
        self._prune(now)
        self._settle(session_id, now)
        for lane in (self.strangers, self.known):
            lane.release(now, session_id)
        self.session = Attempts()
        self.let_in_at = now

    def _prune(self, now: float) -> Lane:
        for scope in (self.session, self.address, self.strangers, self.known):
            scope.prune(now)
        is_known = self.let_in_at is not None and self.let_in_at > now - KNOWN_S
        return self.known if is_known else self.strangers

    def _settle(self, session_id: str, now: float) -> float:
        """Remove the reservation and return its time, which is when the attempt was made."""
        reserved = self.session.pending.get(session_id, now)
        for scope in (self.session, self.address, self.strangers, self.known):
            scope.pending.pop(session_id, None)
        return reserved
