"""Effects that the hand-over's state machine asks for; the actor carries them out once the new state is saved."""

from __future__ import annotations

from dataclasses import dataclass

from convonet.core.hand_over import CarrierKind, EndReason, HandOverState


@dataclass(frozen=True, slots=True)
class FindDesk:
    """Ask the queue for a free desk. The answer is `DeskAssigned` or `NoDeskFree`."""

    without: tuple[str, ...]
    """Desks that have been tried already."""


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Show the desk who is calling, then place the one call of this attempt."""

    attempt: int
    desk: str
    extension: str
    carrier: CarrierKind = CarrierKind.TELEPHONE


@dataclass(frozen=True, slots=True)
class EndCall:
    """End a call, whether it still rings or is answered."""

    call_sid: str
    carrier: CarrierKind = CarrierKind.TELEPHONE


@dataclass(frozen=True, slots=True)
class ReleaseDesk:
    """Free the desk from this hand-over."""

    desk: str
    why: EndReason


@dataclass(frozen=True, slots=True)
class OccupyDesk:
    """Mark a colleague's desk as occupied: the caller was transferred there, or the desk asks the colleague first."""

    desk: str
    talking: bool


@dataclass(frozen=True, slots=True)
class ReleaseColleague:
    """Free the desk of a colleague who did not get the caller; it becomes again what it was before."""

    desk: str
    answered: bool = True
    """False if the colleague let it ring."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Report the new state to the caller's page and to the records."""

    state: HandOverState
    why: EndReason | None = None


Effect = FindDesk | PlaceCall | EndCall | ReleaseDesk | OccupyDesk | ReleaseColleague | StateChanged
