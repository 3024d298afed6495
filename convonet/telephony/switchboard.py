"""The switchboard: decides which desk rings for which caller. It uses no clock, network or Ray.

A caller goes to the desk of their department that has been ready the longest. While none is ready, callers wait in the
order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from convonet.core.hand_over import DeskState, EndReason
from convonet.telephony.events import DeskAssigned, NoDeskFree

INITIAL_CALL_S = 180.0
"""Assumed length of a call before any has been measured."""

NEWEST_CALL_WEIGHT = 0.2
"""Weight of the newest call in the mean length of calls."""

NO_ANSWER = "no answer"
"""Reason shown for a desk that is set to not ready after an unanswered call, so that no other caller waits for it."""


FREE = frozenset({DeskState.READY, DeskState.NOT_READY, DeskState.WRAP_UP})
"""States that the person at the desk may leave at any time."""


class EarlierState(BaseModel):
    """State of a desk before it rang for a colleague."""

    state: DeskState
    reason: str = ""


class Desk(BaseModel):
    """A person who is logged in to take calls."""

    name: str
    """The account's username; events name the desk by it."""
    display_name: str
    """The name that callers see."""
    extension: str
    departments: tuple[str, ...]
    has_telephone: bool = True
    """Older releases let in nobody without one."""
    state: DeskState = DeskState.NOT_READY
    reason: str = ""
    """Why the desk is not ready, in the person's own words."""
    since: float
    """Start of the state, Unix time."""
    transfer_id: str = ""
    """The hand-over that rings or talks here."""
    before: EarlierState | None = None
    """What a desk that rings for a colleague's caller goes back to if it does not get them."""


class Assignment(NamedTuple):
    """A waiting caller whose turn it is, and the desk that is reserved for them."""

    transfer_id: str
    event: DeskAssigned


class WaitingCaller(BaseModel):
    """A caller in the queue."""

    transfer_id: str
    department: str
    without: tuple[str, ...] = ()
    """Desks that have been tried already."""


