"""What others keep of a hand-over: the card of a desk, and the rows in the database."""

from __future__ import annotations

from datetime import UTC, datetime

from actors.hand_overs.actor import HandOverSnapshot
from convonet.core.hand_over import EndReason, HandOverState
from convonet.telephony.call_log import HandOverRow
from convonet.telephony.messages import Card, HandOverRequest
from convonet.telephony.state_machine import HandOverMachine


def card_of(order: HandOverRequest) -> Card:
    """What a desk is shown."""
    context = order.context
    return Card(
        transfer_id=order.transfer_id,
        name=context.user_name or "Unknown caller",
        verified_by=context.verified_by,
        department=order.department,
        reason=order.reason,
        summary=context.summary,
        open_items=context.activities,
        conversation=context.conversation_history,
    )


def row_of(body: HandOverSnapshot, summary: str) -> HandOverRow:
    """What is kept of a hand-over that is over; without a `summary` of the talk it is what the agent knew before."""
    transfer, order = body.transfer, body.order
    last = transfer.attempts[-1] if transfer.attempts else None
    return HandOverRow(
        id=transfer.transfer_id,
        session_id=order.session_id,
        user_id=order.context.user_id,
        caller_name=order.context.user_name,
        department=order.department,
        reason=order.reason[:255],
        summary=summary or order.context.summary,
        desk=last.desk or None if last else None,
        asked_at=_moment(transfer.asked_at),
        connected_at=_talked_from(transfer),
        ended_at=_moment(transfer.ended_at or transfer.asked_at),
        outcome=transfer.state,
        why=transfer.why,
        notes=None,
        talk="\n".join(f"{spoken.who}: {spoken.text}" for spoken in body.said) or None,
    )


def part_of(body: HandOverSnapshot) -> str:
    """Names what the desk had of a hand-over that has just passed it on."""
    return f"{body.transfer.transfer_id}.{body.transfer.attempts[-1].passed}"


def row_of_part(body: HandOverSnapshot, desk: str, summary: str, now: float) -> HandOverRow:
    """What is kept for a desk that has passed a caller on."""
    row = row_of(body, summary)
    row.id, row.desk, row.outcome, row.why = part_of(body), desk, HandOverState.ENDED, EndReason.PASSED_ON
    row.connected_at, row.ended_at = _moment(body.transfer.connected_at or now), _moment(now)
    return row


def _talked_from(transfer: HandOverMachine) -> datetime | None:
    """Since when the last desk has talked with the caller; None when it did not."""
    last = transfer.attempts[-1] if transfer.attempts else None
    since = transfer.connected_at if last is None or last.passed_at is None else last.passed_at
    return None if since is None or (last is not None and not last.accepted) else _moment(since)


def _moment(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
