"""HandOverActor: the owner of one hand-over.

What happens comes through its mailbox, one thing at a time. The state machine (`convonet.telephony.state_machine`) says
what to do about it; that is done only when the new state is saved, so that a restored actor never places a call twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from pydantic import BaseModel, Field

from actors.published import Published
from convonet.core.errors import Fenced, StorageError
from convonet.core.hand_over import HandOverState
from convonet.storage.versioned import Versioned
from convonet.telephony.carrier import CallRequest, Carrier, CarrierError
from convonet.telephony.messages import (
    HandOverRequest,
    HandOverView,
    MediaLegAction,
    MediaLegAddress,
    MediaLegRequest,
    MediaLegView,
    Spoken,
)
from convonet.telephony.state_machine import (
    CallNotPlaced,
    CallPlaced,
    DeadlinePassed,
    DeskAssigned,
    Effect,
    EndCall,
    Event,
    FindDesk,
    HandOverMachine,
    Join,
    NoDeskFree,
    OccupyDesk,
    PlaceCall,
    ReleaseDesk,
    StateChanged,
    StreamStarted,
    Whisper,
)

log = structlog.get_logger(__name__)

LINGER_S = 60.0
"""How long an actor stays after the end: news of a call that it must end may still be on the way."""

MAX_WHISPER_CHARACTERS = 160
"""Characters that a desk is told before the caller is on the line: eight seconds; the card has the rest."""

MAX_TRANSCRIPT_ENTRIES = 400
"""Endpointer of a talk that are kept: more than half an hour."""

CONFIRM_RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0)
"""Waits after each try to confirm a hand-over in a store that is down."""

END_RETRY_DELAY_S = 5.0
MAX_END_ATTEMPTS = 10
"""Times that a call is ended which Twilio does not let us end; it hangs up by itself when it asks what to do next."""


class StreamKey(BaseModel):
    """Opens one stream of an attempt's call. When that one has ended, it is good for one other key."""

    value: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    shown: bool = False
    after: str = ""
    """The key it was given for; asked again with that one, before this one was shown, the answer was lost."""

    def is_same(self, other: str) -> bool:
        return _is_same(self.value, other)

    def is_exchanged_for(self, other: str) -> bool:
        """Whether another key may be given to who has that one."""
        is_asked_again = self.after != "" and not self.shown and _is_same(self.after, other)
        return self.is_same(other) or is_asked_again


def _is_same(key: str, other: str) -> bool:
    return secrets.compare_digest(key.encode(), other.encode("utf-8", "replace"))


class HandOverSnapshot(Versioned):
    """All that is kept of a hand-over."""

    order: HandOverRequest
    transfer: HandOverMachine
    stream_keys: dict[int, StreamKey] = Field(default_factory=dict)
    """The newest of each attempt."""
    lines: dict[int, MediaLegAddress] = Field(default_factory=dict)
    """Where each attempt's audio is."""
    said: list[Spoken] = Field(default_factory=list)
    """The talk, as far as it was heard."""


class Office(Protocol):
    """What an actor needs of the host: the desks, and a place to keep its state."""

    def find(self, body: HandOverSnapshot, without: tuple[str, ...]) -> DeskAssigned | NoDeskFree: ...

    def show_card(self, body: HandOverSnapshot, desk: str) -> None: ...

    def release(self, body: HandOverSnapshot, effect: ReleaseDesk) -> None: ...

    def take_over(self, body: HandOverSnapshot, effect: OccupyDesk) -> None: ...

    def changed(self, body: HandOverSnapshot) -> None: ...

    def view(self, body: HandOverSnapshot) -> HandOverView: ...

    async def confirm(self, body: HandOverSnapshot) -> None:
        """Make sure that no other host has it. Raises `Fenced`, and `StorageError` while nobody can tell."""
        ...


