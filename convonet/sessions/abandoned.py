"""The end of a call whose process was lost and whose caller did not come back: its record, and its hand-over."""

from __future__ import annotations

from convonet.errors import SessionGone
from convonet.sessions.conversation import Conversation
from convonet.sessions.services import Services
from convonet.sessions.turn_log import TurnLog


async def end_abandoned(conversation: Conversation, services: Services) -> None:
    """Do what the session would have done at its end. Raises `HostAway` while the hand-over can't be left."""
    if (ongoing := conversation.transfer) is not None:
        await services.transfers.leave(ongoing.order.transfer_id, hung_up=True)
    if (lost := conversation.in_flight) is not None:
        notes = TurnLog(
            conversation.turn_id_of(lost.utterance_id),
            conversation,
            services.wall_clock,
            source=lost.source,
            ended_at=lost.ended_at,
            captured_s=lost.captured_s if lost.source == "voice" else None,
        )
        notes.heard(lost.transcript or "", lost.stt_provider)
        notes.failed(SessionGone("the process with this turn was lost, and the caller did not come back"))
        notes.ended()
        services.record(notes.record())
