"""The state of a hand-over in words: for the page, for announcements and for the agent's history."""

from __future__ import annotations

from convonet.agents.base import ChatMessage
from convonet.agents.call_back import OFFER, CallBackDialogue
from convonet.core.hand_over import EndReason, HandOverState, TransferContext
from convonet.protocol.server import TransferInitiated, TransferStatus
from convonet.sessions.hand_over_request import OngoingHandOver
from convonet.telephony.messages import HandOverView, Who

SHOWN_STATES = {
    HandOverState.QUEUED: "queued",
    HandOverState.DIALING: "dialing",
    HandOverState.RINGING: "ringing",
    # the human has answered, and the whisper announces the caller
    HandOverState.WHISPER: "ringing",
    HandOverState.CONNECTED: "connected",
    HandOverState.ENDED: "ended",
    HandOverState.FAILED: "failed",
}

FAILURES = {
    EndReason.WAITED_TOO_LONG: "I'm sorry, everybody in {department} is still busy.",
    EndReason.CALLER_CANCELLED: "All right, I'm not connecting you.",
}
NOBODY = "I'm sorry, I can't reach anybody from {department} right now."
KEEP_TRYING = "I'll keep trying for a moment; say never mind to stop, or go on with me meanwhile."
BACK = "You are back with me. Is there anything else I can do for you?"


def initiated_message(ongoing: OngoingHandOver) -> TransferInitiated:
    """Build the message for the start of a hand-over."""
    order = ongoing.order
    return TransferInitiated(department=order.department, extension=ongoing.extension, reason=order.reason)


def status_message(view: HandOverView) -> TransferStatus | None:
    """Build the message that shows this view, or None for a state that callers don't see."""
    if view.state not in SHOWN_STATES:
        return None
    queued = view.state is HandOverState.QUEUED
    return TransferStatus(
        state="ringing" if is_handed_on(view) else SHOWN_STATES[view.state],
        department=view.department,
        extension=view.extension,
        reason=view.why,
        agent_name=view.agent_name or None,
        position=view.position if queued else None,
        wait_s=round(view.wait_s) if queued and not view.absent else None,
    )


def is_handed_on(view: HandOverView) -> bool:
    """Return whether the desk handed the caller on to a colleague, whose desk rings."""
    return view.state is HandOverState.CONNECTED and view.line is None


def spoken_text(view: HandOverView) -> str:
    """Return the announcement for this view; empty when there is none."""
    match view.state:
        case HandOverState.QUEUED if view.absent:
            return f"Nobody in {view.department} is free right now. {KEEP_TRYING}"
        case HandOverState.QUEUED:
            minutes = max(1, round(view.wait_s / 60))
            wait = "about a minute" if minutes == 1 else f"about {minutes} minutes"
            place = "next in line" if view.position == 1 else f"number {view.position} in line"
            return f"Everybody in {view.department} is talking right now. You are {place}; it may take {wait}."
        case HandOverState.CONNECTED if is_handed_on(view):
            return f"One moment, I'm connecting you with {view.agent_name or 'a colleague'}."
        case HandOverState.CONNECTED:
            return ""
        case HandOverState.ENDED:
            return BACK if view.why is not EndReason.CALLER_HUNG_UP else ""
        case HandOverState.FAILED if view.why is EndReason.CALLER_CANCELLED:
            return FAILURES[EndReason.CALLER_CANCELLED]
        case HandOverState.FAILED:
            return f"{FAILURES.get(view.why or EndReason.NOBODY_THERE, NOBODY)} {OFFER}".format(
                department=view.department
            )
        case _:
            return ""


def history_entries(context: TransferContext, view: HandOverView) -> tuple[ChatMessage, ...]:
    """Return the transcript of the talk, and its outcome, as messages for the agent's history."""
    if view.state is not HandOverState.ENDED:
        return (ChatMessage("assistant", spoken_text(view)),)
    who = view.agent_name or f"a colleague from {view.department}"
    talk = tuple(
        ChatMessage("user", spoken.text)
        if spoken.who is Who.CALLER
        else ChatMessage("assistant", f"({who}) {spoken.text}")
        for spoken in view.said
    )
    end = f"{context.user_name or 'The caller'} has just talked with {who}. {BACK}"
    return (*talk, ChatMessage("assistant", end))


def memory_after(view: HandOverView, reason: str) -> dict[str, str]:
    """Return the agent's memory after the last view: whether a callback was offered."""
    offered = view.state is HandOverState.FAILED and view.why not in (
        EndReason.CALLER_CANCELLED,
        EndReason.CALLER_HUNG_UP,
    )
    dialogue = CallBackDialogue(department=view.department, reason=reason, known=view.known_phone)
    return dialogue.to_memory() if offered else {}
