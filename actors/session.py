"""SessionActor: the only owner of one caller's state.

It lives in a session host process together with many others. Commands go through its mailbox and are handled one at
a time, in order; a turn runs as its child task, so that a cancel can overtake it. Who may talk to it is decided before
it exists (see `session_host`).

    state      event            next       what happens
    ---------  ---------------  ---------  ------------------------------------------------
    READY      utterance        THINKING   the turn starts
    THINKING   utterance        THINKING   it waits its turn (a few may wait, then `busy`)
    THINKING   turn over        READY      checkpoint; the next waiting utterance starts
    THINKING   cancel           READY      the turn is stopped; playback_stop
    READY      cancel           READY      playback_stop
    any        hand-over news   same       the caller is told; while a human is on the line no turn is taken
    any        hang up          ENDED      the checkpoint is deleted
    any        idle / lost      ENDED      after the idle time, or the grace time without a socket
    any        fenced           ENDED      a newer copy lives elsewhere: stop, touch nothing
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum

import structlog

from actors.lifetime import Lifetimes, Patience
from convonet.errors import ConvonetError, ErrorCode, Fenced, StorageError
from convonet.metrics.definitions import BARGE_INS
from convonet.metrics.recorder import metrics
from convonet.protocol.server import ErrorMessage, PlaybackStop, ServerMessage
from convonet.records.record import TurnStatus
from convonet.sessions.announcements import speak_greeting, tell_again
from convonet.sessions.conversation import Conversation
from convonet.sessions.hand_over import HandOver
from convonet.sessions.happenings import CallBegan, CallerCame, CallerWent, CallOver, Happening, HumanTalk, TurnOver
from convonet.sessions.messages import (
    AnyUtterance,
    CancelTransfer,
    CancelTurn,
    Choose,
    Command,
    Ended,
    HangUp,
    HostEvent,
    SpokenUtterance,
    StillThere,
    Superseded,
    ToClient,
    TypedUtterance,
    UtteranceDone,
)
from convonet.sessions.outbox import Outbox
from convonet.sessions.services import Services
from convonet.sessions.turn import Turn, TurnOutcome
from convonet.storage.checkpoints import CheckpointStore
from convonet.telephony.messages import TransferView
from convonet.telephony.transfer import State as TransferState

log = structlog.get_logger(__name__)

MAX_WAITING_UTTERANCES = 3
"""More than this many unanswered sentences is no conversation; each may hold megabytes of audio."""

MAILBOX_SIZE = 64
"""Commands that may wait; a voice replica sends a handful per turn."""


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
class _RepeatLastTurn:
    """Internal command: the session was restored for a client that has everything up to `last_seq`."""

    last_seq: int


@dataclass(frozen=True, slots=True)
class _TransferNews:
    """Internal command: the hand-over is in another state."""

    view: TransferView


_Mail = Command | _TurnOver | _Greet | _RepeatLastTurn | _TransferNews


class SessionActor:
    """One caller's session. `run` is its life; `post` and `attach` are how others reach it."""

    def __init__(
        self,
        conversation: Conversation,
        epoch: int,
        *,
        services: Services,
        checkpoints: CheckpointStore,
        lifetimes: Lifetimes,
        on_end: Callable[[SessionActor], None],
    ) -> None:
        self.conversation = conversation
        self.state = SessionState.READY
        self._epoch = epoch
        self._services = services
        self._checkpoints = checkpoints
        self._patience = Patience(lifetimes)
        self._on_end = on_end
        self._mailbox: asyncio.Queue[_Mail] = asyncio.Queue()
        self._outbox = Outbox()
        self._waiting: deque[AnyUtterance] = deque()
        self._current: AnyUtterance | None = None
        self._turn: asyncio.Task[TurnOutcome | None] | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._human = HandOver(
            conversation,
            services,
            emit=self._emit,
            change_line=self._outbox.write,
            post=lambda view: self._mailbox.put_nowait(_TransferNews(view)),
        )
        # before a socket can be attached, whichever task runs first
        self._tell(CallBegan(conversation))

    # -- what others call

    def post(self, command: Command) -> bool:
        """Put a command into the mailbox; False when it is full or the session has ended."""
        if self.state is SessionState.ENDED or self._mailbox.qsize() >= MAILBOX_SIZE:
            return False
        self._mailbox.put_nowait(command)
        return True

    async def attach(self, last_seq: int) -> AsyncGenerator[HostEvent, None]:
        """Everything that the client lacks, then all that comes, for one socket; a later attach ends this one."""
        self.conversation.seq = max(self.conversation.seq, last_seq)
        self._patience.caller_is_here()
        self._tell(CallerCame())
        try:
            if self._human.is_talking:
                yield self._human.line
            if self._human.told is not None:
                # a page that was loaded anew knows nothing of it
                yield ToClient(0, self._written(self._human.told.model_copy(), 0))
            async with contextlib.aclosing(self._outbox.read(last_seq)) as entries:
                async for entry in entries:
                    yield entry
            yield Ended() if self.state is SessionState.ENDED else Superseded()
        finally:
            if not self._outbox.has_reader:
                self._patience.caller_is_gone()
                self._tell(CallerWent())
                self._human.caller_is_gone(lambda: self._outbox.has_reader)

    def greet(self) -> None:
        """Say hello, aloud if somebody can."""
        self._mailbox.put_nowait(_Greet())

    def repeat_last_turn(self, last_seq: int) -> None:
        """After a restore: tell the last turn again if the client has not heard all of it."""
        self._mailbox.put_nowait(_RepeatLastTurn(last_seq))

    @property
    def utterance_at_work(self) -> str | None:
        """The utterance being answered, else the one answered last."""
        if self._current is not None:
            return self._current.utterance_id
        return self.conversation.last_turn.utterance_id if self.conversation.last_turn else None

    async def run(self) -> None:
        """Live until hang-up, silence, loss of the caller or a newer copy ends it."""
        with structlog.contextvars.bound_contextvars(session_id=self.conversation.session_id):
            try:
                await self._save()
                self._human.take_up()
                async with self._patience.limit():
                    while self.state is not SessionState.ENDED:
                        await self._handle(await self._mailbox.get())
                await self._forget()
            except TimeoutError:
                message = "This call ended because nobody spoke for a while."
                self._emit(ErrorMessage(code=ErrorCode.SESSION_ENDED, message=message))
                await self._forget()
            except Fenced:
                log.info("session_fenced")
            except Exception:
                # the top of the session's task: the caller must hear of it, and the log must say whose call it was
                log.exception("session_crashed")
                self._emit(ErrorMessage(code=ErrorCode.INTERNAL_ERROR, message=ConvonetError.spoken))
            finally:
                await self._close()

    # -- one command at a time

    async def _handle(self, command: _Mail) -> None:
        if not isinstance(command, StillThere):
            self._patience.renew()
        match command:
            case SpokenUtterance() | TypedUtterance():
                self._take(command)
            case CancelTurn():
                metrics.count(BARGE_INS)
                self._cancel()
            case CancelTransfer():
                self._human.leave(hung_up=False)
            case _TransferNews(view):
                await self._transfer_news(view)
            case _TurnOver(task):
                await self._turn_over(task)
            case _Greet():
                self._greeting = asyncio.create_task(speak_greeting(self.conversation, self._services, self._emit))
            case _RepeatLastTurn(last_seq):
                self._tell_last_turn_again(last_seq)
            case Choose(preferences):
                self.conversation.choose(preferences)
            case StillThere(last_seq):
                self._outbox.acknowledge(last_seq or 0)
            case HangUp():
                self._human.leave(hung_up=True)
                self.state = SessionState.ENDED

    def _take(self, utterance: AnyUtterance) -> None:
        if self.conversation.has_answered(utterance.utterance_id):
            self._outbox.write(UtteranceDone(utterance.utterance_id))
        elif self._human.is_talking:
            self._emit(ErrorMessage(code=ErrorCode.INVALID_MODE, message="You are talking with a person right now."))
            self._outbox.write(UtteranceDone(utterance.utterance_id, "failed"))
        elif any(u.utterance_id == utterance.utterance_id for u in self._held()):
            return
        elif self.state is SessionState.READY:
            self._start(utterance)
        elif len(self._waiting) < MAX_WAITING_UTTERANCES:
            self._waiting.append(utterance)
        else:
            self._emit(ErrorMessage(code=ErrorCode.BUSY, message="One moment, I'm still working on what you said."))
            self._outbox.write(UtteranceDone(utterance.utterance_id, "failed"))

    def _tell_last_turn_again(self, last_seq: int) -> None:
        last = self.conversation.last_turn
        if last is not None and last.answer and last.last_seq > last_seq:
            self._begin(_then_none(tell_again(last, self.conversation, self._services, self._emit)))

    def _held(self) -> list[AnyUtterance]:
        return [*([self._current] if self._current else []), *self._waiting]

    def _start(self, utterance: AnyUtterance) -> None:
        self._current = utterance
        turn_id = self.conversation.turn_id_of(utterance.utterance_id)
        turn = Turn(turn_id, utterance, self.conversation, self._services, self._emit)
        with structlog.contextvars.bound_contextvars(turn_id=turn_id):
            self._begin(turn.run())

    def _begin(self, work: Coroutine[None, None, TurnOutcome | None]) -> None:
        self.state = SessionState.THINKING
        self._turn = asyncio.create_task(work)
        self._turn.add_done_callback(lambda task: self._mailbox.put_nowait(_TurnOver(task)))

    async def _turn_over(self, task: asyncio.Task[TurnOutcome | None]) -> None:
        utterance, self._turn, self._current = self._current, None, None
        self._tell(TurnOver())
        if utterance is not None:
            outcome, status = _outcome_of(task)
            self.conversation.remember(
                utterance.utterance_id, outcome.transcript if outcome else "", outcome.final if outcome else None
            )
            if outcome is not None:
                turn_id = self.conversation.turn_id_of(utterance.utterance_id)
                self._human.after_turn(turn_id, outcome.transcript, outcome.final)
            await self._save()
            self._outbox.write(UtteranceDone(utterance.utterance_id, status))
        self.state = SessionState.READY
        if self._waiting:
            self._start(self._waiting.popleft())

    def _cancel(self) -> None:
        cancelled = self.conversation.turn_id_of(self._current.utterance_id) if self._current else None
        self._emit(PlaybackStop(turn_id=cancelled))
        for utterance in self._waiting:
            self._outbox.write(UtteranceDone(utterance.utterance_id, "cancelled"))
        self._waiting.clear()
        for task in self._children():
            task.cancel()

    async def _transfer_news(self, view: TransferView) -> None:
        self._tell(HumanTalk(tuple(view.said)))
        if self._human.news(view):
            if view.state is TransferState.CONNECTED:
                # the agent must not speak into it
                self._cancel()
            await self._save()

    # -- storage and end

    def _tell(self, happening: Happening) -> None:
        self._services.watch(self.conversation.session_id, happening)

    def _emit(self, message: ServerMessage) -> None:
        self._tell(message)
        self.conversation.seq += 1
        self._outbox.write(ToClient(self.conversation.seq, self._written(message, self.conversation.seq)))

    def _written(self, message: ServerMessage, seq: int) -> str:
        message.session_id, message.seq = self.conversation.session_id, seq
        return message.model_dump_json(exclude_none=True)

    async def _save(self) -> None:
        body = self.conversation.to_checkpoint()
        try:
            await self._checkpoints.save(
                self.conversation.session_id, self._epoch, body, self._patience.lifetimes.checkpoint
            )
        except Fenced:
            raise
        except StorageError as error:
            # the caller talks on without a safety net; the next turn tries again
            log.warning("checkpoint_failed", error=str(error))

    async def _forget(self) -> None:
        with contextlib.suppress(StorageError):
            await self._checkpoints.delete(self.conversation.session_id, self._epoch)

    async def _close(self) -> None:
        self.state = SessionState.ENDED
        children = [*self._children(), *self._human.stop()]
        for task in children:
            task.cancel()
        await asyncio.gather(*children, return_exceptions=True)
        self._outbox.close()
        self._tell(CallOver())
        self._on_end(self)

    def _children(self) -> list[asyncio.Task[TurnOutcome | None] | asyncio.Task[None]]:
        return [task for task in (self._turn, self._greeting) if task is not None and not task.done()]


async def _then_none(work: Coroutine[None, None, None]) -> None:
    await work


def _outcome_of(task: asyncio.Task[TurnOutcome | None]) -> tuple[TurnOutcome | None, TurnStatus]:
    if task.cancelled():
        return None, "cancelled"
    if (error := task.exception()) is not None:
        log.error("turn_crashed", exc_info=error)
        return None, "failed"
    outcome = task.result()
    return outcome, outcome.status if outcome else "success"
