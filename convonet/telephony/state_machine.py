"""One hand-over as a state machine: events in, what to do out. It knows no clock, no network and no Ray.

    requested ─► queued ─► dialing ─► ringing ─► whisper ─► connected ─► ended
        │           ▲         │          │           │
        │           └─────────┴──────────┴───────────┘   this desk did not take the call: the next one
        └──► failed, and why: from every state before `connected`

A desk is rung by one attempt, and an attempt places one call, never a second one. A call that belongs to no attempt at
work is ended, however late its news come, so none is left ringing or open.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from convonet.core.hand_over import OVER, EndReason, HandOverState

ANSWER_TIMEOUT_S = 30.0
"""For everything up to the answer: Twilio may hold a call back when it has many, and then rings too late."""

ACCEPT_TIMEOUT_S = 3.0
"""Between Twilio's news that somebody answered and the desk's own: a voicemail box answers too, but has no desk."""

WHISPER_TIMEOUT_S = 15.0
"""Longest time that the desk is told who calls."""

MAX_WAIT_S = 300.0
"""Longest time in the queue."""

MAX_ABSENT_WAIT_S = 60.0
"""The same while nobody is at work: a person who is away may come back, but a caller should not count on it."""


WAITING = (HandOverState.REQUESTED, HandOverState.QUEUED)
CALLING = (HandOverState.DIALING, HandOverState.RINGING)


FINAL_STATUSES = {
    "completed": EndReason.DESK_HUNG_UP,
    "busy": EndReason.BUSY,
    "no-answer": EndReason.NO_ANSWER,
    "canceled": EndReason.NO_ANSWER,
    "failed": EndReason.UNREACHABLE,
}
"""Twilio's names of how a call ended; every other status is on the way there."""


# -- what happens


class DeskAssigned(BaseModel):
    """A desk is free for this caller."""

    kind: Literal["assigned"] = "assigned"
    desk: str
    extension: str


class NoDeskFree(BaseModel):
    """No desk is free; `position` counts from 1. `hopeless` when nobody is even logged in."""

    kind: Literal["unassigned"] = "unassigned"
    position: int
    hopeless: bool = False
    absent: bool = False
    """All who are logged in are not ready: nobody is at work whose call could end."""


class CallPlaced(BaseModel):
    """Twilio took the call."""

    kind: Literal["placed"] = "placed"
    attempt: int
    call_sid: str


class CallNotPlaced(BaseModel):
    """Twilio refused it, or did not answer; then the call may exist all the same."""

    kind: Literal["not_placed"] = "not_placed"
    attempt: int


class CallProgress(BaseModel):
    """A status callback of Twilio."""

    kind: Literal["progress"] = "progress"
    attempt: int
    call_sid: str
    sequence: int
    status: str


class StreamStarted(BaseModel):
    """The line's audio is there."""

    kind: Literal["stream_started"] = "stream_started"
    attempt: int
    call_sid: str


class StreamStopped(BaseModel):
    """The line's audio is gone."""

    kind: Literal["stream_stopped"] = "stream_stopped"
    attempt: int


class DeskAccepted(BaseModel):
    """The person at the desk took the call."""

    kind: Literal["accepted"] = "accepted"
    desk: str


class DeskDeclined(BaseModel):
    """The person at the desk did not, or the desk is gone."""

    kind: Literal["declined"] = "declined"
    desk: str
    reason: str = ""
    """As the person says."""


class WhisperPlayed(BaseModel):
    """The desk was told who calls."""

    kind: Literal["whispered"] = "whispered"
    attempt: int


class CallerLeft(BaseModel):
    """The caller hung up, or said "never mind"."""

    kind: Literal["caller_left"] = "caller_left"
    hung_up: bool


class DeskHungUp(BaseModel):
    """The person at the desk ended the call."""

    kind: Literal["desk_hung_up"] = "desk_hung_up"
    desk: str


class CallerPassedOn(BaseModel):
    """The desk's telephone has given the caller to a colleague's. The call and its line stay what they are."""

    kind: Literal["passed_on"] = "passed_on"
    desk: str
    to: str
    """The colleague's desk; empty when nobody at a desk of ours has this extension."""
    extension: str
    talking: bool
    """Whether the colleague has been asked first; else their telephone rings now."""


