"""The session actor, the only owner of one caller's state.

It lives in the voice replica that has the caller's socket, together with many others. Commands go through its mailbox
and are handled one at a time, in order. A turn runs as a child task, so that a cancel can overtake it. Callers are
authenticated before it exists (see `session_registry`).

    state      event            next       what happens
    ---------  ---------------  ---------  ------------------------------------------------
    READY      utterance        ANSWERING  the turn starts
    ANSWERING  utterance        ANSWERING  it waits its turn (a few may wait, then `busy`)
    ANSWERING  turn over        READY      checkpoint; the next waiting utterance starts
    ANSWERING  cancel           READY      the turn is stopped; playback_stop
    READY      cancel           READY      playback_stop
    any        hand-over view   same       the caller is informed; no turns during a talk with a human
    any        hang up          ENDED      the checkpoint is deleted
    any        timeout          ENDED      after the idle time, or the grace period without a socket
    any        claimed          ENDED      a newer copy exists elsewhere: stop and change nothing
    any        move             same       at the next silence the client is asked to reconnect (`actors.mover`)
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
from actors.lifetime import Lifetimes, SessionDeadline
from actors.mover import Activity, Mover
from convonet.core.background import BackgroundTasks
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
from convonet.sessions.abandoned import lost_turn_record
from convonet.sessions.announcements import repeat_turn, speak_announcement, speak_greeting
from convonet.sessions.call_events import (
    CallEnded,
    CallerConnected,
    CallerDisconnected,
    CallEvent,
    CallStarted,
    HumanTalkTranscribed,
    TurnEnded,
)
from convonet.sessions.conversation import Conversation
from convonet.sessions.hand_over import SessionHandOver
from convonet.sessions.messages import (
    AnyUtterance,
    BinaryFrame,
    CancelHandOver,
    CancelTurn,
    ChangePreferences,
    Command,
    Ended,
    HangUp,
    Outgoing,
    ReconnectRequested,
    SpokenUtterance,
    Superseded,
    ToClient,
    TypedUtterance,
)
from convonet.sessions.outbox import Outbox
from convonet.sessions.playback import Playback
from convonet.sessions.services import SessionServices
from convonet.sessions.turn import Turn, TurnOutcome
from convonet.storage.checkpoints import CheckpointStore
from convonet.telephony.messages import HandOverView

log = structlog.get_logger(__name__)

MAX_WAITING_UTTERANCES = 3
"""Limit of queued utterances; each may hold megabytes of audio."""

MAILBOX_SIZE = 64
"""Limit of queued commands; a connection sends a handful per turn."""

NOBODY_SPOKE = "This call ended because nobody spoke for a while."
STILL_WORKING = "One moment, I'm still working on what you said."
LOST_UTTERANCE = "I lost what you said just now. Please say it again."


class SessionState(StrEnum):
    """The session's state; see the table above."""

    READY = "ready"
    ANSWERING = "answering"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class _TurnFinished:
    """Internal command: the turn's task has ended."""

    task: asyncio.Task[TurnOutcome | None]


@dataclass(frozen=True, slots=True)
class _Greet:
    """Internal command: the session is new."""


@dataclass(frozen=True, slots=True)
class _Restored:
    """Internal command: the session was restored for a client that has everything up to `last_seq`."""

    last_seq: int


