"""Events of a hand-over: the queue, the carrier, the desk and the caller's session report them to the state machine.

Call events also travel between processes, so their kinds and fields are part of the wire format.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel

from convonet.core.hand_over import CarrierKind, EndReason

END_REASONS = {
    "completed": EndReason.DESK_HUNG_UP,
    "busy": EndReason.BUSY,
    "no-answer": EndReason.NO_ANSWER,
    "canceled": EndReason.NO_ANSWER,
    "failed": EndReason.UNREACHABLE,
}
"""End reasons by Twilio's final call status. Any other carrier translates its own statuses into Twilio's."""

# -- from the queue


class DeskAssigned(BaseModel):
    """A desk is reserved for this caller."""

    kind: Literal["assigned"] = "assigned"
    desk: str
    extension: str
    carrier: CarrierKind = CarrierKind.TELEPHONE
    margin_s: float = 10.0
    """The carrier's `answer_margin_s`."""


class NoDeskFree(BaseModel):
    """The caller has to wait, or can't be connected at all."""

    kind: Literal["unassigned"] = "unassigned"
    nobody_logged_in: bool = False
    nobody_working: bool = False
    """True if all desks that are logged in are not ready, so that no call can end and free one."""


# -- from the carrier


class CallPlaced(BaseModel):
    """The carrier accepted the call."""

    kind: Literal["placed"] = "placed"
    attempt: int
    call_sid: str


class CallNotPlaced(BaseModel):
    """The carrier refused the call or did not answer. Without an answer the call may exist."""

    kind: Literal["not_placed"] = "not_placed"
    attempt: int


class CallProgress(BaseModel):
    """A status callback of the carrier, with Twilio's names of call statuses."""

    kind: Literal["progress"] = "progress"
    attempt: int
    call_sid: str
    sequence: int
    status: str

    @property
    def end_reason(self) -> EndReason | None:
        """None while the call goes on."""
        return END_REASONS.get(self.status)


class StreamStarted(BaseModel):
    """The audio stream of the call is open: somebody, or something, has answered."""

    kind: Literal["stream_started"] = "stream_started"
    attempt: int
    call_sid: str
    desk: str = ""
    """The desk whose page opened the stream; empty for a stream of the telephone's."""


class StreamStopped(BaseModel):
    """The audio stream of the call has ended and was not replaced."""

    kind: Literal["stream_stopped"] = "stream_stopped"
    attempt: int
    desk: str = ""
    """As in `StreamStarted`."""


class WhisperPlayed(BaseModel):
    """The desk has heard who is calling, or the whisper could not be synthesized."""

    kind: Literal["whispered"] = "whispered"
    attempt: int


# -- from the desk


class DeskAccepted(BaseModel):
    """The person at the desk took the call."""

    kind: Literal["accepted"] = "accepted"
    desk: str


class DeskDeclined(BaseModel):
    """The person at the desk declined the call."""

    kind: Literal["declined"] = "declined"
    desk: str
    reason: str = ""
    """In the person's own words."""


class DeskHungUp(BaseModel):
    """The person at the desk ended the call, or their page has disappeared."""

    kind: Literal["desk_hung_up"] = "desk_hung_up"
    desk: str


class CallerPassedOn(BaseModel):
    """The desk transferred the caller to a colleague.

    A telephone's call and its media leg stay the same. Without one the colleague's page opens a stream of its own.
    """

    kind: Literal["passed_on"] = "passed_on"
    desk: str
    to: str
    """The colleague's desk; empty when no desk without a call has this extension."""
    extension: str
    talking: bool
    """True for an attended transfer; after a blind one the colleague's telephone or page rings first."""


class CallHeld(BaseModel):
    """The person at the desk put the caller on hold, or took them off it."""

    kind: Literal["held"] = "held"
    desk: str
    held: bool


class ColleagueCalled(BaseModel):
    """The person at the desk asks a colleague first. The colleague's desk is reserved already, and rings."""

    kind: Literal["colleague_called"] = "colleague_called"
    desk: str
    to: str
    extension: str


class ConsultationEnded(BaseModel):
    """The person at the desk goes back to the caller."""

    kind: Literal["consultation_ended"] = "consultation_ended"
    desk: str


# -- from the caller's session and the clock


class CallerLeft(BaseModel):
    """The caller hung up, or no longer wants a human."""

    kind: Literal["caller_left"] = "caller_left"
    hung_up: bool


class DeadlinePassed(BaseModel):
    """`HandOverMachine.deadline` has passed."""

    kind: Literal["time_up"] = "time_up"


CallEvent = CallPlaced | CallNotPlaced | CallProgress | StreamStarted | StreamStopped | WhisperPlayed
DeskEvent = DeskAccepted | DeskDeclined | DeskHungUp | CallerPassedOn | CallHeld | ColleagueCalled | ConsultationEnded
Event = DeskAssigned | NoDeskFree | CallEvent | DeskEvent | CallerLeft | DeadlinePassed


class AddressedEvent(NamedTuple):
    """An event and the hand-over it belongs to."""

    transfer_id: str
    event: Event