class DeadlinePassed(BaseModel):
    """`HandOverMachine.deadline` has passed."""

    kind: Literal["time_up"] = "time_up"


Event = (
    DeskAssigned
    | NoDeskFree
    | CallPlaced
    | CallNotPlaced
    | CallProgress
    | StreamStarted
    | StreamStopped
    | DeskAccepted
    | DeskDeclined
    | WhisperPlayed
    | CallerLeft
    | DeskHungUp
    | CallerPassedOn
    | DeadlinePassed
)


CallEvent = CallPlaced | CallNotPlaced | CallProgress | StreamStarted | StreamStopped | WhisperPlayed


# -- what to do about it


class FindDesk(BaseModel):
    """Ask for a free desk that is none of these; the answer is `DeskAssigned` or `NoDeskFree`."""

    kind: Literal["find_desk"] = "find_desk"
    without: tuple[str, ...]


class PlaceCall(BaseModel):
    """Show the desk who calls, then place the one call of this attempt."""

    kind: Literal["place_call"] = "place_call"
    attempt: int
    desk: str
    extension: str


class EndCall(BaseModel):
    """End a call whatever it does: it rings, or somebody talks."""

    kind: Literal["end_call"] = "end_call"
    call_sid: str


class Whisper(BaseModel):
    """StateChanged the desk who calls; the answer is `WhisperPlayed`."""

    kind: Literal["whisper"] = "whisper"
    attempt: int


class Join(BaseModel):
    """Let the two hear each other."""

    kind: Literal["join"] = "join"
    attempt: int


class ReleaseDesk(BaseModel):
    """The desk is done with this caller; `answered` tells whether there is something to wrap up."""

    kind: Literal["release"] = "release"
    desk: str
    answered: bool
    why: EndReason


class OccupyDesk(BaseModel):
    """This desk has the caller now, whom another one passed on."""

    kind: Literal["take_over"] = "take_over"
    desk: str
    talking: bool


class StateChanged(BaseModel):
    """The caller's page and the records learn of the new state."""

    kind: Literal["tell"] = "tell"
    state: HandOverState
    position: int = 0
    why: EndReason | None = None


Effect = FindDesk | PlaceCall | EndCall | Whisper | Join | ReleaseDesk | OccupyDesk | StateChanged


class Attempt(BaseModel):
    """A desk that was rung."""

    desk: str
    extension: str
    call_sid: str = ""
    """Empty until Twilio has named it."""
    sequence: int = -1
    """Of the newest status callback."""
    accepted: bool = False
    streaming: bool = False
    passed: int = 0
    """How many desks have passed this caller on."""
    passed_at: float | None = None
    """When the last one did."""
    over: EndReason | None = None
    reason: str = ""
    """Why the person has declined, in their own words."""


