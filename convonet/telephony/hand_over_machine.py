"""The state machine of one hand-over: `HandOverActor` feeds it events and carries out the effects it returns.

    requested ─► queued ─► dialing ─► ringing ─► whisper ─► connected ─► ended
     │     ▲                  │          │           │
     │     └──────────────────┴──────────┴───────────┘   the desk did not take the call: try the next one
     └──► failed, with an end reason: from every state before `connected`

`queued` is skipped when a desk is free, and `ringing` when its telephone answers at once.

It uses no clock, network or Ray. Each attempt rings one desk and places one call, never a second one. A call that
belongs to no current attempt is ended, however late its events arrive, so no call is left ringing or open.
"""

from __future__ import annotations

from pydantic import BaseModel

from convonet.core.hand_over import OVER, EndReason, HandOverState
from convonet.telephony.effects import Effect, EndCall, FindDesk, OccupyDesk, PlaceCall, ReleaseDesk, StateChanged
from convonet.telephony.events import (
    CallerLeft,
    CallerPassedOn,
    CallEvent,
    CallNotPlaced,
    CallPlaced,
    CallProgress,
    DeadlinePassed,
    DeskAccepted,
    DeskAssigned,
    DeskDeclined,
    DeskEvent,
    DeskHungUp,
    Event,
    NoDeskFree,
    StreamStarted,
    StreamStopped,
    WhisperPlayed,
)

ANSWER_TIMEOUT_S = 30.0
"""From placing a call to its answer. When Twilio has many calls it may queue this one, and then ring too late."""

ACCEPT_TIMEOUT_S = 3.0
"""From the start of the stream to the desk's own acceptance: a voicemail box answers too, but can't accept."""

WHISPER_TIMEOUT_S = 15.0
"""For telling the desk who is calling."""

MAX_WAIT_S = 300.0
"""Longest wait in the queue."""

MAX_ABSENT_WAIT_S = 60.0
"""Longest wait in the queue while nobody is working: a person may come back, but a caller should not count on it."""

WAITING = (HandOverState.REQUESTED, HandOverState.QUEUED)
CALLING = (HandOverState.DIALING, HandOverState.RINGING)


class Attempt(BaseModel):
    """One desk that was called."""

    desk: str
    extension: str
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
    over: EndReason | None = None
    reason: str = ""
    """Why the person declined, in their own words."""