@dataclass(frozen=True, slots=True)
class _HandOverChanged:
    """Internal command: the hand-over has a new view."""

    view: HandOverView


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Internal command: a newer copy of the session exists in another process."""


_Mail = Command | _TurnFinished | _Greet | _Restored | _HandOverChanged | _Claimed


class SessionActor:
    """One caller's session. The registry runs `run`; the caller's connection uses `post` and `attach`."""

    def __init__(
        self,
        conversation: Conversation,
        epoch: int,
        *,
        services: SessionServices,
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
        self._deadline = SessionDeadline(lifetimes)
        self._auth_ok = auth_ok
        self._on_end = on_end
        self._mailbox: asyncio.Queue[_Mail] = asyncio.Queue()
        self._outbox = Outbox()
        self._waiting: deque[AnyUtterance] = deque()
        self._current: AnyUtterance | None = None
        self._turn: asyncio.Task[TurnOutcome | None] | None = None
        self._announcing = BackgroundTasks()
        """Speech outside a turn; a cancel stops it too."""
        self._attached = 0
        """Number of attached sockets; two while one takes over from the other."""
        self.lease = Lease(
            self.session_id,
            epoch,
            checkpoints,
            body=conversation.to_checkpoint,
            ttl_s=lifetimes.checkpoint,
            lease_s=lifetimes.grace,
            on_claimed=lambda: self._mailbox.put_nowait(_Claimed()),
        )
        self._hand_over = SessionHandOver(
            conversation,
            services,
            emit=self._emit,
            change_media_leg=self._outbox.write,
            post=lambda view: self._mailbox.put_nowait(_HandOverChanged(view)),
            confirm=self.lease.confirm,
            is_moving=lambda: self._mover.is_pending,
        )
        self._playback = Playback(asyncio.get_running_loop().time)
        self._mover = Mover(
            activity=self._activity,
            awaits_human=lambda: conversation.transfer is not None and not self._hand_over.is_talking,
            ask=lambda: self._outbox.send_to_reader(ReconnectRequested()),
        )
        # the observer gets this event before any socket is attached
        self._notify_observer(CallStarted(conversation))

    # -- interface for the connection and the registry

    def post(self, command: Command) -> None:
        """Put a command into the mailbox. Raises `ProtocolError` busy when it is full or the session has ended."""
        if self.state is SessionState.ENDED or self._mailbox.qsize() >= MAILBOX_SIZE:
            raise ProtocolError(ErrorCode.BUSY, STILL_WORKING)
        self._mailbox.put_nowait(command)

    def acknowledge(self, last_seq: int) -> None:
        """Drop the output up to `last_seq`, which the client has."""
        self._outbox.acknowledge(last_seq)

    async def attach(self, last_seq: int) -> AsyncGenerator[Outgoing, None]:
        """Yield the output that a client with `last_seq` lacks, then all that follows. A later attach ends this one."""
        self.conversation.seq = max(self.conversation.seq, last_seq)
        self._mover.end_move()
        self._deadline.caller_connected()
        self._hand_over.caller_connected()
        self._notify_observer(CallerConnected())
        self._attached += 1
        try:
            if self._hand_over.is_talking:
                yield self._hand_over.media_leg
            if self._hand_over.last_status is not None:
                # a reloaded page has lost it
                yield ToClient(0, self._serialize_message(self._hand_over.last_status.model_copy(), 0))
            async with contextlib.aclosing(self._outbox.read(last_seq)) as entries:
                async for entry in entries:
                    yield entry
            is_ended = self.state is SessionState.ENDED and not self.lease.is_claimed
            yield Ended() if is_ended else Superseded()
        finally:
            self._attached -= 1
            if not self._attached:
                self._mover.end_move()
                self._deadline.caller_disconnected()
                self._notify_observer(CallerDisconnected())
                if self.state is not SessionState.ENDED:
                    self._hand_over.caller_disconnected()

    def auth_ok(self, *, resumed: bool) -> AuthOk:
        return self._auth_ok(self, resumed)

    def move(self, within_s: float, *, with_talks: bool) -> asyncio.Future[None]:
        """Move the caller; see `Mover.start_move`. The future is done at once when no caller is connected."""
        moved = self._mover.start_move(within_s, with_talks=with_talks)
        if not self._attached or self.state is SessionState.ENDED:
            self._mover.end_move()
        return moved

    def greet(self) -> None:
        self._mailbox.put_nowait(_Greet())

    def resume_after_restore(self, last_seq: int) -> None:
        """Repeat the turn that was in progress, or the last answer if a client with `last_seq` lacks it."""
        self._mailbox.put_nowait(_Restored(last_seq))

    @property
    def pending_utterance_id(self) -> str | None:
        """The utterance that the client need not send again: the one in progress, else the one answered last."""
        return self._current.utterance_id if self._current else self.conversation.pending_utterance_id

    async def run(self) -> None:
        """Handle commands until the session ends: by hang-up, a timeout or a newer copy."""
        with structlog.contextvars.bound_contextvars(session_id=self.session_id):
            try:
                self.lease.save()
                self._hand_over.resume_after_restore()
                if await self._run_until_timeout():
                    # by then the caller may have gone on with another copy
                    await self.lease.confirm_if_reachable()
                    self._emit(ErrorMessage(code=ErrorCode.SESSION_ENDED, message=NOBODY_SPOKE))
                await self._delete_checkpoint()
            except Fenced:
                log.info("session_fenced")
            except Exception:
                # the top of the session's task: the caller must be told, and the log must have the session's id
                log.exception("session_crashed")
                self._emit(ErrorMessage(code=ErrorCode.INTERNAL_ERROR, message=ConvonetError.spoken))
            finally:
                await self._close()

    async def _run_until_timeout(self) -> bool:
        """Handle commands until the session ends. Returns whether it ended by a timeout."""
        try:
            async with self._deadline.limit():
                while self.state is not SessionState.ENDED:
                    await self._handle_next()
        except TimeoutError:
            return True
        return False

    # -- commands

    async def _handle_next(self) -> None:
        command = await self._mailbox.get()
        if self.lease.is_claimed:
            command = _Claimed()
        self._deadline.renew()
        match command:
            case SpokenUtterance() | TypedUtterance():
                self._accept_utterance(command)
            case _TurnFinished(task):
                self._finish_turn(task)
            case CancelTurn():
                metrics.count(BARGE_INS)
                self._cancel()
            case CancelHandOver():
                self._hand_over.leave(hung_up=False)
            case ChangePreferences(preferences):
                self.conversation.apply_preferences(preferences)
            case HangUp():
                self._hand_over.hang_up()
                self.state = SessionState.ENDED
            case _:
                self._handle_internal(command)

    def _handle_internal(self, command: _Greet | _Restored | _HandOverChanged | _Claimed) -> None:
        match command:
            case _Greet():
                self._announcing.spawn(speak_greeting(self.conversation, self._services, self._emit))
            case _Restored(last_seq):
                self._continue_restored(last_seq)
            case _HandOverChanged(view):
                self._handle_hand_over_view(view)
            case _Claimed():
                raise Fenced(f"epoch {self.lease.epoch} was claimed")

    def _accept_utterance(self, utterance: AnyUtterance) -> None:
        if self._knows_utterance(utterance.utterance_id):
            return
        if self._hand_over.is_talking:
            self._emit(ErrorMessage(code=ErrorCode.INVALID_MODE, message="You are talking with a person right now."))
        elif self.state is SessionState.READY:
            self._start_turn(utterance)
        elif len(self._waiting) < MAX_WAITING_UTTERANCES:
            self._waiting.append(utterance)
        else:
            self._emit(ErrorMessage(code=ErrorCode.BUSY, message=STILL_WORKING))

    def _knows_utterance(self, utterance_id: str) -> bool:
        pending = [*([self._current] if self._current else []), *self._waiting]
        return self.conversation.has_answered(utterance_id) or any(u.utterance_id == utterance_id for u in pending)

    def _continue_restored(self, last_seq: int) -> None:
        """Continue the turn, or repeat the answer, that the caller lost with the previous process."""
        lost, last = self.conversation.in_flight, self.conversation.last_turn
        if lost is not None:
            if (utterance := lost.utterance_to_repeat()) is not None:
                self._start_turn(utterance, lost.turn_number)
            elif not lost.client_gives_again:
                self._services.record(lost_turn_record(self.conversation, lost, self._services.wall_clock))
                self.conversation.in_flight = None
                self.lease.save()
                self._emit(ErrorMessage(code=ErrorCode.STT_FAILED, message=LOST_UTTERANCE))
                apology = speak_announcement(LOST_UTTERANCE, self.conversation, self._services, self._emit)
                self._announcing.spawn(apology)
        elif last is not None and last.answer and last.last_seq > last_seq:
            self._run_as_turn(repeat_turn(last, self.conversation, self._services, self._emit, self._emit_audio))

    def _start_turn(self, utterance: AnyUtterance, number: int | None = None) -> None:
        self._current = utterance
        self._outbox.drop_sent_audio()
        in_flight = self.conversation.begin_turn(utterance, number)
        turn_id = self.conversation.turn_id_of(utterance.utterance_id)
        turn = Turn(
            turn_id,
            self.conversation,
            in_flight,
            self._services,
            emit=self._emit,
            emit_audio=self._emit_audio,
            lease=self.lease,
        )
        self.lease.save()
        with structlog.contextvars.bound_contextvars(turn_id=turn_id):
            self._run_as_turn(turn.run(utterance))

    def _run_as_turn(self, work: Coroutine[None, None, TurnOutcome | None]) -> None:
        self.state = SessionState.ANSWERING
        self._turn = asyncio.create_task(work)
        self._turn.add_done_callback(self._post_turn_finished)

    def _post_turn_finished(self, task: asyncio.Task[TurnOutcome | None]) -> None:
        if not task.cancelled() and isinstance(task.exception(), Fenced):
            self._mailbox.put_nowait(_Claimed())
        else:
            self._mailbox.put_nowait(_TurnFinished(task))

    def _finish_turn(self, task: asyncio.Task[TurnOutcome | None]) -> None:
        utterance, self._turn, self._current = self._current, None, None
        self._notify_observer(TurnEnded())
        outcome = _outcome_of(task)
        if utterance is not None:
            transcript, final = (outcome.transcript, outcome.final) if outcome else ("", None)
            self.conversation.remember(utterance.utterance_id, transcript, final)
            if outcome is not None:
                turn_id = self.conversation.turn_id_of(utterance.utterance_id)
                self._hand_over.after_turn(turn_id, transcript, final)
            self.lease.save()
        self.state = SessionState.READY
        if self._waiting:
            self._start_turn(self._waiting.popleft())

    def _cancel(self) -> None:
        cancelled = self.conversation.turn_id_of(self._current.utterance_id) if self._current else None
        self._emit(PlaybackStop(turn_id=cancelled))
        self._waiting.clear()
        self._cancel_children()

    def _handle_hand_over_view(self, view: HandOverView) -> None:
        self._notify_observer(HumanTalkTranscribed(tuple(view.said)))
        if self._hand_over.handle_view(view):
            if view.state is HandOverState.CONNECTED:
                # the agent must not speak during the talk
                self._cancel()
            self._deadline.set_talking(self._hand_over.is_talking)
            self.lease.save()

    def _activity(self) -> Activity:
        if self._hand_over.is_talking:
            return Activity.TALKING_WITH_HUMAN
        is_answering = self.state is SessionState.ANSWERING or bool(self._waiting)
        if is_answering or self.recording is not None or self._hand_over.is_busy:
            return Activity.SPEAKING
        if self.conversation.transfer is not None:
            return Activity.WAITING_FOR_HUMAN
        return Activity.SPEAKING if self._announcing or self._playback.is_playing else Activity.SILENT

    # -- output

    def _notify_observer(self, event: CallEvent) -> None:
        self._services.observe_call(self.session_id, event)

    def _emit(self, message: ServerMessage) -> None:
        self._notify_observer(message)
        self._track_playback(message)
        self.conversation.seq += 1
        self._outbox.write(ToClient(self.conversation.seq, self._serialize_message(message, self.conversation.seq)))

    def _track_playback(self, message: ServerMessage) -> None:
        match message:
            case PlaybackStop():
                self._playback.stop()
            case AudioChunkOut() | Greeting() | Announcement():
                self._playback.file_sent(message.data_b64 or "")

    def _emit_audio(self, pcm: bytes, turn_number: int, first_sample: int, is_last: bool) -> None:
        self._playback.pcm_sent(pcm)
        self.conversation.seq += 1
        seq = self.conversation.seq
        header = FrameHeader(SoundKind.ANSWER_PCM16, turn_number, first_sample, seq, is_last)
        self._outbox.write(BinaryFrame(seq, header.pack() + pcm))

    def _serialize_message(self, message: ServerMessage, seq: int) -> str:
        message.session_id, message.seq = self.session_id, seq
        return message.model_dump_json(exclude_none=True)

    # -- end

    async def _delete_checkpoint(self) -> None:
        """Delete the checkpoint. Raises `Fenced` when the session goes on elsewhere."""
        try:
            await self.lease.delete()
        except Fenced:
            raise
        except StorageError as error:
            # it expires by itself
            log.warning("checkpoint_not_deleted", error=str(error))

    async def _close(self) -> None:
        self.state = SessionState.ENDED
        self._mover.end_move()
        self._hand_over.stop()
        self._cancel_children()
        if self._turn is not None:
            await asyncio.wait([self._turn])
        await self._announcing.wait_all()
        await self.lease.wait_saved()
        self._outbox.close()
        self._notify_observer(CallEnded())
        self._on_end(self)
        await self._hand_over.wait_finished()

    def _cancel_children(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
        self._announcing.cancel_all()


def _outcome_of(task: asyncio.Task[TurnOutcome | None]) -> TurnOutcome | None:
    """Return the result of a turn, or None when it was cancelled or has crashed."""
    if task.cancelled():
        return None
    if (error := task.exception()) is not None:
        log.error("turn_task_crashed", error=type(error).__name__)
        return None
    return task.result()