class HandOverMachine(BaseModel):
    """One hand-over. All of it is kept between two events, so that it outlives its process."""

    transfer_id: str
    state: HandOverState = HandOverState.REQUESTED
    attempts: list[Attempt] = []
    deadline: float | None = None
    """When `DeadlinePassed` must be told, in seconds of the clock that `handle` is given."""
    queued_at: float | None = None
    absent_since: float | None = None
    """Since when nobody is at work for whom this caller could wait."""
    asked_at: float = 0.0
    connected_at: float | None = None
    ended_at: float | None = None
    call_s: float = ANSWER_TIMEOUT_S
    """Longest time from the order of a call to its answer."""
    wait_s: float = MAX_WAIT_S
    """Longest time in the queue."""
    absent_wait_s: float = MAX_ABSENT_WAIT_S
    """Longest time in the queue while nobody is at work."""
    why: EndReason | None = None
    """Why it is over."""

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def desk_at_work(self) -> str:
        """The desk that rings or talks; empty when none does."""
        return self._at_work.desk if self._at_work is not None else ""

    @property
    def is_accepted(self) -> bool:
        """Whether the person at that desk has taken the call."""
        return self._at_work is not None and self._at_work.accepted

    def begin(self, now: float, *, is_set_up: bool = True) -> list[Effect]:
        """The caller wants a human, whom only a telephone can reach."""
        self.asked_at = now
        if not is_set_up:
            return self._finish(HandOverState.FAILED, EndReason.NOT_SET_UP)
        self.deadline = now + self.call_s
        return [FindDesk(without=()), StateChanged(state=self.state)]

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What to do about an event; those that are late, doubled or out of order are taken as they come."""
        effects = self._deeds(event, now)
        if self.state is HandOverState.CONNECTED and self.connected_at is None:
            self.connected_at = now
        if self.is_over and self.ended_at is None:
            self.ended_at = now
        return effects

    def _deeds(self, event: Event, now: float) -> list[Effect]:
        match event:
            case DeskAssigned():
                return self._dial(event, now)
            case NoDeskFree():
                return self._queue(event, now)
            case CallerLeft():
                return self._leave(EndReason.CALLER_HUNG_UP if event.hung_up else EndReason.CALLER_CANCELLED)
            case DeadlinePassed():
                return self._time_up(now)
            case DeskAccepted() | DeskDeclined() | DeskHungUp() | CallerPassedOn():
                return self._desk(event, now)
            case _:
                return self._line(event, now)

    # -- who is rung

    def _dial(self, found: DeskAssigned, now: float) -> list[Effect]:
        if self.state not in WAITING:
            return [ReleaseDesk(desk=found.desk, answered=False, why=self.why or EndReason.CALLER_CANCELLED)]
        self.attempts.append(Attempt(desk=found.desk, extension=found.extension))
        self.deadline = now + self.call_s
        call = PlaceCall(attempt=len(self.attempts) - 1, desk=found.desk, extension=found.extension)
        return [*self._become(HandOverState.DIALING), call]

    def _queue(self, event: NoDeskFree, now: float) -> list[Effect]:
        if self.state not in WAITING:
            return []
        if event.hopeless:
            return self._finish(HandOverState.FAILED, EndReason.NOBODY_THERE)
        self.queued_at = now if self.queued_at is None else self.queued_at
        self.absent_since = (self.absent_since or now) if event.absent else None
        self.deadline = self.queued_at + self.wait_s
        if self.absent_since is not None:
            self.deadline = min(self.deadline, self.absent_since + self.absent_wait_s)
        return self._become(HandOverState.QUEUED, position=event.position)

    def _next_desk(self, why: EndReason, now: float) -> list[Effect]:
        """The attempt at work has come to nothing."""
        effects = self._give_up_attempt(why)
        self.state = HandOverState.REQUESTED
        self.deadline = now + self.call_s
        tried = tuple(attempt.desk for attempt in self.attempts)
        return [*effects, FindDesk(without=tried)]

    # -- the line

    def _line(self, event: CallEvent, now: float) -> list[Effect]:
        if event.attempt >= len(self.attempts):
            return []
        attempt = self.attempts[event.attempt]
        if isinstance(event, CallPlaced | CallProgress | StreamStarted):
            attempt.call_sid = attempt.call_sid or event.call_sid
            if attempt.over is not None or attempt.call_sid != event.call_sid:
                is_final = isinstance(event, CallProgress) and event.status in FINAL_STATUSES
                return [] if is_final else [EndCall(call_sid=event.call_sid)]
        if attempt.over is not None:
            return []
        match event:
            case CallPlaced():
                return []
            case CallNotPlaced():
                return self._next_desk(EndReason.REFUSED_BY_TWILIO, now)
            case CallProgress():
                return self._progress(attempt, event, now)
            case StreamStarted():
                return self._stream(attempt, now)
            case WhisperPlayed():
                return self._join() if self.state is HandOverState.WHISPER else []
            case StreamStopped():
                return self._lose_line(EndReason.STREAM_LOST, now)

    def _progress(self, attempt: Attempt, event: CallProgress, now: float) -> list[Effect]:
        if event.sequence <= attempt.sequence:
            return []
        attempt.sequence = event.sequence
        if event.status in FINAL_STATUSES:
            return self._lose_line(FINAL_STATUSES[event.status], now)
        ringing = event.status == "ringing" and self.state is HandOverState.DIALING
        return self._become(HandOverState.RINGING) if ringing else []

    def _lose_line(self, why: EndReason, now: float) -> list[Effect]:
        if self.state is HandOverState.CONNECTED:
            return self._finish(HandOverState.ENDED, why)
        return self._next_desk(why, now)

    def _stream(self, attempt: Attempt, now: float) -> list[Effect]:
        attempt.streaming = True
        if attempt.accepted:
            return self._whisper(now)
        self.deadline = now + ACCEPT_TIMEOUT_S
        return []

    def _whisper(self, now: float) -> list[Effect]:
        if self.state not in CALLING:
            return []
        self.deadline = now + WHISPER_TIMEOUT_S
        return [*self._become(HandOverState.WHISPER), Whisper(attempt=len(self.attempts) - 1)]

    def _join(self) -> list[Effect]:
        self.deadline = None
        return [*self._become(HandOverState.CONNECTED), Join(attempt=len(self.attempts) - 1)]

    # -- the desk

    def _desk(self, event: DeskAccepted | DeskDeclined | DeskHungUp | CallerPassedOn, now: float) -> list[Effect]:
        attempt = self._at_work
        if attempt is None or attempt.desk != event.desk:
            return []
        match event:
            case DeskAccepted():
                attempt.accepted = True
                return self._whisper(now) if attempt.streaming else []
            case DeskDeclined():
                if self.state is HandOverState.CONNECTED:
                    return []
                attempt.reason = event.reason
                return self._next_desk(EndReason.DECLINED, now)
            case DeskHungUp():
                if self.state is HandOverState.CONNECTED:
                    return self._finish(HandOverState.ENDED, EndReason.DESK_HUNG_UP)
                return self._next_desk(EndReason.DECLINED, now)
            case CallerPassedOn():
                return self._pass_on(attempt, event, now) if self.state is HandOverState.CONNECTED else []

    def _pass_on(self, attempt: Attempt, event: CallerPassedOn, now: float) -> list[Effect]:
        attempt.desk, attempt.extension = event.to, event.extension
        attempt.accepted = event.talking
        attempt.passed, attempt.passed_at = attempt.passed + 1, now
        released = ReleaseDesk(desk=event.desk, answered=True, why=EndReason.PASSED_ON)
        return [released, OccupyDesk(desk=event.to, talking=event.talking)] if event.to else [released]

    # -- the end

    def _leave(self, why: EndReason) -> list[Effect]:
        if self.is_over:
            return []
        return self._finish(HandOverState.ENDED if self.state is HandOverState.CONNECTED else HandOverState.FAILED, why)

    def _time_up(self, now: float) -> list[Effect]:
        if self.deadline is None or now < self.deadline:
            return []
        match self.state:
            case HandOverState.QUEUED:
                absent = self.absent_since is not None
                return self._finish(
                    HandOverState.FAILED, EndReason.NOBODY_THERE if absent else EndReason.WAITED_TOO_LONG
                )
            case HandOverState.DIALING | HandOverState.RINGING:
                answered = self._at_work is not None and self._at_work.streaming
                return self._next_desk(EndReason.VOICEMAIL if answered else EndReason.NO_ANSWER, now)
            case HandOverState.WHISPER:
                return self._join()
            case _:
                return self._finish(HandOverState.FAILED, EndReason.NOBODY_THERE)

    def _finish(self, state: HandOverState, why: EndReason) -> list[Effect]:
        effects = self._give_up_attempt(why)
        self.why, self.deadline = why, None
        return [*effects, *self._become(state)]

    def _give_up_attempt(self, why: EndReason) -> list[Effect]:
        attempt = self._at_work
        if attempt is None:
            return []
        attempt.over = why
        answered = self.state is HandOverState.CONNECTED
        rang_in_vain = attempt.passed > 0 and not attempt.accepted
        release = ReleaseDesk(desk=attempt.desk, answered=answered, why=EndReason.NO_ANSWER if rang_in_vain else why)
        # ending a call that is over already does no harm; one that has no name yet is ended when its name comes
        return [EndCall(call_sid=attempt.call_sid), release] if attempt.call_sid else [release]

    def _become(self, state: HandOverState, position: int = 0) -> list[Effect]:
        self.state = state
        return [StateChanged(state=state, position=position, why=self.why)]

    @property
    def _at_work(self) -> Attempt | None:
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.over is None else None
