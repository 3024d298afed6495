"""The attempts of a hand-over, each at one desk: the part of its state machine's state that concerns desks."""

from __future__ import annotations

from pydantic import BaseModel

from convonet.core.hand_over import CarrierKind, EndReason
from convonet.telephony.events import CallerPassedOn


class Consultation(BaseModel):
    """A colleague whom the desk asks first, while the caller is on hold."""

    desk: str
    extension: str
    accepted: bool = False
    streaming: bool = False
    """True once desk and colleague talk."""


class Attempt(BaseModel):
    """One desk that was called."""

    desk: str
    extension: str
    carrier: CarrierKind = CarrierKind.TELEPHONE
    """Older releases knew no other."""
    call_sid: str = ""
    """Empty until the carrier has reported it."""
    sequence: int = -1
    """Number of the newest status callback."""
    accepted: bool = False
    streaming: bool = False
    passed: int = 0
    """Number of transfers to colleagues."""
    passed_at: float | None = None
    """Time of the last of them."""
    held: bool = False
    """True while the desk's page has the caller on hold; a telephone does that itself."""
    consultation: Consultation | None = None
    over: EndReason | None = None
    reason: str = ""
    """Why the person declined, in their own words."""

    @property
    def is_direct(self) -> bool:
        """True if pages carry the call, so that a transfer moves it from one page to the other."""
        return self.carrier is CarrierKind.DIRECT

    @property
    def stream_owner(self) -> str:
        """The desk whose page has the stream of the call; empty for a telephone's stream."""
        return self.desk if self.is_direct else ""

    def may_pass_on(self, event: CallerPassedOn) -> bool:
        """Return whether the caller can be handed on like this. A telephone has done it already when it says so."""
        consulted = self.consultation
        if not self.is_direct:
            return True
        if event.talking:
            return consulted is not None and consulted.streaming and consulted.desk == event.to
        return consulted is None and self.streaming and event.to != ""
