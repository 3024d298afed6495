"""HandOverActor: the owner of one hand-over, created and run by the host.

Events come through its mailbox, one at a time. The state machine (`convonet.telephony.hand_over_machine`) turns each
into effects, and the actor carries them out after the new state is saved. So a restored actor never places a call
twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol

import structlog

from actors.hand_overs.calls import Calls
from actors.hand_overs.snapshot import HandOverSnapshot, StreamKey
from actors.published import Published
from convonet.core.background import BackgroundTasks
from convonet.core.hand_over import HandOverState
from convonet.telephony.carrier import CallRequest, Carrier
from convonet.telephony.effects import Effect, EndCall, FindDesk, PlaceCall
from convonet.telephony.events import DeadlinePassed, Event, StreamStarted
from convonet.telephony.hand_over_machine import WAITING, HandOverMachine
from convonet.telephony.messages import HandOverView, MediaLegAction, MediaLegRequest, MediaLegView, Spoken

log = structlog.get_logger(__name__)

LINGER_S = 60.0
"""Time that an actor stays after the end, since events of a call that it must end may still arrive."""

MAX_WHISPER_CHARACTERS = 160
"""Eight seconds of speech before the caller is connected; the card has the rest."""

MAX_TRANSCRIPT_ENTRIES = 400
"""More than half an hour of talk."""


class Host(Protocol):
    """The host as its actors see it; `HandOverRegistry` implements it."""

    def apply_effect(self, snapshot: HandOverSnapshot, effect: Effect) -> None: ...

    def view_of(self, snapshot: HandOverSnapshot) -> HandOverView: ...

    async def save_hand_over(self, snapshot: HandOverSnapshot) -> None: ...

    async def confirm_hand_over(self, snapshot: HandOverSnapshot) -> None: ...


class HandOverActor:
    """One hand-over. `run` is its life; others reach it by `post_event`, `view` and `open_media_leg`."""

    def __init__(
        self,
        snapshot: HandOverSnapshot,
        *,
        host: Host,
        carrier: Carrier,
        clock: Callable[[], float],
        ring_s: float,
        linger_s: float = LINGER_S,
    ) -> None:
        self.snapshot = snapshot
        self._host = host
        self._carrier = carrier
        self._calls = Calls(carrier, confirm=lambda: host.confirm_hand_over(snapshot), post=self.post_event)
        self._clock = clock
        self._ring_s = ring_s
        self._linger_s = linger_s
        self._mailbox: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks = BackgroundTasks()
        self.view = Published(host.view_of(snapshot))
        self.media_leg = Published(self._media_leg_view(None))
        self._media_leg_attempt: int | None = None

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
                    await self._apply(self.machine.begin(self._clock(), is_set_up=self._carrier.is_set_up))
                while (event := await self._next_event()) is not None:
                    log.info("transfer_event", kind=event.kind, state=self.machine.state)
                    await self._apply(self.machine.handle(event, self._clock()))
                await self._tasks.wait_all()
            finally:
                self._tasks.cancel_all()
                self.view.close()
                self.media_leg.close()

    def publish_view(self) -> None:
        """Publish what has changed around the hand-over, such as its place in the queue."""
        self.view.publish(self._host.view_of(self.snapshot))

    async def add_transcript_entry(self, spoken: Spoken) -> None:
        """Add a sentence to the transcript, while there is room."""
        if not self.machine.is_over and len(self.snapshot.said) < MAX_TRANSCRIPT_ENTRIES:
            # a new list: views that were published keep the old one
            self.snapshot.said = [*self.snapshot.said, spoken]
            await self._host.save_hand_over(self.snapshot)
        self.publish_view()

    # -- the media leg

    async def exchange_stream_key(self, attempt: int, after: str) -> str | None:
        key = self.snapshot.stream_keys.get(attempt)
        if not self._is_current(attempt) or key is None or not key.is_exchanged_for(after):
            return None
        self.snapshot.stream_keys[attempt] = new = StreamKey(after=after)
        await self._host.save_hand_over(self.snapshot)
        return new.value

    def open_media_leg(self, request: MediaLegRequest) -> Published[MediaLegView] | None:
        """Admit a media leg and give it the views to follow. Returns None without a valid key.

        A media leg that was admitted before may come again, since it outlives this process.
        """
        known = self.snapshot.lines.get(request.attempt)
        if known is None or not secrets.compare_digest(known.key, request.address.key):
            key = self.snapshot.stream_keys.get(request.attempt)
            if key is None or key.shown or not key.is_same(request.key):
                return None
            key.shown = True
        self.snapshot.lines[request.attempt] = request.address
        self._media_leg_attempt = request.attempt
        self.media_leg.close()
        self.media_leg = Published(self._media_leg_view(request.attempt))
        self.post_event(StreamStarted(attempt=request.attempt, call_sid=request.call_sid))
        return self.media_leg

    def has_lost(self, request: MediaLegRequest) -> bool:
        """Return whether this media leg is the newest one and no longer follows the hand-over."""
        is_newest = (
            request.attempt == self._media_leg_attempt and self.snapshot.lines.get(request.attempt) == request.address
        )
        return is_newest and not self.media_leg.followers

    def _media_leg_view(self, attempt: int | None) -> MediaLegView:
        order = self.snapshot.order
        action = MediaLegAction.CLOSE
        if attempt is not None and self._is_current(attempt):
            match self.machine.state:
                case HandOverState.WHISPER:
                    action = MediaLegAction.WHISPER
                case HandOverState.CONNECTED:
                    action = MediaLegAction.JOIN
                case _:
                    action = MediaLegAction.WAIT
        whisper = f"{order.context.user_name or 'A caller'}. {order.reason}"[:MAX_WHISPER_CHARACTERS]
        return MediaLegView(order=action, whisper=whisper, language=order.language)

    def _is_current(self, attempt: int) -> bool:
        return attempt == len(self.machine.attempts) - 1 and self.machine.current is not None

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
        for effect in effects:
            if isinstance(effect, PlaceCall):
                # saved first: a restored host needs it to connect the call
                self.snapshot.stream_keys[effect.attempt] = StreamKey()
        await self._host.save_hand_over(self.snapshot)
        for effect in effects:
            self._host.apply_effect(self.snapshot, effect)
            match effect:
                case PlaceCall():
                    key, id_ = self.snapshot.stream_keys[effect.attempt].value, self.machine.transfer_id
                    call = CallRequest(id_, effect.attempt, effect.extension, key, self._ring_s)
                    self._tasks.spawn(self._calls.place_call(call))
                case EndCall():
                    self._tasks.spawn(self._calls.end_call(effect.call_sid))
        # the media leg follows the state
        self.media_leg.publish(self._media_leg_view(self._media_leg_attempt))
        self.publish_view()

    def _effects_of_restore(self) -> list[Effect]:
        """Ask for a desk again if the hand-over needs one. A call that was being placed is left to its deadline."""
        tried = tuple(attempt.desk for attempt in self.machine.attempts)
        return [FindDesk(without=tried)] if self.machine.state in WAITING else []
