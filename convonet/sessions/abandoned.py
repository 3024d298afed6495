"""The end of a call whose process was lost and whose caller did not come back: its record, and its hand-over."""

from __future__ import annotations

from collections.abc import Callable

from convonet.core.errors import SessionGone
from convonet.records.record import TurnRecord
from convonet.sessions.conversation import Conversation, TurnInFlight
from convonet.sessions.services import Services
from convonet.sessions.turn_log import TurnLog


async def end_abandoned(conversation: Conversation, services: Services) -> None:
    """Do what the session would have done at its end. Raises `HandOversUnavailable` if it can't leave the hand-over."""
    if (ongoing := conversation.transfer) is not None:
        await services.hand_overs.leave_hand_over(ongoing.order.transfer_id, hung_up=True)
    if (lost := conversation.in_flight) is not None:
        services.record(lost_turn(conversation, lost, services.wall_clock))


def lost_turn(conversation: Conversation, lost: TurnInFlight, wall_clock: Callable[[], float]) -> TurnRecord:
    """The record of a turn that nobody repeats."""
    notes = TurnLog(
        conversation.turn_id_of(lost.utterance_id),
        conversation,
        wall_clock,
        source=lost.source,
        ended_at=lost.ended_at,
        captured_s=lost.captured_s if lost.source == "voice" else None,
    )
    notes.heard(lost.transcript or "", lost.stt_provider)
    notes.failed(SessionGone("the process with this turn was lost, and nobody could repeat it"))
    notes.ended()
    return notes.record()
