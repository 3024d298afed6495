"""The meaning of a desk's actions for its hand-over. `Desks` delivers the events."""

from __future__ import annotations

import re

from convonet.core.hand_over import HandOverState
from convonet.telephony.attempts import Attempt
from convonet.telephony.events import (
    CallerPassedOn,
    CallHeld,
    ColleagueCalled,
    ConsultationEnded,
    DeskAccepted,
    DeskDeclined,
    DeskEvent,
    DeskHungUp,
)
from convonet.telephony.hand_over_machine import HandOverMachine
from convonet.telephony.messages import DeskAction
from convonet.telephony.switchboard import Switchboard

EXTENSION = re.compile(r"[0-9*#]{2,20}")
"""Extensions that a desk may dial; the page's own pattern is the same."""

MAX_REASON_CHARACTERS = 100
"""Of the reason that a person gives for declining a call."""


def requested_event(
    name: str, action: DeskAction, text: str, machine: HandOverMachine, switchboard: Switchboard
) -> DeskEvent | None:
    """Return the event for an action of the person at this desk, or None when it is not possible now.

    Args:
        name: The desk; the hand-over rings or talks there.
        action: Any action but `READY` and `NOT_READY`, which need no hand-over.
        text: The reason, or the extension of a colleague. It may be empty for the colleague whom a page talks with.
        machine: The hand-over.
        switchboard: Knows which colleagues are free.
    """
    match action:
        case DeskAction.ACCEPT:
            return DeskAccepted(desk=name)
        case DeskAction.DECLINE:
            return DeskDeclined(desk=name, reason=text[:MAX_REASON_CHARACTERS])
        case DeskAction.HANG_UP | DeskAction.LOST:
            return DeskHungUp(desk=name)
        case _ if (attempt := machine.current) is None:
            return None
        case _ if attempt.is_direct:
            is_talking = machine.state is HandOverState.CONNECTED and attempt.streaming and attempt.desk == name
            return _event_of_page(attempt, action, text, switchboard) if is_talking else None
        case DeskAction.BLIND_TRANSFER | DeskAction.ATTENDED_TRANSFER if EXTENSION.fullmatch(text):
            talking = action is DeskAction.ATTENDED_TRANSFER
            colleague = switchboard.free_desk_at(text)
            return CallerPassedOn(desk=name, to=colleague, extension=text, talking=talking)
        case _:
            return None


def _event_of_page(attempt: Attempt, action: DeskAction, text: str, switchboard: Switchboard) -> DeskEvent | None:
    """Return the event for an action of the desk that talks with the caller in its page."""
    name, consulted = attempt.desk, attempt.consultation
    if consulted is not None:
        match action:
            case DeskAction.END_CONSULTATION:
                return ConsultationEnded(desk=name)
            case DeskAction.ATTENDED_TRANSFER if consulted.streaming and text in ("", consulted.extension):
                return CallerPassedOn(desk=name, to=consulted.desk, extension=consulted.extension, talking=True)
            case _:
                return None
    match action:
        case DeskAction.HOLD | DeskAction.RESUME:
            return CallHeld(desk=name, held=action is DeskAction.HOLD)
        case DeskAction.BLIND_TRANSFER if colleague := switchboard.free_desk_at(text):
            return CallerPassedOn(desk=name, to=colleague, extension=text, talking=False)
        case DeskAction.CONSULT if colleague := switchboard.free_desk_at(text):
            return ColleagueCalled(desk=name, to=colleague, extension=text)
        case _:
            return None


def reserved_colleague(event: DeskEvent, machine: HandOverMachine) -> str:
    """Return the desk that must be reserved until the hand-over has handled the event; empty when there is none."""
    is_direct = machine.current is not None and machine.current.is_direct
    match event:
        case ColleagueCalled(to=to) | CallerPassedOn(to=to, talking=False) if is_direct:
            return to
        case _:
            return ""