class HandOverMachine(BaseModel):
    """One hand-over. It is saved between any two events, so that it outlives its process.

    Times are Unix times, by the clock that `begin` and `handle` are given.
    """

    transfer_id: str
    state: HandOverState = HandOverState.REQUESTED
    attempts: list[Attempt] = []
    deadline: float | None = None
    """The time at which `DeadlinePassed` is due."""
    queued_at: float | None = None
    absent_since: float | None = None
    """Time since which all desks that this caller could wait for have been not ready."""
    asked_at: float = 0.0
    connected_at: float | None = None
    ended_at: float | None = None
    call_s: float = ANSWER_TIMEOUT_S
    wait_s: float = MAX_WAIT_S
    absent_wait_s: float = MAX_ABSENT_WAIT_S
    why: EndReason | None = None

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def current(self) -> Attempt | None:
        """The attempt in progress, whose desk is called or talks."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.over is None else None

    def begin(self, now: float, *, is_set_up: bool = True) -> list[Effect]:
        """Start the hand-over; it fails at once where no carrier is set up."""
        self.asked_at = now
        self.deadline = now + self.call_s
        return [FindDesk(without=()), StateChanged(state=self.state)]

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Advance by one event. Late, repeated and reordered events are allowed."""
        effects = self._apply(event, now)
        if self.state is HandOverState.CONNECTED and self.connected_at is None:
            self.connected_at = now
        if self.is_over and self.ended_at is None:
            self.ended_at = now
        return effects

    def _apply(self, event: Event, now: float) -> list[Effect]:
        match event:
            case DeskAssigned():
                return self._dial(event, now)
            case NoDeskFree():
                return self._queue(event, now)
            case CallerLeft():
                return self._leave(EndReason.CALLER_HUNG_UP if event.hung_up else EndReason.CALLER_CANCELLED)
            case DeadlinePassed():
                return self._pass_deadline(now)
            case DeskAccepted() | DeskDeclined() | DeskHungUp() | CallerPassedOn():
                return self._handle_desk(event, now)
            case _:
                return self._handle_call(event, now)

    # -- the queue

    def _dial(self, found: DeskAssigned, now: float) -> list[Effect]:
        if self.state not in WAITING:
            return [ReleaseDesk(desk=found.desk, why=self.why or EndReason.CALLER_CANCELLED)]
        self.attempts.append(Attempt(desk=found.desk, extension=found.extension))
        self.deadline = now + self.call_s
        call = PlaceCall(attempt=len(self.attempts) - 1, desk=found.desk, extension=found.extension)
        return [*self._become(HandOverState.DIALING), call]

    def _queue(self, event: NoDeskFree, now: float) -> list[Effect]:
        if self.state not in WAITING:
            return []
        if event.nobody_logged_in:
            return self._finish(HandOverState.FAILED, EndReason.NOBODY_THERE)
        self.queued_at = now if self.queued_at is None else self.queued_at
        self.absent_since = (self.absent_since or now) if event.nobody_working else None
        self.deadline = self.queued_at + self.wait_s
        if self.absent_since is not None:
            self.deadline = min(self.deadline, self.absent_since + self.absent_wait_s)
        return self._become(HandOverState.QUEUED)

    def _next_desk(self, why: EndReason, now: float) -> list[Effect]:
        """Give up the current attempt and look for another desk."""
        effects = self._give_up_attempt(why)
        self.state = HandOverState.REQUESTED
        self.deadline = now + self.call_s
        tried = tuple(attempt.desk for attempt in self.attempts)
        return [*effects, FindDesk(without=tried)]

    # -- the call

    def _handle_call(self, event: CallEvent, now: float) -> list[Effect]:
        if event.attempt >= len(self.attempts):
            return []
        attempt = self.attempts[event.attempt]
        if isinstance(event, CallPlaced | CallProgress | StreamStarted):
            attempt.call_sid = attempt.call_sid or event.call_sid
            if attempt.over is not None or attempt.call_sid != event.call_sid:
                is_over = isinstance(event, CallProgress) and event.end_reason is not None
                return [] if is_over else [EndCall(call_sid=event.call_sid)]
        if attempt.over is not None:
            return []
        match event:
            case CallPlaced():
                return []
            case CallNotPlaced():
                return self._next_desk(EndReason.REFUSED_BY_TWILIO, now)
            case CallProgress():
                return self._follow_progress(attempt, event, now)
            case StreamStarted():
                return self._start_stream(attempt, now)
            case WhisperPlayed():
                return self._connect() if self.state is HandOverState.WHISPER else []
            case StreamStopped():
                return self._lose_call(EndReason.STREAM_LOST, now)

    def _follow_progress(self, attempt: Attempt, event: CallProgress, now: float) -> list[Effect]:
        if event.sequence <= attempt.sequence:
            return []
        attempt.sequence = event.sequence
        if event.end_reason is not None:
            return self._lose_call(event.end_reason, now)
        ringing = event.status == "ringing" and self.state is HandOverState.DIALING
        return self._become(HandOverState.RINGING) if ringing else []

    def _lose_call(self, why: EndReason, now: float) -> list[Effect]:
        if self.state is HandOverState.CONNECTED:
            return self._finish(HandOverState.ENDED, why)
        return self._next_desk(why, now)

    def _start_stream(self, attempt: Attempt, now: float) -> list[Effect]:
        attempt.streaming = True
        if attempt.accepted:
            return self._start_whisper(now)
        self.deadline = now + ACCEPT_TIMEOUT_S
        return []

    def _start_whisper(self, now: float) -> list[Effect]:
        if self.state not in CALLING:
            return []
        self.deadline = now + WHISPER_TIMEOUT_S
        return self._become(HandOverState.WHISPER)

    def _connect(self) -> list[Effect]:
        self.deadline = None
        return self._become(HandOverState.CONNECTED)

    # -- the desk

    def _handle_desk(self, event: DeskEvent, now: float) -> list[Effect]:
        attempt = self.current
        if attempt is None or attempt.desk != event.desk:
            return []
        match event:
            case DeskAccepted():
                attempt.accepted = True
                return self._start_whisper(now) if attempt.streaming else []
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
        released = ReleaseDesk(desk=event.desk, why=EndReason.PASSED_ON)
        return [released, OccupyDesk(desk=event.to, talking=event.talking)] if event.to else [released]

    # -- the end

    def _leave(self, why: EndReason) -> list[Effect]:
        if self.is_over:
            return []
        return self._finish(HandOverState.ENDED if self.state is HandOverState.CONNECTED else HandOverState.FAILED, why)

    def _pass_deadline(self, now: float) -> list[Effect]:
        if self.deadline is None or now < self.deadline:
            return []
        match self.state:
            case HandOverState.QUEUED:
                why = EndReason.WAITED_TOO_LONG if self.absent_since is None else EndReason.NOBODY_THERE
                return self._finish(HandOverState.FAILED, why)
            case HandOverState.DIALING | HandOverState.RINGING:
                answered = self.current is not None and self.current.streaming
                return self._next_desk(EndReason.VOICEMAIL if answered else EndReason.NO_ANSWER, now)
            case HandOverState.WHISPER:
                return self._connect()
            case _:
                return self._finish(HandOverState.FAILED, EndReason.NOBODY_THERE)

    def _finish(self, state: HandOverState, why: EndReason) -> list[Effect]:
        effects = self._give_up_attempt(why)
        self.why, self.deadline = why, None
        return [*effects, *self._become(state)]

    def _give_up_attempt(self, why: EndReason) -> list[Effect]:
        attempt = self.current
        if attempt is None:
            return []
        attempt.over = why
        colleague_did_not_answer = attempt.passed > 0 and not attempt.accepted
        release = ReleaseDesk(desk=attempt.desk, why=EndReason.NO_ANSWER if colleague_did_not_answer else why)
        # ending a call that is over is harmless; a call without an id yet is ended when its id arrives
        return [EndCall(call_sid=attempt.call_sid), release] if attempt.call_sid else [release]

    def _become(self, state: HandOverState) -> list[Effect]:
        self.state = state
        return [StateChanged(state=state, why=self.why)]
