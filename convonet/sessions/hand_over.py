"""A session's side of a hand-over to a human: begins it, follows it, and tells the caller how it goes.

The hand-over itself lives elsewhere (`actors.hand_overs.actor`); a session that was restored follows it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from convonet.agents.base import Final
from convonet.core.background import in_background
from convonet.core.errors import Fenced, StorageError
from convonet.core.hand_over import EndReason, HandOverState
from convonet.core.ids import TurnId
from convonet.language.spoken import answer
from convonet.protocol.server import ServerMessage, TransferStatus
from convonet.sessions.announcements import announce
from convonet.sessions.conversation import Conversation
from convonet.sessions.messages import LineChanged
from convonet.sessions.services import Services
from convonet.sessions.transfer_orders import OngoingTransfer, begun_by, call_back_of
from convonet.sessions.transfer_record import record_of
from convonet.sessions.transfer_words import after, in_words, initiated, remembered, status
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import HandOverRequest, HandOverView

log = structlog.get_logger(__name__)

ASK_AGAIN_S = (0.1, 0.3, 0.6, 1.0, 2.0, 2.0, 3.0, 3.0)
"""Waits before each try to find the host of the hand-overs again; a killed one is replaced within four seconds."""

CALLER_GRACE_S = 15.0
"""How long a human waits for a caller whose connection is lost."""

NOT_NOTED = "I'm sorry, I could not write down that you want to be called back. Please ask again later."


class HandOver:
    """What a session has to do with humans. All but `news` return at once."""

    def __init__(
        self,
        conversation: Conversation,
        services: Services,
        *,
        emit: Callable[[ServerMessage], None],
        change_line: Callable[[LineChanged], None],
        post: Callable[[HandOverView], object],
        confirm: Callable[[], Awaitable[None]],
        is_moving: Callable[[], bool],
    ) -> None:
        """`post` takes each new view; the session gives it back to `news` when its turn has come.

        `confirm` makes sure that no newer copy of the session exists: it raises `Fenced` when one does, and
        `StorageError` while nobody can tell. `is_moving` tells whether the caller is about to be moved elsewhere: then
        no hand-over begins here.
        """
        self._conversation = conversation
        self._services = services
        self._emit = emit
        self._change_line = change_line
        self._post = post
        self._confirm = confirm
        self._is_moving = is_moving
        self._following: asyncio.Task[None] | None = None
        self._aside: set[asyncio.Task[None]] = set()
        self._missing: asyncio.Task[None] | None = None
        self.line = LineChanged(None)
        """Where the human's audio is, for a socket that attaches."""
        self.told: TransferStatus | None = None
        """What the page was told last."""

    @property
    def is_talking(self) -> bool:
        """Whether a human is on the line."""
        return self.line.line is not None

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way that another copy of the session would not do: words, or a call back."""
        return bool(self._aside)

    def take_up(self) -> None:
        """After a restore: follow what was going on, or begin what the copy before has left to this one."""
        if (ongoing := self._conversation.transfer) is not None:
            self._begin_or_follow(ongoing)

    def after_turn(self, turn_id: TurnId, transcript: str, final: Final | None) -> None:
        """Begin what a turn has ended with, or end what it does not want any more."""
        conversation = self._conversation
        promised = call_back_of(final, turn_id, conversation.session_id, conversation.language)
        if promised is not None:
            self._start(self._ask_call_back(promised))
        if conversation.transfer is not None:
            if promised is not None or answer(transcript) == "drop":
                self.leave(hung_up=False)
            return
        conversation.transfer = begun_by(final, turn_id, conversation.session_id, conversation.language)
        if conversation.transfer is not None and not self._is_moving():
            self._begin_or_follow(conversation.transfer)

    def news(self, view: HandOverView) -> bool:
        """Tell the caller of a new view; False when it is of no importance any more."""
        ongoing, before = self._conversation.transfer, self.told
        if ongoing is None or ongoing.order.transfer_id != view.transfer_id:
            return False
        if view.line != self.line.line:
            self.line = LineChanged(view.line)
            self._change_line(self.line)
        told = status(view)
        if told is None or told == before:
            return False
        self.told = told
        self._emit(told.model_copy())
        is_news = before is None or (before.state, before.position) != (told.state, told.position)
        if is_news and (words := in_words(view)):
            self._announce(words)
        if self._record_if_over(view):
            self._conversation.note(remembered(ongoing.order.context, view), after(view, ongoing.order.reason))
            self._conversation.transfer = self.told = None
        return True

    def leave(self, *, hung_up: bool) -> None:
        """The caller does not want a human any more."""
        if (ongoing := self._conversation.transfer) is None:
            return
        if self._is_held_back(ongoing):
            self._conversation.transfer = None
        else:
            self._start(self._leave(ongoing.order.transfer_id, hung_up=hung_up))

    def hang_up(self) -> None:
        """The caller has hung up: the session ends now, and nobody gives the news to `news` any more."""
        if self._conversation.transfer is not None and self._following is not None:
            self._post = self._record_if_over
            self._keep(self._following)
            self._following = None
        self.leave(hung_up=True)

    def caller_is_gone(self) -> None:
        """The caller's connection is lost: a human must not wait for them as long as the session does."""
        self._do_not_miss_caller()
        if self._conversation.transfer is not None:
            self._missing = self._start(self._miss_caller())

    def caller_is_here(self) -> None:
        """The caller is connected: nobody has to wait for them any more, and what waited for a move begins."""
        self._do_not_miss_caller()
        if (ongoing := self._conversation.transfer) is not None and self._is_held_back(ongoing):
            self._begin_or_follow(ongoing)

    def stop(self) -> list[asyncio.Task[None]]:
        """The session is over here; the hand-over may go on with another copy of it."""
        return [task for task in (self._following, self._missing) if task is not None]

    def _record_if_over(self, view: HandOverView) -> bool:
        """Write the record of a hand-over that is over; returns whether it is."""
        if (ongoing := self._conversation.transfer) is None or view.state not in (
            HandOverState.ENDED,
            HandOverState.FAILED,
        ):
            return False
        self._services.record(record_of(self._conversation, ongoing, view))
        return True

    def _is_held_back(self, ongoing: OngoingTransfer) -> bool:
        """Whether it was to begin when the caller was about to be moved: nobody but this session knows of it."""
        return not ongoing.is_begun and (self._following is None or self._following.done())

    def _do_not_miss_caller(self) -> None:
        if self._missing is not None:
            self._missing.cancel()
            self._missing = None

    # -- what takes time

    def _begin_or_follow(self, ongoing: OngoingTransfer) -> None:
        if not ongoing.is_begun:
            self._emit(initiated(ongoing))
        self._following = in_background(self._follow_to_its_end(ongoing))

    async def _follow_to_its_end(self, ongoing: OngoingTransfer) -> None:
        delays = iter(ASK_AGAIN_S)
        hand_overs, transfer_id = self._services.hand_overs, ongoing.order.transfer_id
        while True:
            try:
                if not ongoing.is_begun:
                    await self._confirm()
                    await hand_overs.begin_hand_over(ongoing.order)
                    ongoing.is_begun = True
                async with contextlib.aclosing(hand_overs.follow_hand_over(transfer_id)) as views:
                    async for view in views:
                        delays = iter(ASK_AGAIN_S)
                        self._post(view)
                        if view.state in (HandOverState.ENDED, HandOverState.FAILED):
                            return
            except Fenced:
                return
            except (HandOversUnavailable, StorageError) as error:
                log.warning("transfer_host_lost", transfer_id=transfer_id, reason=str(error))
            except Exception:
                # the top of a task: the caller must hear that nobody comes
                log.exception("transfer_crashed", transfer_id=transfer_id)
                self._post(_lost(ongoing))
                return
            delay = next(delays, None)
            if delay is None and not self._is_moving():
                self._post(_lost(ongoing))
                return
            await asyncio.sleep(delay or ASK_AGAIN_S[-1])

    async def _leave(self, transfer_id: str, *, hung_up: bool) -> None:
        # it also ends by itself when nobody follows it any more
        for delay in ASK_AGAIN_S:
            try:
                await self._confirm()
                await self._services.hand_overs.leave_hand_over(transfer_id, hung_up=hung_up)
                return
            except Fenced:
                return
            except (HandOversUnavailable, StorageError):
                await asyncio.sleep(delay)

    async def _ask_call_back(self, order: HandOverRequest) -> None:
        try:
            await self._confirm()
            await self._services.hand_overs.request_call_back(order)
        except Fenced:
            return
        except (HandOversUnavailable, StorageError) as error:
            log.error("call_back_lost", reason=str(error))
            self._announce(NOT_NOTED)

    async def _miss_caller(self) -> None:
        await asyncio.sleep(CALLER_GRACE_S)
        self.leave(hung_up=True)

    def _announce(self, text: str) -> None:
        self._start(announce(text, self._conversation, self._services, self._emit))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return self._keep(in_background(work, own_context=True))

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)
        return task


def _lost(ongoing: OngoingTransfer) -> HandOverView:
    """What is told of a hand-over of which nobody knows any more."""
    order = ongoing.order
    return HandOverView(
        transfer_id=order.transfer_id,
        state=HandOverState.FAILED,
        department=order.department,
        why=EndReason.NOBODY_THERE,
    )
