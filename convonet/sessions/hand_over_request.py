"""What a session asks of the hand-overs, as a turn has ended with it: a human, or a call back."""

from __future__ import annotations

from pydantic import BaseModel

from convonet.agents.base import Final
from convonet.core.ids import SessionId, TurnId
from convonet.speech.base import Language
from convonet.telephony.messages import TransferOrder


class OngoingHandOver(BaseModel):
    """What a session keeps of its hand-over."""

    order: TransferOrder
    extension: str
    is_begun: bool = True
    """Whether the host of the hand-overs has it; a session that moves leaves it to the copy that takes it up."""


def hand_over_from(
    final: Final | None, turn_id: TurnId, session_id: SessionId, language: Language
) -> OngoingHandOver | None:
    """The hand-over that a turn has ended with."""
    if final is None or final.hand_over is None or final.transfer_context is None:
        return None
    order = TransferOrder(
        # the same turn makes the same hand-over, on whichever host it is repeated
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
) -> TransferOrder | None:
    """The call back that a turn has promised."""
    if final is None or final.call_back is None or final.transfer_context is None:
        return None
    return TransferOrder(
        transfer_id=turn_id.replace("t-", "b-", 1),
        session_id=session_id,
        department=final.call_back.department,
        reason=final.call_back.reason,
        context=final.transfer_context,
        language=language,
        phone=final.call_back.phone,
    )
