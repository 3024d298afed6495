"""Requests to the call center: the hand-over or the callback that a turn ended with."""

from __future__ import annotations

from pydantic import BaseModel

from convonet.agents.base import Final
from convonet.core.ids import SessionId, TurnId
from convonet.speech.base import Language
from convonet.telephony.messages import HandOverRequest


class OngoingHandOver(BaseModel):
    """A session's hand-over, saved in its checkpoint."""

    order: HandOverRequest
    extension: str
    is_begun: bool = True
    """True once the call center has the request. A session about to be moved leaves it to its next copy."""


def hand_over_from(
    final: Final | None, turn_id: TurnId, session_id: SessionId, language: Language
) -> OngoingHandOver | None:
    """Return the hand-over that a turn ended with, if any."""
    if final is None or final.hand_over is None or final.transfer_context is None:
        return None
    order = HandOverRequest(
        # a repeated turn requests the same hand-over again
        transfer_id=turn_id.replace("t-", "h-", 1),
        session_id=session_id,
        department=final.hand_over.department,
        reason=final.hand_over.reason,
        context=final.transfer_context,
        language=language,
    )
    return OngoingHandOver(order=order, extension=final.hand_over.extension, is_begun=False)


def call_back_from(
    final: Final | None, turn_id: TurnId, session_id: SessionId, language: Language
) -> HandOverRequest | None:
    """Return the callback that a turn promised, if any."""
    if final is None or final.call_back is None or final.transfer_context is None:
        return None
    return HandOverRequest(
        transfer_id=turn_id.replace("t-", "b-", 1),
        session_id=session_id,
        department=final.call_back.department,
        reason=final.call_back.reason,
        context=final.transfer_context,
        language=language,
        phone=final.call_back.phone,
    )