class Switchboard(BaseModel):
    """All desks and all waiting callers. It is saved after every change, so that it outlives its process."""

    desks: dict[str, Desk] = {}
    queue: list[WaitingCaller] = []
    mean_call_s: float = INITIAL_CALL_S

    # -- the desks

    def log_in(self, desk: Desk) -> Desk:
        """Add a desk, or find it as it was after the page was reloaded."""
        known = self.desks.setdefault(desk.name, desk)
        known.display_name, known.extension, known.departments = desk.display_name, desk.extension, desk.departments
        known.has_telephone = desk.has_telephone
        return known

    def log_out(self, name: str) -> str:
        """Remove a desk. Returns the id of the hand-over that rang or talked there, or an empty string."""
        desk = self.desks.pop(name, None)
        return desk.transfer_id if desk else ""

    def set_ready(self, name: str, now: float) -> Assignment | None:
        """Let the desk take calls again. Returns the assignment of a waiting caller to this desk, if there is one."""
        desk = self.desks.get(name)
        if desk is None or desk.state not in FREE:
            return None
        self._become(desk, DeskState.READY, now)
        return self._next_for(desk, now)

    def set_not_ready(self, name: str, reason: str, now: float) -> bool:
        """Let the desk take no more calls. Returns False during a call, which has to end first."""
        desk = self.desks.get(name)
        if desk is None or desk.state not in FREE:
            return False
        self._become(desk, DeskState.NOT_READY, now, reason)
        return True

    def set_talking(self, name: str, now: float) -> None:
        """Mark that the desk accepted the call that rang."""
        if (desk := self.desks.get(name)) and desk.state is DeskState.RINGING:
            before = desk.before
            self._become(desk, DeskState.ON_CALL, now, transfer_id=desk.transfer_id)
            desk.before = before

    def release_desk(self, name: str, transfer_id: str, why: EndReason, now: float) -> Assignment | None:
        """Free a desk from a hand-over. Returns the assignment of a waiting caller to it, if it is ready at once."""
        desk = self.desks.get(name)
        if desk is None or desk.transfer_id != transfer_id:
            return None
        if desk.state is DeskState.ON_CALL:
            self.mean_call_s += NEWEST_CALL_WEIGHT * (now - desk.since - self.mean_call_s)
            self._become(desk, DeskState.WRAP_UP, now)
            return None
        if why in (EndReason.NO_ANSWER, EndReason.UNREACHABLE, EndReason.VOICEMAIL):
            self._become(desk, DeskState.NOT_READY, now, NO_ANSWER)
            return None
        return self._restore_state(desk, now)

    def release_colleague(self, name: str, transfer_id: str, now: float, *, answered: bool) -> Assignment | None:
        """Free a desk that was asked by a colleague and did not get the caller. Returns as `release_desk`."""
        desk = self.desks.get(name)
        if desk is None or desk.transfer_id != transfer_id:
            return None
        if not answered:
            self._become(desk, DeskState.NOT_READY, now, NO_ANSWER)
            return None
        return self._restore_state(desk, now)

    def _restore_state(self, desk: Desk, now: float) -> Assignment | None:
        before = desk.before or EarlierState(state=DeskState.READY)
        self._become(desk, before.state, now, before.reason)
        return self._next_for(desk, now) if desk.state is DeskState.READY else None

    def free_desk_at(self, extension: str) -> str:
        """Return the name of the desk at this extension if it has no call, otherwise an empty string."""
        return next((d.name for d in self.desks.values() if d.extension == extension and d.state in FREE), "")

    def occupy(self, name: str, transfer_id: str, now: float, *, talking: bool) -> None:
        """Make the desk ring or talk for this hand-over, whatever its state was."""
        if (desk := self.desks.get(name)) is not None:
            state = DeskState.ON_CALL if talking else DeskState.RINGING
            if (desk.state, desk.transfer_id) != (state, transfer_id):
                before = EarlierState(state=desk.state, reason=desk.reason) if desk.state in FREE else desk.before
                self._become(desk, state, now, transfer_id=transfer_id)
                desk.before = before

    # -- the callers

    def find_desk(
        self, transfer_id: str, department: str, without: Sequence[str], now: float
    ) -> DeskAssigned | NoDeskFree:
        """Reserve a desk for this caller, or put them into the queue."""
        desks = self._desks_of(department, without)
        ready = [desk for desk in desks if desk.state is DeskState.READY]
        if ready or not desks:
            self.remove_caller(transfer_id)
        if ready:
            return self._ring(min(ready, key=lambda desk: desk.since), transfer_id, now)
        if not desks:
            return NoDeskFree(nobody_logged_in=True)
        if (waiting := self._waiting(transfer_id)) is None:
            self.queue.append(waiting := WaitingCaller(transfer_id=transfer_id, department=department))
        waiting.without = tuple(without)
        return NoDeskFree(nobody_working=all(desk.state is DeskState.NOT_READY for desk in desks))

    def position(self, transfer_id: str) -> int:
        """Return the place in the queue of the caller's department, from 1; 0 when they do not wait."""
        caller = self._waiting(transfer_id)
        if caller is None:
            return 0
        before = self.queue[: self.queue.index(caller)]
        return 1 + sum(waiting.department == caller.department for waiting in before)

    def waiting_in(self, department: str) -> int:
        """Return the number of callers who wait for this department."""
        return sum(waiting.department == department for waiting in self.queue)

    def expected_wait_s(self, transfer_id: str) -> float:
        """Estimate how long this caller still waits."""
        caller = self._waiting(transfer_id)
        if caller is None:
            return 0.0
        desks = self._desks_of(caller.department, caller.without)
        return self.mean_call_s * self.position(transfer_id) / max(1, len(desks))

    def remove_caller(self, transfer_id: str) -> None:
        """Take this caller out of the queue."""
        self.queue = [waiting for waiting in self.queue if waiting.transfer_id != transfer_id]

    def _next_for(self, desk: Desk, now: float) -> Assignment | None:
        for waiting in self.queue:
            if waiting.department in desk.departments and desk.name not in waiting.without:
                self.remove_caller(waiting.transfer_id)
                return Assignment(waiting.transfer_id, self._ring(desk, waiting.transfer_id, now))
        return None

    def _waiting(self, transfer_id: str) -> WaitingCaller | None:
        return next((waiting for waiting in self.queue if waiting.transfer_id == transfer_id), None)

    def _desks_of(self, department: str, without: Sequence[str]) -> list[Desk]:
        """Return the desks that may take this caller now or later; those that are not ready may come back."""
        return [d for d in self.desks.values() if department in d.departments and d.name not in without]

    def _ring(self, desk: Desk, transfer_id: str, now: float) -> DeskAssigned:
        self._become(desk, DeskState.RINGING, now, transfer_id=transfer_id)
        return DeskAssigned(desk=desk.name, extension=desk.extension)

    def _become(self, desk: Desk, state: DeskState, now: float, reason: str = "", transfer_id: str = "") -> None:
        desk.state, desk.since, desk.reason, desk.transfer_id, desk.before = state, now, reason, transfer_id, None
