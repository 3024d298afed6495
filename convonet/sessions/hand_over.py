"""A session's side of a hand-over to a human: starts it, follows its state, and informs the caller.

Used by the `SessionActor`. The hand-over itself runs in the call center (`actors.hand_overs`); a restored
session follows it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from convonet.agents.base import Final
from convonet.core.background import BackgroundTasks
from convonet.core.errors import Fenced, StorageError
from convonet.core.hand_over import EndReason, HandOverState
from convonet.core.ids import TurnId
from convonet.language.sentences import Sentence
from convonet.protocol.server import ServerMessage, TransferStatus
from convonet.sessions.announcements import speak_announcement
from convonet.sessions.conversation import Conversation
from convonet.sessions.hand_over_messages import (
    history_entries,
    initiated_message,
    memory_after,
    spoken_text,
    status_message,
)
from convonet.sessions.hand_over_record import hand_over_record
from convonet.sessions.hand_over_request import OngoingHandOver, call_back_from, hand_over_from
from convonet.sessions.messages import MediaLegChanged
from convonet.sessions.services import SessionServices
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import HandOverRequest, HandOverView

log = structlog.get_logger(__name__)

RETRY_DELAYS_S = (0.1, 0.3, 0.6, 1.0, 2.0, 2.0, 3.0, 3.0)
"""Delay before each new attempt to reach the call center; a killed replica is replaced within four seconds."""

CALL_BACK_NOT_SAVED = "I'm sorry, I could not write down that you want to be called back. Please ask again later."


class SessionHandOver:
    """The hand-overs of one session. No method waits for the call center."""

    def __init__(
        self,
        conversation: Conversation,
        services: SessionServices,
        *,
        emit: Callable[[ServerMessage], None],
        change_media_leg: Callable[[MediaLegChanged], None],
        post: Callable[[HandOverView], object],
        confirm: Callable[[], Awaitable[None]],
        is_moving: Callable[[], bool],
    ) -> None:
        """`post` puts each new view into the session's mailbox, from which it comes to `handle_view`.

        `confirm` raises `Fenced` when a newer copy of the session exists, and `StorageError` while that is unknown.
        While `is_moving` returns True, the caller is about to be moved and no hand-over starts here.
        """
        self._conversation = conversation
        self._services = services
        self._emit = emit
        self._change_media_leg = change_media_leg
        self._post = post
        self._confirm = confirm
        self._is_moving = is_moving
        self._following = BackgroundTasks()
        self._outlasting = BackgroundTasks()
        self._grace_period: asyncio.Task[None] | None = None
        self._has_hung_up = False
        self._last_view: HandOverView | None = None
        self.media_leg = MediaLegChanged(None)
        """Address of the human's audio, for a socket that attaches."""
        self.last_status: TransferStatus | None = None
        """The last status that was sent to the client."""

    @property
    def is_talking(self) -> bool:
        """True if the caller talks with a human."""
        return self.media_leg.address is not None

    @property
    def is_busy(self) -> bool:
        """True if work is in progress that another copy of the session would not do, such as an announcement."""
        return bool(self._outlasting)

    def resume_after_restore(self) -> None:
        """Follow the hand-over in progress, or start the one that the previous copy left to this one."""
        if (ongoing := self._conversation.transfer) is not None:
            self._begin_or_follow(ongoing)

    def after_turn(self, turn_id: TurnId, transcript: str, final: Final | None) -> None:
        """Start the hand-over or callback that a turn ended with, or cancel the one in progress."""
        conversation = self._conversation
        call_back = call_back_from(final, turn_id, conversation.session_id, conversation.language)
        if call_back is not None:
            self._start(self._request_call_back(call_back))
        if conversation.transfer is not None:
            if call_back is not None or Sentence(transcript).answer == "drop":
                self.leave(hung_up=False)
            return
        conversation.transfer = hand_over_from(final, turn_id, conversation.session_id, conversation.language)
        if conversation.transfer is not None and not self._is_moving():
            self._begin_or_follow(conversation.transfer)

    def handle_view(self, view: HandOverView) -> bool:
        """Inform the caller about a new view. Returns False when the status that they see stays the same."""
        ongoing, before = self._conversation.transfer, self.last_status
        if ongoing is None or ongoing.order.transfer_id != view.transfer_id:
            return False
        self._last_view = view
        if view.line != self.media_leg.address:
            self.media_leg = MediaLegChanged(view.line)
            self._change_media_leg(self.media_leg)
        status = status_message(view)
        if status is None or status == before:
            return False
        self.last_status = status
        self._emit(status.model_copy())
        is_news = before is None or (before.state, before.position) != (status.state, status.position)
        if is_news and (words := spoken_text(view)):
            self._announce(words)
        if self._record_if_over(view):
            self._conversation.add_outside_turn(
                history_entries(ongoing.order.context, view), memory_after(view, ongoing.order.reason)
            )
            self._conversation.transfer = self.last_status = None
        return True

    def leave(self, *, hung_up: bool) -> None:
        """Cancel the hand-over or end the talk, since the caller no longer wants a human."""
        if (ongoing := self._conversation.transfer) is None:
            return
        if self._is_held_back(ongoing):
            self._conversation.transfer = None
        else:
            self._start(self._leave(ongoing.order.transfer_id, hung_up=hung_up))

    def hang_up(self) -> None:
        """Leave the hand-over of a caller who hung up. Its record is still written, although the session ends now."""
        self._has_hung_up, self._post = True, self._record_if_over
        self.leave(hung_up=True)

    def caller_disconnected(self) -> None:
        """Start the hand-over's grace period for a lost connection. It is shorter than the session's own."""
        self._cancel_grace_period()
        if self._conversation.transfer is not None:
            self._grace_period = self._start(self._leave_after_grace_period())

    def caller_connected(self) -> None:
        """End the grace period, and start a hand-over that was waiting for the caller to be moved."""
        self._cancel_grace_period()
        if (ongoing := self._conversation.transfer) is not None and self._is_held_back(ongoing):
            self._begin_or_follow(ongoing)

    def stop(self) -> None:
        """Stop following: the session has ended here, and another copy may continue the hand-over."""
        self._cancel_grace_period()
        if not self._has_hung_up:
            self._following.cancel_all()

    async def wait_finished(self) -> None:
        """Wait for the work that outlasts the session: to report that the caller left, and to record the hand-over."""
        await self._following.wait_all()
        await self._outlasting.wait_all()

    def _record_if_over(self, view: HandOverView) -> bool:
        """Record the hand-over if it has ended. Returns whether it has."""
        if (ongoing := self._conversation.transfer) is None or view.state not in (
            HandOverState.ENDED,
            HandOverState.FAILED,
        ):
            return False
        self._services.record(hand_over_record(self._conversation, ongoing, view))
        return True

    @property
    def _is_in_talk(self) -> bool:
        """True while caller and human may hear each other: a call center that is down does not end their talk."""
        return self.is_talking and not self._has_hung_up

    def _is_held_back(self, ongoing: OngoingHandOver) -> bool:
        """True if the hand-over waits for the caller to be moved. The call center does not know about it yet."""
        return not ongoing.is_begun and not self._following

    def _cancel_grace_period(self) -> None:
        if self._grace_period is not None:
            self._grace_period.cancel()
            self._grace_period = None

    # -- background tasks

    def _begin_or_follow(self, ongoing: OngoingHandOver) -> None:
        if not ongoing.is_begun:
            self._emit(initiated_message(ongoing))
        self._following.spawn(self._follow_to_its_end(ongoing))

    async def _follow_to_its_end(self, ongoing: OngoingHandOver) -> None:
        delays = iter(RETRY_DELAYS_S)
        hand_overs, transfer_id = self._services.hand_overs, ongoing.order.transfer_id
        while True:
            is_down = False
            try:
                if not ongoing.is_begun:
                    await self._confirm()
                    await hand_overs.begin_hand_over(ongoing.order)
                    ongoing.is_begun = True
                async with contextlib.aclosing(hand_overs.follow_hand_over(transfer_id)) as views:
                    async for view in views:
                        delays = iter(RETRY_DELAYS_S)
                        self._post(view)
                        if view.state in (HandOverState.ENDED, HandOverState.FAILED):
                            return
            except Fenced:
                return
            except (HandOversUnavailable, StorageError) as error:
                is_down = True
                log.warning("transfer_host_lost", transfer_id=transfer_id, reason=str(error))
            except Exception:
                # the top of a task: the caller must be told that no human will come
                log.exception("transfer_crashed", transfer_id=transfer_id)
                self._post(_failed_view(ongoing))
                return
            delay = next(delays, None)
            if delay is None and not (is_down and self._is_in_talk) and not self._is_moving():
                self._post(_failed_view(ongoing))
                return
            await asyncio.sleep(delay or RETRY_DELAYS_S[-1])

    async def _leave(self, transfer_id: str, *, hung_up: bool) -> None:
        # a hand-over that nobody follows also ends by itself
        for delay in RETRY_DELAYS_S:
            try:
                await self._confirm()
                await self._services.hand_overs.leave_hand_over(transfer_id, hung_up=hung_up)
                return
            except Fenced:
                return
            except HandOversUnavailable:
                self._end_talk_here(transfer_id, hung_up=hung_up)
                await asyncio.sleep(delay)
            except StorageError:
                await asyncio.sleep(delay)

    def _end_talk_here(self, transfer_id: str, *, hung_up: bool) -> None:
        """End a talk whose caller leaves while the call center is down, which then finds that nobody follows it."""
        view = self._last_view
        if view is not None and view.transfer_id == transfer_id and self._is_in_talk:
            self._following.cancel_all()
            why = EndReason.CALLER_HUNG_UP if hung_up else EndReason.CALLER_CANCELLED
            end = {"state": HandOverState.ENDED, "why": why, "line": None, "ended_at": self._services.wall_clock()}
            self._post(view.model_copy(update=end))

    async def _request_call_back(self, order: HandOverRequest) -> None:
        try:
            await self._confirm()
            await self._services.hand_overs.request_call_back(order)
        except Fenced:
            return
        except (HandOversUnavailable, StorageError) as error:
            log.error("call_back_lost", reason=str(error))
            self._announce(CALL_BACK_NOT_SAVED)

    async def _leave_after_grace_period(self) -> None:
        await asyncio.sleep(self._services.timeouts.caller_grace_s)
        self.leave(hung_up=True)

    def _announce(self, text: str) -> None:
        self._start(speak_announcement(text, self._conversation, self._services, self._emit))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return self._outlasting.spawn(work, own_context=True)


def _failed_view(ongoing: OngoingHandOver) -> HandOverView:
    """Build the final view of a hand-over that this session can no longer follow."""
    order = ongoing.order
    return HandOverView(
        transfer_id=order.transfer_id,
        state=HandOverState.FAILED,
        department=order.department,
        why=EndReason.NOBODY_THERE,
    )
