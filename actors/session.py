"""SessionActor: the only owner of one caller's state.

It lives in the voice replica that has the caller's socket, together with many others. Commands go through its mailbox
and are handled one at a time, in order; a turn runs as its child task, so that a cancel can overtake it. Who may talk
to it is decided before it exists (see `session_registry`).

    state      event            next       what happens
    ---------  ---------------  ---------  ------------------------------------------------
    READY      utterance        THINKING   the turn starts
    THINKING   utterance        THINKING   it waits its turn (a few may wait, then `busy`)
    THINKING   turn over        READY      checkpoint; the next waiting utterance starts
    THINKING   cancel           READY      the turn is stopped; playback_stop
    READY      cancel           READY      playback_stop
    any        hand-over news   same       the caller is told; while a human is on the line no turn is taken
    any        hang up          ENDED      the checkpoint is deleted
    any        idle / lost      ENDED      after the idle time, or the grace period without a socket
    any        claimed          ENDED      a newer copy lives elsewhere: stop, touch nothing
    any        move             same       at the next silence the caller is asked to connect anew (`actors.mover`)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum

import structlog

from actors.lease import Lease
from actors.lifetime import Lifetimes, Patience
from actors.mover import Activity, Mover
from convonet.core.background import in_background
from convonet.core.errors import ConvonetError, ErrorCode, Fenced, ProtocolError, StorageError
from convonet.core.hand_over import HandOverState
from convonet.gateway.recording import Recording
from convonet.metrics.definitions import BARGE_INS
from convonet.metrics.recorder import metrics
from convonet.protocol.frames import FrameHeader, SoundKind
from convonet.protocol.server import (
    Announcement,
    AudioChunkOut,
    AuthOk,
    ErrorMessage,
    Greeting,
    PlaybackStop,
    ServerMessage,
)
from convonet.sessions.abandoned import lost_turn
from convonet.sessions.announcements import announce, speak_greeting, tell_again
from convonet.sessions.conversation import Conversation
from convonet.sessions.hand_over import HandOver
from convonet.sessions.happenings import CallBegan, CallerCame, CallerWent, CallOver, Happening, HumanTalk, TurnOver
from convonet.sessions.messages import (
    AnyUtterance,
    CancelTransfer,
    CancelTurn,
    Choose,
    Command,
    ConnectAnew,
    Ended,
    HangUp,
    Outgoing,
    Sound,
    SpokenUtterance,
    Superseded,
    ToClient,
    TypedUtterance,
)
from convonet.sessions.outbox import Outbox
from convonet.sessions.playout import Playout
from convonet.sessions.services import Services
from convonet.sessions.turn import Turn, TurnOutcome
from convonet.storage.checkpoints import CheckpointStore
from convonet.telephony.messages import HandOverView

log = structlog.get_logger(__name__)

MAX_WAITING_UTTERANCES = 3
"""More than this many unanswered sentences is no conversation; each may hold megabytes of audio."""

MAILBOX_SIZE = 64
"""Commands that may wait; a connection sends a handful per turn."""

NOBODY_SPOKE = "This call ended because nobody spoke for a while."
STILL_WORKING = "One moment, I'm still working on what you said."
LOST_UTTERANCE = "I lost what you said just now. Please say it again."


class SessionState(StrEnum):
    """What the session does now."""

    READY = "ready"
    THINKING = "thinking"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class _TurnOver:
    """Internal command: the child task has ended."""

    task: asyncio.Task[TurnOutcome | None]


@dataclass(frozen=True, slots=True)
class _Greet:
    """Internal command: the session is new."""


@dataclass(frozen=True, slots=True)
class _Restored:
    """Internal command: the session was restored for a client that has everything up to `last_seq`."""

    last_seq: int


@dataclass(frozen=True, slots=True)
class _TransferNews:
    """Internal command: the hand-over is in another state."""

    view: HandOverView


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Internal command: a newer copy lives elsewhere."""


_Mail = Command | _TurnOver | _Greet | _Restored | _TransferNews | _Claimed


