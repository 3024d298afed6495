"""HandOverActor: the owner of one hand-over, created and run by the host.

Events come through its mailbox, one at a time. The state machine (`convonet.telephony.hand_over_machine`) turns each
into effects, and the actor carries them out after the new state is saved. So a restored actor never places a call
twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from actors.hand_overs.calls import Calls
from actors.hand_overs.media_legs import MediaLegs
from actors.hand_overs.snapshot import HandOverSnapshot
from actors.published import Published
from convonet.core.background import BackgroundTasks
from convonet.telephony.carrier import CallRequest, Carriers
from convonet.telephony.effects import Effect, EndCall, FindDesk, PlaceCall
from convonet.telephony.events import DeadlinePassed, Event, StreamStarted
from convonet.telephony.hand_over_machine import WAITING, HandOverMachine
from convonet.telephony.messages import HandOverView, MediaLegRequest, MediaLegView, Spoken

log = structlog.get_logger(__name__)

LINGER_S = 60.0
"""Time that an actor stays after the end, since events of a call that it must end may still arrive."""

MAX_TRANSCRIPT_ENTRIES = 400
"""More than half an hour of talk."""


class Host(Protocol):
    """The host as its actors see it; `HandOverRegistry` implements it."""

    def apply_effect(self, snapshot: HandOverSnapshot, effect: Effect) -> None: ...

    def view_of(self, snapshot: HandOverSnapshot) -> HandOverView: ...

    def publish_desk_views(self, snapshot: HandOverSnapshot) -> None: ...

    async def save_hand_over(self, snapshot: HandOverSnapshot) -> None: ...

    async def confirm_hand_over(self, snapshot: HandOverSnapshot) -> None: ...


class HandOverActor:
    """One hand-over. `run` is its life; others reach it by `post_event`, `view` and `open_media_leg`."""

    def __init__(
        self,
        snapshot: HandOverSnapshot,
        *,
        host: Host,
        carriers: Carriers,
        clock: Callable[[], float],
        ring_s: float,
        linger_s: float = LINGER_S,
    ) -> None:
        self.snapshot = snapshot
        self._host = host
        self._carriers = carriers
        self._calls = Calls(confirm=lambda: host.confirm_hand_over(snapshot), post=self.post_event)
        self._clock = clock
        self._ring_s = ring_s
        self._linger_s = linger_s
        self._mailbox: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks = BackgroundTasks()
        self.view = Published(host.view_of(snapshot))
        self.media_legs = MediaLegs(snapshot)

    @property
    def machine(self) -> HandOverMachine:
        return self.snapshot.transfer

    def post_event(self, event: Event) -> None:
        """Put an event into the mailbox."""
        self._mailbox.put_nowait(event)

    async def run(self, *, restored: bool = False) -> None:
        """Handle events until the hand-over is over and every call of it has ended."""
        with structlog.contextvars.bound_contextvars(
            transfer_id=self.machine.transfer_id, session_id=self.snapshot.order.session_id
        ):
            try:
                if restored:
                    await self._apply(self._effects_of_restore())
                else:
                    await self._apply(self.machine.begin(self._clock()))
                while (event := await self._next_event()) is not None:
                    log.info("transfer_event", kind=event.kind, state=self.machine.state)
                    await self._apply(self.machine.handle(event, self._clock()))
                await self._tasks.wait_all()
            finally:
                self._tasks.cancel_all()
                self.view.close()
                self.media_legs.close()

    def publish_view(self) -> None:
        """Publish what has changed around the hand-over, such as its place in the queue."""
        self.view.publish(self._host.view_of(self.snapshot))

    async def add_transcript_entry(self, spoken: Spoken) -> None:
        """Add a sentence to the transcript, while there is room. The talk of desk and colleague is not part of it."""
        is_part = not self.machine.is_over and not self.machine.is_consulting
        if is_part and len(self.snapshot.said) < MAX_TRANSCRIPT_ENTRIES:
            # a new list: views that were published keep the old one
            self.snapshot.said = [*self.snapshot.said, spoken]
            await self._host.save_hand_over(self.snapshot)
        self.publish_view()

    # -- the media legs

    async def exchange_stream_key(self, attempt: int, after: str) -> str | None:
        if (key := self.media_legs.exchange_key(attempt, after)) is not None:
            await self._host.save_hand_over(self.snapshot)
        return key

    def open_media_leg(self, request: MediaLegRequest) -> Published[MediaLegView] | None:
        """Admit a media leg and give it the views to follow. Returns None without a valid key."""
        if (views := self.media_legs.admit(request)) is not None:
            # handling it saves the snapshot, and then shows the next key
            self.post_event(StreamStarted(attempt=request.attempt, call_sid=request.call_sid, desk=request.desk))
        return views

    # -- one event at a time

    async def _next_event(self) -> Event | None:
        """Return the next event, or None when the hand-over is over and no event came for a while."""
        now = self._clock()
        until = now + self._linger_s if self.machine.is_over else self.machine.deadline
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - now)):
                return await self._mailbox.get()
        except TimeoutError:
            return None if self.machine.is_over else DeadlinePassed()

    async def _apply(self, effects: list[Effect]) -> None:
        self.media_legs.prepare(effects)
        await self._host.save_hand_over(self.snapshot)
        for effect in effects:
            self._host.apply_effect(self.snapshot, effect)
            match effect:
                case PlaceCall():
                    key, id_ = self.media_legs.call_key(effect.attempt), self.machine.transfer_id
                    call = CallRequest(id_, effect.attempt, effect.extension, key, self._ring_s)
                    self._tasks.spawn(self._calls.place_call(self._carriers.of(effect.carrier), call))
                case EndCall():
                    self._tasks.spawn(self._calls.end_call(self._carriers.of(effect.carrier), effect.call_sid))
        self.media_legs.publish()
        self._host.publish_desk_views(self.snapshot)
        self.publish_view()

    def _effects_of_restore(self) -> list[Effect]:
        """Ask for a desk again if the hand-over needs one, and place a direct call again that was not placed.

        A call that was being placed at a telephone company is left to its deadline: it may exist.
        """
        machine = self.machine
        if machine.state in WAITING:
            return [FindDesk(without=tuple(attempt.desk for attempt in machine.attempts))]
        is_placed = machine.current is None or machine.current.call_sid
        if is_placed or self._carriers.of(machine.attempts[-1].carrier).reports_progress:
            return []
        return [machine.call_of(len(machine.attempts) - 1)]