class HandOverActor:
    """One hand-over. `run` is its life; `post` and the two streams are how others reach it."""

    def __init__(
        self,
        body: HandOverSnapshot,
        *,
        office: Office,
        bridge: Carrier,
        save: Callable[[HandOverSnapshot], Awaitable[None]],
        clock: Callable[[], float],
        ring_s: float,
    ) -> None:
        self.body = body
        self._office = office
        self._bridge = bridge
        self._save = save
        self._clock = clock
        self._ring_s = ring_s
        self._mailbox: asyncio.Queue[Event] = asyncio.Queue()
        self._work: set[asyncio.Task[None]] = set()
        self.view = Published(office.view(body))
        self._line = Published(self._line_view(None))
        self._line_attempt: int | None = None

    @property
    def transfer(self) -> HandOverMachine:
        return self.body.transfer

    def post(self, event: Event) -> None:
        """StateChanged the actor that something has happened."""
        self._mailbox.put_nowait(event)

    async def run(self, *, restored: bool = False) -> None:
        """Live until the hand-over is over and nothing is left to be cleared up."""
        with structlog.contextvars.bound_contextvars(
            transfer_id=self.transfer.transfer_id, session_id=self.body.order.session_id
        ):
            try:
                await self._do(
                    self._taken_up()
                    if restored
                    else self.transfer.begin(self._clock(), is_set_up=self._bridge.is_set_up)
                )
                while True:
                    event = await self._next()
                    if event is None:
                        break
                    log.info("transfer_event", kind=event.kind, state=self.transfer.state)
                    await self._do(self.transfer.handle(event, self._clock()))
                await asyncio.gather(*self._work)
            finally:
                for task in self._work:
                    task.cancel()
                self.stop_following()

    def stop_following(self) -> None:
        """Whoever follows the hand-over or its line gets the end."""
        self.view.close()
        self._line.close()

    def refresh(self) -> None:
        """Publish what has changed around this hand-over: its place in the queue."""
        self.view.publish(self._office.view(self.body))

    async def note(self, spoken: Spoken) -> None:
        """Keep a sentence of the talk."""
        if not self.transfer.is_over and len(self.body.said) < MAX_TRANSCRIPT_ENTRIES:
            # a new list: views that were published keep the old one
            self.body.said = [*self.body.said, spoken]
            await self._save(self.body)

    # -- the line

    async def exchange_stream_key(self, attempt: int, after: str) -> str | None:
        """A key for another stream of this attempt's call, in exchange for that of the stream before.

        None when that call has nothing to do any more, or somebody repeats what Twilio has asked before.
        """
        attempts = self.transfer.attempts
        if self.transfer.is_over or attempt != len(attempts) - 1 or attempts[attempt].over is not None:
            return None
        key = self.body.stream_keys.get(attempt)
        if key is None or not key.is_exchanged_for(after):
            return None
        self.body.stream_keys[attempt] = new = StreamKey(after=after)
        await self._save(self.body)
        return new.value

    def open_media_leg(self, request: MediaLegRequest) -> Published[MediaLegView] | None:
        """Let a line in, and give it what to follow; None when it has shown no valid key.

        A line that was let in before may come again, since it must outlive this process.
        """
        known = self.body.lines.get(request.attempt)
        returns = known is not None and secrets.compare_digest(known.key, request.address.key)
        if not returns:
            key = self.body.stream_keys.get(request.attempt)
            if key is None or key.shown or not key.is_same(request.key):
                return None
            key.shown = True
        self.body.lines[request.attempt] = request.address
        self._line_attempt = request.attempt
        self._line.close()
        self._line = Published(self._line_view(request.attempt))
        self.post(StreamStarted(attempt=request.attempt, call_sid=request.call_sid))
        return self._line

    def lacks_line(self, request: MediaLegRequest) -> bool:
        """Whether this line is still the call's, and gone."""
        is_newest = request.attempt == self._line_attempt and self.body.lines.get(request.attempt) == request.address
        return is_newest and not self._line.followers

    def _line_view(self, attempt: int | None) -> MediaLegView:
        order = self.body.order
        whisper = f"{order.context.user_name or 'A caller'}. {order.reason}"[:MAX_WHISPER_CHARACTERS]
        return MediaLegView(order=self._line_order(attempt), whisper=whisper, language=order.language)

    def _line_order(self, attempt: int | None) -> MediaLegAction:
        attempts = self.transfer.attempts
        if attempt is None or attempt != len(attempts) - 1 or attempts[attempt].over is not None:
            return MediaLegAction.CLOSE
        match self.transfer.state:
            case HandOverState.WHISPER:
                return MediaLegAction.WHISPER
            case HandOverState.CONNECTED:
                return MediaLegAction.JOIN
            case _:
                return MediaLegAction.WAIT

    # -- one thing at a time

    async def _next(self) -> Event | None:
        """What happens next; None when nothing can happen any more."""
        now = self._clock()
        until = now + LINGER_S if self.transfer.is_over else self.transfer.deadline
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - now)):
                return await self._mailbox.get()
        except TimeoutError:
            return None if self.transfer.is_over else DeadlinePassed()

    async def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, PlaceCall):
                # a host that is restored must know it: without it the call can't be connected any more
                self.body.stream_keys[effect.attempt] = StreamKey()
        await self._save(self.body)
        for effect in effects:
            self._do_one(effect)
        self._line.publish(self._line_view(self._line_attempt))
        self.refresh()

    def _do_one(self, effect: Effect) -> None:
        match effect:
            case FindDesk(without=without):
                self.post(self._office.find(self.body, without))
            case PlaceCall():
                # before the telephone rings: who answers must know who calls
                self._office.show_card(self.body, effect.desk)
                self._start(self._place(effect))
            case EndCall(call_sid=call_sid):
                self._start(self._end(call_sid))
            case ReleaseDesk():
                self._office.release(self.body, effect)
            case OccupyDesk():
                self._office.take_over(self.body, effect)
            case StateChanged():
                log.info("transfer_state", state=effect.state, why=effect.why)
                self._office.changed(self.body)
            case Whisper() | Join():
                pass  # the line follows the state

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _taken_up(self) -> list[Effect]:
        """After a restore: ask for a desk again if nobody did; a call that was being placed is left to its deadline."""
        return (
            [FindDesk(without=self._tried)]
            if self.transfer.state in (HandOverState.REQUESTED, HandOverState.QUEUED)
            else []
        )

    @property
    def _tried(self) -> tuple[str, ...]:
        return tuple(attempt.desk for attempt in self.transfer.attempts)

    # -- calls

    async def _place(self, effect: PlaceCall) -> None:
        """Place a call, which can't be taken back: not before it is sure that nobody else does."""
        for delay_s in CONFIRM_RETRY_DELAYS_S:
            try:
                await self._office.confirm(self.body)
                break
            except Fenced:
                log.info("call_left_to_another_host")
                return
            except StorageError as error:
                log.warning("call_waits_for_store", reason=str(error))
                await asyncio.sleep(delay_s)
        else:
            self.post(CallNotPlaced(attempt=effect.attempt))
            return
        await self._place_confirmed(effect)

    async def _place_confirmed(self, effect: PlaceCall) -> None:
        key = self.body.stream_keys[effect.attempt]
        order = CallRequest(self.transfer.transfer_id, effect.attempt, effect.extension, key.value, self._ring_s)
        try:
            self.post(CallPlaced(attempt=effect.attempt, call_sid=await self._bridge.place(order)))
            return
        except CarrierError as error:
            log.warning("call_not_placed", reason=str(error))
        except Exception:
            # the top of this task: the caller must not wait for a call that nobody places
            log.exception("placing_crashed")
        self.post(CallNotPlaced(attempt=effect.attempt))

    async def _end(self, call_sid: str) -> None:
        for _ in range(MAX_END_ATTEMPTS):
            try:
                await self._bridge.end(call_sid)
                return
            except CarrierError as error:
                log.warning("call_not_ended", call_sid=call_sid, reason=str(error))
            except Exception:
                # the top of this task: no call may be left open
                log.exception("ending_crashed", call_sid=call_sid)
            await asyncio.sleep(END_RETRY_DELAY_S)
        log.error("call_left_open", call_sid=call_sid)