class SessionActor:
    """One caller's session. `run` is its life; `post` and `attach` are how its caller's connection reaches it."""

    def __init__(
        self,
        conversation: Conversation,
        epoch: int,
        *,
        services: Services,
        checkpoints: CheckpointStore,
        lifetimes: Lifetimes,
        auth_ok: Callable[[SessionActor, bool], AuthOk],
        on_end: Callable[[SessionActor], None],
    ) -> None:
        self.conversation = conversation
        self.session_id = conversation.session_id
        self.state = SessionState.READY
        self.recording: Recording | None = None
        self._services = services
        self._patience = Patience(lifetimes)
        self._auth_ok = auth_ok
        self._on_end = on_end
        self._mailbox: asyncio.Queue[_Mail] = asyncio.Queue()
        self._outbox = Outbox()
        self._waiting: deque[AnyUtterance] = deque()
        self._current: AnyUtterance | None = None
        self._turn: asyncio.Task[TurnOutcome | None] | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._attached = 0
        """Sockets: two while one takes over from the other."""
        self.lease = Lease(
            self.session_id,
            epoch,
            checkpoints,
            body=conversation.to_checkpoint,
            ttl_s=lifetimes.checkpoint,
            lease_s=lifetimes.grace,
            on_claimed=lambda: self._mailbox.put_nowait(_Claimed()),
        )
        self._human = HandOver(
            conversation,
            services,
            emit=self._emit,
            change_line=self._outbox.write,
            post=lambda view: self._mailbox.put_nowait(_TransferNews(view)),
            confirm=self.lease.confirm,
            is_moving=lambda: self._mover.is_pending,
        )
        self._playout = Playout(asyncio.get_running_loop().time)
        self._mover = Mover(
            activity=self._activity,
            is_waited_for=lambda: conversation.transfer is not None and not self._human.is_talking,
            ask=lambda: self._outbox.tell_reader(ConnectAnew()),
        )
        # before a socket can be attached, whichever task runs first
        self._tell(CallBegan(conversation))

    # -- what others call

    def post(self, command: Command) -> None:
        """Put a command into the mailbox. Raises `ProtocolError` busy when it is full or the session has ended."""
        if self.state is SessionState.ENDED or self._mailbox.qsize() >= MAILBOX_SIZE:
            raise ProtocolError(ErrorCode.BUSY, STILL_WORKING)
        self._mailbox.put_nowait(command)

    def acknowledge(self, last_seq: int) -> None:
        """The client has everything up to `last_seq`: it need not be kept."""
        self._outbox.acknowledge(last_seq)

    async def attach(self, last_seq: int) -> AsyncGenerator[Outgoing, None]:
        """Everything that the client lacks, then all that comes, for one socket; a later attach ends this one."""
        self.conversation.seq = max(self.conversation.seq, last_seq)
        self._mover.over()
        self._patience.caller_is_here()
        self._human.caller_is_here()
        self._tell(CallerCame())
        self._attached += 1
        try:
            if self._human.is_talking:
                yield self._human.line
            if self._human.told is not None:
                # a page that was loaded anew knows nothing of it
                yield ToClient(0, self._written(self._human.told.model_copy(), 0))
            async with contextlib.aclosing(self._outbox.read(last_seq)) as entries:
                async for entry in entries:
                    yield entry
            is_over = self.state is SessionState.ENDED and not self.lease.is_claimed
            yield Ended() if is_over else Superseded()
        finally:
            self._attached -= 1
            if not self._attached:
                self._mover.over()
                self._patience.caller_is_gone()
                self._tell(CallerWent())
                self._human.caller_is_gone()

    def auth_ok(self, *, resumed: bool) -> AuthOk:
        """What the client is told when it is let in."""
        return self._auth_ok(self, resumed)

    def move(self, within_s: float, *, with_talks: bool) -> asyncio.Future[None]:
        """Let the caller connect anew; see `Mover.begin`. Done at once when no caller is connected."""
        moved = self._mover.begin(within_s, with_talks=with_talks)
        if not self._attached or self.state is SessionState.ENDED:
            self._mover.over()
        return moved

    def greet(self) -> None:
        """Say hello, aloud if somebody can."""
        self._mailbox.put_nowait(_Greet())

    def take_up(self, last_seq: int) -> None:
        """After a restore: repeat the turn that was in flight, or tell the last one again if the client lacks it."""
        self._mailbox.put_nowait(_Restored(last_seq))

    @property
    def pending_utterance_id(self) -> str | None:
        """The utterance being answered, else the one answered last: the client need not give it again."""
        return self._current.utterance_id if self._current else self.conversation.pending_utterance_id

    async def run(self) -> None:
        """Live until hang-up, silence, loss of the caller or a newer copy ends it."""
        with structlog.contextvars.bound_contextvars(session_id=self.session_id):
            try:
                self.lease.save()
                self._human.take_up()
                if await self._ends_by_silence():
                    # a copy that slept for so long may find that its caller went on elsewhere
                    await self.lease.confirm_if_known()
                    self._emit(ErrorMessage(code=ErrorCode.SESSION_ENDED, message=NOBODY_SPOKE))
                await self._forget()
            except Fenced:
                log.info("session_fenced")
            except Exception:
                # the top of the session's task: the caller must hear of it, and the log must say whose call it was
                log.exception("session_crashed")
                self._emit(ErrorMessage(code=ErrorCode.INTERNAL_ERROR, message=ConvonetError.spoken))
            finally:
                await self._close()

    async def _ends_by_silence(self) -> bool:
        """Handle commands until the session ends; returns whether nobody spoke, or came back, for too long."""
        try:
            async with self._patience.limit():
                while self.state is not SessionState.ENDED:
                    await self._handle_next()
        except TimeoutError:
            return True
        return False

    # -- one command at a time

    async def _handle_next(self) -> None:
        command = await self._mailbox.get()
        if self.lease.is_claimed:
            command = _Claimed()
        self._patience.renew()
        match command:
            case SpokenUtterance() | TypedUtterance():
                self._take(command)
            case _TurnOver(task):
                self._turn_over(task)
            case CancelTurn():
                metrics.count(BARGE_INS)
                self._cancel()
            case CancelTransfer():
                self._human.leave(hung_up=False)
            case Choose(preferences):
                self.conversation.choose(preferences)
            case HangUp():
                self._human.hang_up()
                self.state = SessionState.ENDED
            case _:
                self._handle_own(command)

    def _handle_own(self, command: _Greet | _Restored | _TransferNews | _Claimed) -> None:
        match command:
            case _Greet():
                self._speak(speak_greeting(self.conversation, self._services, self._emit))
            case _Restored(last_seq):
                self._go_on(last_seq)
            case _TransferNews(view):
                self._transfer_news(view)
            case _Claimed():
                raise Fenced(f"epoch {self.lease.epoch} was claimed")

    def _take(self, utterance: AnyUtterance) -> None:
        if self._has(utterance.utterance_id):
            return
        if self._human.is_talking:
            self._emit(ErrorMessage(code=ErrorCode.INVALID_MODE, message="You are talking with a person right now."))
        elif self.state is SessionState.READY:
            self._start(utterance)
        elif len(self._waiting) < MAX_WAITING_UTTERANCES:
            self._waiting.append(utterance)
        else:
            self._emit(ErrorMessage(code=ErrorCode.BUSY, message=STILL_WORKING))

    def _has(self, utterance_id: str) -> bool:
        held = [*([self._current] if self._current else []), *self._waiting]
        return self.conversation.has_answered(utterance_id) or any(u.utterance_id == utterance_id for u in held)

    def _go_on(self, last_seq: int) -> None:
        """The process that had this session is gone; its caller is here."""
        lost, last = self.conversation.in_flight, self.conversation.last_turn
        if lost is not None:
            if (again := lost.again()) is not None:
                self._start(again, lost.turn_number)
            elif not lost.client_gives_again:
                self._services.record(lost_turn(self.conversation, lost, self._services.wall_clock))
                self.conversation.in_flight = None
                self.lease.save()
                self._emit(ErrorMessage(code=ErrorCode.STT_FAILED, message=LOST_UTTERANCE))
                self._speak(announce(LOST_UTTERANCE, self.conversation, self._services, self._emit))
        elif last is not None and last.answer and last.last_seq > last_seq:
            telling = tell_again(last, self.conversation, self._services, self._emit, self._emit_sound)
            self._begin(_then_none(telling))

    def _start(self, utterance: AnyUtterance, number: int | None = None) -> None:
        self._current = utterance
        self._outbox.forget_sent()
        in_flight = self.conversation.begin_turn(utterance, number)
        turn_id = self.conversation.turn_id_of(utterance.utterance_id)
        turn = Turn(
            turn_id,
            self.conversation,
            in_flight,
            self._services,
            emit=self._emit,
            emit_sound=self._emit_sound,
            hold=self.lease,
        )
        self.lease.save()
        with structlog.contextvars.bound_contextvars(turn_id=turn_id):
            self._begin(turn.run(utterance))

    def _begin(self, work: Coroutine[None, None, TurnOutcome | None]) -> None:
        self.state = SessionState.THINKING
        self._turn = asyncio.create_task(work)
        self._turn.add_done_callback(self._turn_done)

    def _turn_done(self, task: asyncio.Task[TurnOutcome | None]) -> None:
        if not task.cancelled() and isinstance(task.exception(), Fenced):
            self._mailbox.put_nowait(_Claimed())
        else:
            self._mailbox.put_nowait(_TurnOver(task))

    def _speak(self, work: Coroutine[None, None, None]) -> None:
        """Say something beside the turns; a cancel stops it too."""
        self._speaking = in_background(work)

    def _turn_over(self, task: asyncio.Task[TurnOutcome | None]) -> None:
        utterance, self._turn, self._current = self._current, None, None
        self._tell(TurnOver())
        outcome = _outcome_of(task)
        if utterance is not None:
            transcript, final = (outcome.transcript, outcome.final) if outcome else ("", None)
            self.conversation.remember(utterance.utterance_id, transcript, final)
            if outcome is not None:
                turn_id = self.conversation.turn_id_of(utterance.utterance_id)
                self._human.after_turn(turn_id, transcript, final)
            self.lease.save()
        self.state = SessionState.READY
        if self._waiting:
            self._start(self._waiting.popleft())

    def _cancel(self) -> None:
        cancelled = self.conversation.turn_id_of(self._current.utterance_id) if self._current else None
        self._emit(PlaybackStop(turn_id=cancelled))
        self._waiting.clear()
        for task in self._children():
            task.cancel()

    def _transfer_news(self, view: HandOverView) -> None:
        self._tell(HumanTalk(tuple(view.said)))
        if self._human.news(view):
            if view.state is HandOverState.CONNECTED:
                # the agent must not speak into it
                self._cancel()
            self._patience.human_is_here(self._human.is_talking)
            self.lease.save()

    def _activity(self) -> Activity:
        if self._human.is_talking:
            return Activity.TALKING_WITH_HUMAN
        if self.state is SessionState.THINKING or self._waiting or self.recording is not None or self._human.is_busy:
            return Activity.SPEAKING
        if self.conversation.transfer is not None:
            return Activity.WAITING_FOR_HUMAN
        return Activity.SPEAKING if self._children() or self._playout.still_sounds else Activity.SILENT

    # -- what leaves

    def _tell(self, happening: Happening) -> None:
        self._services.watch(self.session_id, happening)

    def _emit(self, message: ServerMessage) -> None:
        self._tell(message)
        self._note_sound(message)
        self.conversation.seq += 1
        self._outbox.write(ToClient(self.conversation.seq, self._written(message, self.conversation.seq)))

    def _note_sound(self, message: ServerMessage) -> None:
        match message:
            case PlaybackStop():
                self._playout.stop()
            case AudioChunkOut() | Greeting() | Announcement():
                self._playout.file_sent(message.data_b64 or "")

    def _emit_sound(self, pcm: bytes, turn_number: int, first_sample: int, is_last: bool) -> None:
        self._playout.pcm_sent(pcm)
        self.conversation.seq += 1
        seq = self.conversation.seq
        header = FrameHeader(SoundKind.ANSWER_PCM16, turn_number, first_sample, seq, is_last)
        self._outbox.write(Sound(seq, header.pack() + pcm))

    def _written(self, message: ServerMessage, seq: int) -> str:
        message.session_id, message.seq = self.session_id, seq
        return message.model_dump_json(exclude_none=True)

    # -- the end

    async def _forget(self) -> None:
        """Raises `Fenced` when the session goes on elsewhere."""
        try:
            await self.lease.delete()
        except Fenced:
            raise
        except StorageError as error:
            # its time in the store ends by itself
            log.warning("checkpoint_not_deleted", error=str(error))

    async def _close(self) -> None:
        self.state = SessionState.ENDED
        self._mover.over()
        children = [*self._children(), *self._human.stop()]
        for task in children:
            task.cancel()
        await asyncio.gather(*children, return_exceptions=True)
        await self.lease.settle()
        self._outbox.close()
        self._tell(CallOver())
        self._on_end(self)

    def _children(self) -> list[asyncio.Task[TurnOutcome | None] | asyncio.Task[None]]:
        return [task for task in (self._turn, self._speaking) if task is not None and not task.done()]


async def _then_none(work: Coroutine[None, None, None]) -> None:
    await work


def _outcome_of(task: asyncio.Task[TurnOutcome | None]) -> TurnOutcome | None:
    """What a turn left behind; None when it was cancelled or has crashed."""
    if task.cancelled():
        return None
    if (error := task.exception()) is not None:
        log.error("turn_task_crashed", error=type(error).__name__)
        return None
    return task.result()
