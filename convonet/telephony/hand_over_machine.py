"""The state machine of one hand-over: `HandOverActor` feeds it events and carries out the effects it returns.

    requested ─► queued ─► dialing ─► ringing ─► whisper ─► connected ─► ended
     │     ▲                  │          │           │
     │     └──────────────────┴──────────┴───────────┘   the desk did not take the call: try the next one
     └──► failed, with an end reason: from every state before `connected`

`queued` is skipped when a desk is free, and `ringing` when its telephone answers at once.

While `connected`, a desk whose page carries the call holds the caller, hands them on, and asks a colleague first:

    talk ─► on hold ─► a colleague rings ─► desk and colleague talk ─► the caller is the colleague's
      ▲        │               │                        │
      └────────┴───────────────┴────────────────────────┘   resumed; declined, not answered, hung up, ended
    talk ─► the caller is the colleague's, who rings ─► talk, or `ended` when nobody takes it

A desk that is lost while it talks with the colleague leaves the caller to them, as if it had handed the caller on.

It uses no clock, network or Ray. Each attempt rings one desk and places one call, never a second one. A call that
belongs to no current attempt is ended, however late its events arrive, so no call is left ringing or open.
"""

from __future__ import annotations

from pydantic import BaseModel

from convonet.core.hand_over import OVER, EndReason, HandOverState
from convonet.telephony.attempts import Attempt, Consultation
from convonet.telephony.effects import (
    Effect,
    EndCall,
    FindDesk,
    OccupyDesk,
    PlaceCall,
    ReleaseColleague,
    ReleaseDesk,
    StateChanged,
)
from convonet.telephony.events import (
    CallerLeft,
    CallerPassedOn,
    CallEvent,
    CallHeld,
    CallNotPlaced,
    CallPlaced,
    CallProgress,
    ColleagueCalled,
    ConsultationEnded,
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

RING_S = 20.0
"""Time that a desk rings."""

ANSWER_TIMEOUT_S = 30.0
"""For the queue's answer, and with a telephone from placing a call to its answer: its ringing and the margin."""

STREAM_TIMEOUT_S = 10.0
"""From the desk's acceptance to its stream. A page opens it at once, or after it was reloaded."""

ACCEPT_TIMEOUT_S = 3.0
"""From the start of the stream to the desk's own acceptance: a voicemail box answers too, but can't accept."""

WHISPER_TIMEOUT_S = 15.0
"""For telling the desk who is calling."""

MAX_WAIT_S = 300.0
"""Longest wait in the queue."""

MAX_ABSENT_WAIT_S = 60.0
"""Longest wait in the queue while nobody is working: a person may come back, but a caller should not count on it."""

WAITING = (HandOverState.REQUESTED, HandOverState.QUEUED)
NOT_THE_DESKS_FAULT = (EndReason.DECLINED, EndReason.CALLER_HUNG_UP, EndReason.CALLER_CANCELLED)
"""End reasons after which a colleague whose desk rang may get the next call."""

CALLING = (HandOverState.DIALING, HandOverState.RINGING)


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
    ring_s: float = RING_S
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

    @property
    def is_consulting(self) -> bool:
        """True while the desk talks with a colleague."""
        consulted = self.current.consultation if self.current is not None else None
        return consulted is not None and consulted.streaming

    @property
    def desks(self) -> dict[str, bool]:
        """The desks that ring or talk for this caller now, and whether they have accepted."""
        if (attempt := self.current) is None:
            return {}
        consulted = attempt.consultation
        asked = {consulted.desk: consulted.accepted} if consulted is not None else {}
        return {attempt.desk: attempt.accepted, **asked}

    def begin(self, now: float) -> list[Effect]:
        """Start the hand-over."""
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
            case CallHeld() | ColleagueCalled() | ConsultationEnded():
                return self._handle_desk(event, now)
            case _:
                return self._handle_call(event, now)

    # -- the queue

    def _dial(self, found: DeskAssigned, now: float) -> list[Effect]:
        if self.state not in WAITING:
            return [ReleaseDesk(desk=found.desk, why=self.why or EndReason.CALLER_CANCELLED)]
        self.attempts.append(Attempt(desk=found.desk, extension=found.extension, carrier=found.carrier))
        self.deadline = now + self.ring_s + found.margin_s
        return [*self._become(HandOverState.DIALING), self.call_of(len(self.attempts) - 1)]

    def call_of(self, number: int) -> PlaceCall:
        """Return the effect that places the call of an attempt."""
        attempt = self.attempts[number]
        return PlaceCall(number, attempt.desk, attempt.extension, attempt.carrier)

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
                return [] if is_over else [EndCall(event.call_sid, attempt.carrier)]
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
                return self._start_stream(attempt, event, now)
            case WhisperPlayed():
                return self._connect() if self.state is HandOverState.WHISPER else []
            case StreamStopped():
                return self._stop_stream(attempt, event, now)

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

    def _start_stream(self, attempt: Attempt, event: StreamStarted, now: float) -> list[Effect]:
        consulted = attempt.consultation
        if consulted is not None and event.desk == consulted.desk:
            consulted.streaming, self.deadline = True, None
            return []
        if event.desk != attempt.stream_owner:
            return []
        attempt.streaming = True
        if self.state in CALLING and not attempt.accepted:
            self.deadline = now + ACCEPT_TIMEOUT_S
        elif self.state is HandOverState.CONNECTED and consulted is None:
            self.deadline = None
        return self._start_whisper(now) if attempt.accepted else []

    def _stop_stream(self, attempt: Attempt, event: StreamStopped, now: float) -> list[Effect]:
        consulted = attempt.consultation
        if consulted is not None and event.desk == consulted.desk:
            return self._end_consultation(attempt)
        if event.desk != attempt.stream_owner:
            return []
        return self._leave_to_colleague(attempt, now) or self._lose_call(EndReason.STREAM_LOST, now)

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
        if attempt is None:
            return self._return_colleague(event)
        consulted = attempt.consultation
        if consulted is not None and consulted.desk == event.desk:
            return self._handle_colleague(attempt, consulted, event, now)
        if attempt.desk != event.desk:
            return self._return_colleague(event)
        match event:
            case DeskAccepted():
                return self._accept(attempt, now)
            case DeskDeclined():
                return self._decline(attempt, event, now)
            case DeskHungUp():
                return self._hang_up(attempt, now)
            case CallerPassedOn():
                may = self.state is HandOverState.CONNECTED and attempt.may_pass_on(event)
                return self._pass_on(attempt, event, now) if may else self._return_colleague(event)
            case CallHeld():
                if self._is_at_page(attempt) and consulted is None:
                    attempt.held = event.held
                return []
            case ColleagueCalled():
                may = self._is_at_page(attempt) and consulted is None
                return self._call_colleague(attempt, event, now) if may else self._return_colleague(event)
            case ConsultationEnded():
                return self._end_consultation(attempt) if consulted is not None else []

    def _accept(self, attempt: Attempt, now: float) -> list[Effect]:
        if attempt.accepted:
            return []
        attempt.accepted = True
        if attempt.streaming:
            return self._start_whisper(now)
        self.deadline = max(self.deadline or 0.0, now + STREAM_TIMEOUT_S)
        return []

    def _decline(self, attempt: Attempt, event: DeskDeclined, now: float) -> list[Effect]:
        if self.state is not HandOverState.CONNECTED:
            attempt.reason = event.reason
            return self._next_desk(EndReason.DECLINED, now)
        if attempt.is_direct and not attempt.accepted:
            # to this desk the caller was handed on, and nobody else has them any more
            attempt.reason = event.reason
            return self._finish(HandOverState.ENDED, EndReason.DECLINED)
        return []

    def _hang_up(self, attempt: Attempt, now: float) -> list[Effect]:
        if self.state is not HandOverState.CONNECTED:
            return self._next_desk(EndReason.DECLINED, now)
        why = EndReason.DECLINED if attempt.is_direct and not attempt.accepted else EndReason.DESK_HUNG_UP
        return self._leave_to_colleague(attempt, now) or self._finish(HandOverState.ENDED, why)

    def _pass_on(self, attempt: Attempt, event: CallerPassedOn, now: float) -> list[Effect]:
        attempt.desk, attempt.extension = event.to, event.extension
        attempt.accepted = event.talking
        attempt.passed, attempt.passed_at = attempt.passed + 1, now
        if attempt.is_direct:
            attempt.streaming, attempt.held, attempt.consultation = event.talking, False, None
            self.deadline = None if event.talking else now + self.ring_s
        released = ReleaseDesk(desk=event.desk, why=EndReason.PASSED_ON)
        return [released, OccupyDesk(desk=event.to, talking=event.talking)] if event.to else [released]

    def _return_colleague(self, event: DeskEvent) -> list[Effect]:
        """Free the colleague whose desk was reserved for an action that is not possible any more."""
        is_direct = bool(self.attempts) and self.attempts[-1].is_direct
        match event:
            case ColleagueCalled(to=to) | CallerPassedOn(to=to, talking=False) if is_direct and to not in self.desks:
                return [ReleaseColleague(desk=to)]
            case _:
                return []

    def _is_at_page(self, attempt: Attempt) -> bool:
        """Return whether the desk's page carries a talk with the caller."""
        return self.state is HandOverState.CONNECTED and attempt.is_direct and attempt.streaming

    # -- the colleague who is asked first

    def _call_colleague(self, attempt: Attempt, event: ColleagueCalled, now: float) -> list[Effect]:
        attempt.consultation, attempt.held = Consultation(desk=event.to, extension=event.extension), True
        self.deadline = now + self.ring_s
        return [OccupyDesk(desk=event.to, talking=False)]

    def _handle_colleague(
        self, attempt: Attempt, consulted: Consultation, event: DeskEvent, now: float
    ) -> list[Effect]:
        match event:
            case DeskAccepted() if not consulted.accepted:
                consulted.accepted = True
                if not consulted.streaming:
                    self.deadline = max(self.deadline or 0.0, now + STREAM_TIMEOUT_S)
                return []
            case DeskDeclined() | DeskHungUp():
                return self._end_consultation(attempt)
            case _:
                return self._return_colleague(event)

    def _leave_to_colleague(self, attempt: Attempt, now: float) -> list[Effect]:
        """Hand the caller of a desk that is gone on to the colleague it talked with. Do nothing without one."""
        consulted = attempt.consultation
        if consulted is None or not consulted.streaming:
            return []
        moved = CallerPassedOn(desk=attempt.desk, to=consulted.desk, extension=consulted.extension, talking=True)
        return self._pass_on(attempt, moved, now)

    def _end_consultation(self, attempt: Attempt, *, answered: bool = True) -> list[Effect]:
        if (consulted := attempt.consultation) is None:
            return []
        attempt.consultation, attempt.held, self.deadline = None, False, None
        return [ReleaseColleague(desk=consulted.desk, answered=answered)]

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
            case HandOverState.CONNECTED:
                return self._miss_colleague()
            case _:
                return self._finish(HandOverState.FAILED, EndReason.NOBODY_THERE)

    def _miss_colleague(self) -> list[Effect]:
        """Handle a colleague who did not answer: asked first, or handed the caller."""
        if (attempt := self.current) is not None and (consulted := attempt.consultation) is not None:
            return self._end_consultation(attempt, answered=consulted.accepted)
        return self._finish(HandOverState.ENDED, EndReason.NO_ANSWER)

    def _finish(self, state: HandOverState, why: EndReason) -> list[Effect]:
        effects = self._give_up_attempt(why)
        self.why, self.deadline = why, None
        return [*effects, *self._become(state)]

    def _give_up_attempt(self, why: EndReason) -> list[Effect]:
        attempt = self.current
        if attempt is None:
            return []
        effects = self._end_consultation(attempt)
        attempt.over = why
        colleague_did_not_answer = attempt.passed > 0 and not attempt.accepted and why not in NOT_THE_DESKS_FAULT
        effects.append(ReleaseDesk(attempt.desk, EndReason.NO_ANSWER if colleague_did_not_answer else why))
        # ending a call that is over is harmless; a call without an id yet is ended when its id arrives
        return [EndCall(attempt.call_sid, attempt.carrier), *effects] if attempt.call_sid else effects

    def _become(self, state: HandOverState) -> list[Effect]:
        self.state = state
        return [StateChanged(state=state, why=self.why)]
