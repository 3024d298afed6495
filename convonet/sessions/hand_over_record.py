"""The record of a finished hand-over, stored beside the records of the turns."""

from __future__ import annotations

from datetime import UTC, datetime

from convonet.core.hand_over import HandOverState
from convonet.records.record import HandOverRecord, TurnMetadata, TurnRecord
from convonet.sessions.conversation import Conversation
from convonet.sessions.hand_over_messages import spoken_text
from convonet.sessions.hand_over_request import OngoingHandOver
from convonet.telephony.messages import HandOverView

HUMAN = "human"
"""Recorded as provider and model of a hand-over, since no model answered."""


def hand_over_record(conversation: Conversation, ongoing: OngoingHandOver, view: HandOverView) -> TurnRecord:
    """Build the record from the last view of the hand-over."""
    caller, asked, ended = conversation.caller, view.asked_at, view.ended_at or view.asked_at
    connected = view.connected_at or ended
    return TurnRecord(
        request_id=f"{conversation.session_id}:{view.transfer_id}",
        user_id=caller.user_id,
        user_name=caller.user_name,
        timestamp=asked,
        datetime=datetime.fromtimestamp(asked, UTC).isoformat(),
        provider=HUMAN,
        model=HUMAN,
        user_prompt=ongoing.order.reason,
        agent_response=spoken_text(view),
        tool_calls=[],
        status="success" if view.state is HandOverState.ENDED else "failed",
        duration_ms=round(1000 * (ended - asked), 1),
        error=None if view.state is HandOverState.ENDED else view.why,
        metadata=TurnMetadata(
            session_id=conversation.session_id,
            turn_id=view.transfer_id,
            agent_type=conversation.agent_type or "general",
            source="transfer",
            t0=asked,
            hand_over=HandOverRecord(
                department=view.department,
                extension=view.extension,
                agent_name=view.agent_name,
                outcome=view.state,
                why=view.why,
                declined=view.declined,
                waited_s=round(connected - asked, 3),
                talked_s=round(ended - connected, 3),
                sentences=len(view.said),
                summary=view.summary,
            ),
        ),
    )
