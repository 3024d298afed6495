"""A session's side of a hand-over to a human: follows it, and tells the caller how it goes.

The hand-over itself lives elsewhere (`actors.transfer`); a session that was restored follows it again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from pydantic import BaseModel

from convonet.agents.base import ChatMessage, Final, TransferContext
from convonet.agents.hand_over import CALL_BACK, OFFER
from convonet.ids import SessionId, TurnId
from convonet.protocol.server import ServerMessage, TransferInitiated, TransferStatus
from convonet.speech.base import Language
from convonet.telephony.messages import HostAway, TransferOrder, Transfers, TransferView, Who
from convonet.telephony.transfer import State, Why

log = structlog.get_logger(__name__)

ASK_AGAIN_S = (0.1, 0.3, 0.6, 1.0, 2.0, 2.0, 3.0, 3.0)
"""Waits before each try to find the host of the hand-overs again; a killed one is replaced within four seconds."""

SHOWN = {
    State.QUEUED: "queued",
    State.DIALING: "dialing",
    State.RINGING: "ringing",
    # somebody has answered and is being told who calls
    State.WHISPER: "ringing",
    State.CONNECTED: "connected",
    State.ENDED: "ended",
    State.FAILED: "failed",
}

FAILURES = {
    Why.NOT_SET_UP: "There is no telephone line to our people here, so I can't connect you.",
    Why.WAITED_TOO_LONG: "I'm sorry, everybody in {department} is still busy.",
    Why.CALLER_CANCELLED: "All right, I'm not connecting you.",
}
NOBODY = "I'm sorry, I can't reach anybody from {department} right now."
BACK = "You are back with me. Is there anything else I can do for you?"


class OngoingTransfer(BaseModel):
    """What a session keeps of its hand-over."""

    order: TransferOrder
    extension: str


def begun_by(final: Final | None, turn_id: TurnId, session_id: SessionId, language: Language) -> OngoingTransfer | None:
    """The hand-over that a turn has ended with."""
    if final is None or final.transfer_marker is None or final.transfer_context is None:
        return None
    extension, department, reason = final.transfer_marker.partition(":")[2].split("|", 2)
    order = TransferOrder(
        # the same turn makes the same hand-over, on whichever host it is repeated
        transfer_id=turn_id.replace("t-", "h-", 1),
        session_id=session_id,
        department=department,
        reason=reason,
        context=final.transfer_context,
        language=language,
    )
    return OngoingTransfer(order=order, extension=extension)


def call_back_of(
    final: Final | None, turn_id: TurnId, session_id: SessionId, language: Language
) -> TransferOrder | None:
    """The call back that a turn has promised."""
    if final is None or final.call_back is None or final.transfer_context is None:
        return None
    asked = [line["content"] for line in final.transfer_context.conversation_history if line["role"] == "user"]
    return TransferOrder(
        transfer_id=turn_id.replace("t-", "b-", 1),
        session_id=session_id,
        department=final.call_back,
        reason=asked[-1] if asked else "",
        context=final.transfer_context,
        language=language,
    )


def after(view: TransferView) -> dict[str, str]:
    """What the agent must know of its own words when this view is the last one: that it has offered a call back."""
    offered = view.state is State.FAILED and view.why not in (Why.CALLER_CANCELLED, Why.CALLER_HUNG_UP)
    return {CALL_BACK: view.department} if offered else {}


def lost(ongoing: OngoingTransfer) -> TransferView:
    """What is told of a hand-over of which nobody knows any more."""
    order = ongoing.order
    return TransferView(
        transfer_id=order.transfer_id, state=State.FAILED, department=order.department, why=Why.NOBODY_THERE
    )


async def follow(
    ongoing: OngoingTransfer, transfers: Transfers, take: Callable[[TransferView], None], *, is_new: bool
) -> None:
    """Give each view to `take`; the last one is of a hand-over that is over."""
    delays = iter(ASK_AGAIN_S)
    transfer_id = ongoing.order.transfer_id
    while True:
        try:
            if is_new:
                await transfers.begin(ongoing.order)
                is_new = False
            async with contextlib.aclosing(transfers.follow(transfer_id)) as views:
                async for view in views:
                    delays = iter(ASK_AGAIN_S)
                    take(view)
                    if view.state in (State.ENDED, State.FAILED):
                        return
        except HostAway as error:
            log.warning("transfer_host_lost", transfer_id=transfer_id, reason=str(error))
        if (delay := next(delays, None)) is None:
            take(lost(ongoing))
            return
        await asyncio.sleep(delay)


async def leave(transfer_id: str, transfers: Transfers, *, hung_up: bool) -> None:
    """Tell the hand-over that the caller has left; it also ends by itself when nobody follows it any more."""
    for delay in ASK_AGAIN_S:
        try:
            await transfers.leave(transfer_id, hung_up=hung_up)
            return
        except HostAway:
            await asyncio.sleep(delay)


def initiated(ongoing: OngoingTransfer) -> ServerMessage:
    """The message at its beginning."""
    order = ongoing.order
    return TransferInitiated(department=order.department, extension=ongoing.extension, reason=order.reason)


def status(view: TransferView) -> TransferStatus | None:
    """The message that shows this view; None for one that shows nothing new to a caller."""
    if view.state not in SHOWN:
        return None
    queued = view.state is State.QUEUED
    return TransferStatus(
        state=SHOWN[view.state],
        department=view.department,
        extension=view.extension,
        reason=view.why,
        agent_name=view.agent_name or None,
        position=view.position if queued else None,
        wait_s=round(view.wait_s) if queued else None,
    )


def in_words(view: TransferView) -> str:
    """What is said aloud of this view; empty when nothing is."""
    match view.state:
        case State.QUEUED:
            minutes = max(1, round(view.wait_s / 60))
            wait = "about a minute" if minutes == 1 else f"about {minutes} minutes"
            place = "next in line" if view.position == 1 else f"number {view.position} in line"
            return f"Everybody in {view.department} is talking right now. You are {place}; it may take {wait}."
        case State.CONNECTED:
            return ""
        case State.ENDED:
            return BACK if view.why is not Why.CALLER_HUNG_UP else ""
        case State.FAILED if view.why is Why.CALLER_CANCELLED:
            return FAILURES[Why.CALLER_CANCELLED]
        case State.FAILED:
            return f"{FAILURES.get(view.why or Why.NOBODY_THERE, NOBODY)} {OFFER}".format(department=view.department)
        case _:
            return ""


def remembered(context: TransferContext, view: TransferView) -> tuple[ChatMessage, ...]:
    """What the agent knows afterwards, as lines of the conversation: the talk as far as it was heard, and the rest."""
    if view.state is not State.ENDED:
        return (ChatMessage("assistant", in_words(view)),)
    who = view.agent_name or f"a colleague from {view.department}"
    talk = tuple(
        ChatMessage("user", spoken.text)
        if spoken.who is Who.CALLER
        else ChatMessage("assistant", f"({who}) {spoken.text}")
        for spoken in view.said
    )
    end = f"{context.user_name or 'The caller'} has just talked with {who}. {BACK}"
    return (*talk, ChatMessage("assistant", end))
