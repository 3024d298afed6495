"""Who rings: the desks, what each is doing, and the callers who wait. It knows no clock, no network and no Ray.

A caller goes to the desk of their department that has been ready for longest; when none is ready they wait in the order
in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from convonet.core.hand_over import DeskState, EndReason
from convonet.telephony.state_machine import DeskAssigned, NoDeskFree

INITIAL_CALL_S = 180.0
"""How long a call is taken to last before any was seen."""

NEWEST_CALL_WEIGHT = 0.2
"""Weight of the newest call in the mean length of calls."""

NO_ANSWER = "no answer"
"""Why a desk is not ready that let a call ring: the next caller must not wait for it as well."""


FREE = frozenset({DeskState.READY, DeskState.NOT_READY, DeskState.WRAP_UP})
"""States that the person at the desk may leave as they like."""


class Desk(BaseModel):
    """A person with a telephone who is logged in."""

    name: str
    """The account's name; also who is meant in events."""
    display_name: str
    """How callers see the person."""
    extension: str
    departments: tuple[str, ...]
    state: DeskState = DeskState.NOT_READY
    reason: str = ""
    """Why it is not ready, as the person said."""
    since: float
    """When the state began."""
    transfer_id: str = ""
    """The hand-over that rings here or is talked of."""


class WaitingCaller(BaseModel):
    """A caller in the queue."""

    transfer_id: str
    department: str
    without: tuple[str, ...] = ()
    """Desks that did not take this caller."""


class Match(BaseModel):
    """A waiting caller for whom a desk is free now."""

    transfer_id: str
    event: DeskAssigned


class Switchboard(BaseModel):
    """All desks and all waiting callers. All of it is kept, so that it outlives its process."""

    desks: dict[str, Desk] = {}
    queue: list[WaitingCaller] = []
    mean_call_s: float = INITIAL_CALL_S

    # -- the desks

    def log_in(self, desk: Desk) -> Desk:
        """A person is at their desk; who reloads the page finds it as it was."""
        known = self.desks.setdefault(desk.name, desk)
        known.display_name, known.extension, known.departments = desk.display_name, desk.extension, desk.departments
        return known

    def log_out(self, name: str) -> str:
        """The person is gone; returns the hand-over that was ringing or talked of there, if any."""
        desk = self.desks.pop(name, None)
        return desk.transfer_id if desk else ""

    def be_ready(self, name: str, now: float) -> Match | None:
        """The person takes calls again; returns the caller who has waited for it."""
        desk = self.desks.get(name)
        if desk is None or desk.state not in FREE:
            return None
        self._become(desk, DeskState.READY, now)
        return self._next_for(desk, now)

    def be_not_ready(self, name: str, reason: str, now: float) -> bool:
        """The person takes no calls; False when one is at work, which has to end first."""
        desk = self.desks.get(name)
        if desk is None or desk.state not in FREE:
            return False
        self._become(desk, DeskState.NOT_READY, now, reason)
        return True

    def talking(self, name: str, now: float) -> None:
        """The desk has accepted the call that rang."""
        if (desk := self.desks.get(name)) and desk.state is DeskState.RINGING:
            self._become(desk, DeskState.ON_CALL, now, transfer_id=desk.transfer_id)

    def release(self, name: str, transfer_id: str, why: EndReason, now: float) -> Match | None:
        """The desk is done with this hand-over; returns a waiting caller whom it may take at once."""
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
        self._become(desk, DeskState.READY, now)
        return self._next_for(desk, now)

    def free_at(self, extension: str) -> str:
        """Who is at this extension and on no call of ours; empty when nobody is."""
        return next((d.name for d in self.desks.values() if d.extension == extension and d.state in FREE), "")

    def take_back(self, name: str, transfer_id: str, now: float, *, talking: bool) -> None:
        """The desk rings or talks for this hand-over, whatever was noted of it."""
        if (desk := self.desks.get(name)) is not None:
            state = DeskState.ON_CALL if talking else DeskState.RINGING
            if (desk.state, desk.transfer_id) != (state, transfer_id):
                self._become(desk, state, now, transfer_id=transfer_id)

    # -- the callers

    def find(self, transfer_id: str, department: str, without: Sequence[str], now: float) -> DeskAssigned | NoDeskFree:
        """A desk for this caller, who waits when there is none."""
        desks = self._of(department, without)
        ready = [desk for desk in desks if desk.state is DeskState.READY]
        if ready or not desks:
            self.forget(transfer_id)
        if ready:
            return self._ring(min(ready, key=lambda desk: desk.since), transfer_id, now)
        if not desks:
            return NoDeskFree(position=0, hopeless=True)
        if not self.position(transfer_id):
            self.queue.append(WaitingCaller(transfer_id=transfer_id, department=department))
        for waiting in self.queue:
            if waiting.transfer_id == transfer_id:
                waiting.without = tuple(without)
        absent = all(desk.state is DeskState.NOT_READY for desk in desks)
        return NoDeskFree(position=self.position(transfer_id), absent=absent)

    def position(self, transfer_id: str) -> int:
        """Which one in the queue of its department this caller is, from 1; 0 when they do not wait."""
        one = next((waiting for waiting in self.queue if waiting.transfer_id == transfer_id), None)
        if one is None:
            return 0
        before = self.queue[: self.queue.index(one)]
        return 1 + sum(waiting.department == one.department for waiting in before)

    def waiting_in(self, department: str) -> int:
        """How many callers wait for this department."""
        return sum(waiting.department == department for waiting in self.queue)

    def expected_wait_s(self, transfer_id: str) -> float:
        """About how long this caller still waits."""
        one = next((waiting for waiting in self.queue if waiting.transfer_id == transfer_id), None)
        if one is None:
            return 0.0
        return self.mean_call_s * self.position(transfer_id) / max(1, len(self._of(one.department, one.without)))

    def forget(self, transfer_id: str) -> None:
        """This caller waits no longer."""
        self.queue = [waiting for waiting in self.queue if waiting.transfer_id != transfer_id]

    def _next_for(self, desk: Desk, now: float) -> Match | None:
        for waiting in self.queue:
            if waiting.department in desk.departments and desk.name not in waiting.without:
                self.forget(waiting.transfer_id)
                return Match(transfer_id=waiting.transfer_id, event=self._ring(desk, waiting.transfer_id, now))
        return None

    def _of(self, department: str, without: Sequence[str]) -> list[Desk]:
        """Desks that may take this caller now or later: who is not ready for a reason of their own may come back."""
        return [d for d in self.desks.values() if department in d.departments and d.name not in without]

    def _ring(self, desk: Desk, transfer_id: str, now: float) -> DeskAssigned:
        self._become(desk, DeskState.RINGING, now, transfer_id=transfer_id)
        return DeskAssigned(desk=desk.name, extension=desk.extension)

    def _become(self, desk: Desk, state: DeskState, now: float, reason: str = "", transfer_id: str = "") -> None:
        desk.state, desk.since, desk.reason, desk.transfer_id = state, now, reason, transfer_id
