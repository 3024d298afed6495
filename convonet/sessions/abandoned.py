"""Finish calls whose process died and whose caller did not return. Called by the sweep of the session registry."""

from __future__ import annotations

from collections.abc import Callable

from convonet.core.errors import ResumeFailed
from convonet.records.record import TurnRecord
from convonet.sessions.conversation import Conversation, TurnInFlight
from convonet.sessions.services import SessionServices
from convonet.sessions.turn_record_builder import TurnRecordBuilder


async def end_abandoned(conversation: Conversation, services: SessionServices) -> None:
    """End the hand-over and record the lost turn. Raises `HandOversUnavailable`."""
    if (ongoing := conversation.transfer) is not None:
        await services.hand_overs.leave_hand_over(ongoing.order.transfer_id, hung_up=True)
    if (lost := conversation.in_flight) is not None:
        services.record(lost_turn_record(conversation, lost, services.wall_clock))


def lost_turn_record(conversation: Conversation, lost: TurnInFlight, wall_clock: Callable[[], float]) -> TurnRecord:
    """Build the record of a turn that was lost and won't be repeated."""
    log = TurnRecordBuilder(
        conversation.turn_id_of(lost.utterance_id),
        conversation,
        wall_clock,
        source=lost.source,
        ended_at=lost.ended_at,
        captured_s=lost.captured_s if lost.source == "voice" else None,
    )
    log.set_transcript(lost.transcript or "", lost.stt_provider)
    log.set_error(ResumeFailed("the process with this turn was lost, and nobody could repeat it"))
    log.mark_ended()
    return log.build_record()
