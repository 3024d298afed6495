"""Views of a hand-over for others: its caller, the desks' cards, and the call log."""

from __future__ import annotations

from datetime import UTC, datetime

from actors.hand_overs.snapshot import HandOverSnapshot
from convonet.core.hand_over import EndReason, HandOverState
from convonet.telephony.call_log import HandOverRow
from convonet.telephony.hand_over_machine import HandOverMachine
from convonet.telephony.messages import Card, DeskCall, HandOverRequest, HandOverView, MediaLegAddress
from convonet.telephony.summary import summary_of
from convonet.telephony.switchboard import Switchboard

NO_COUNTERPART = frozenset({HandOverState.REQUESTED, HandOverState.QUEUED, HandOverState.FAILED})
"""States in which no desk rings or talks."""


def hand_over_view(snapshot: HandOverSnapshot, switchboard: Switchboard, now: float) -> HandOverView:
    """Return the hand-over as its caller's session sees it."""
    machine = snapshot.transfer
    attempt = machine.attempts[-1] if machine.attempts else None
    desk = switchboard.desks.get(attempt.desk) if attempt and machine.state not in NO_COUNTERPART else None
    connected = machine.state is HandOverState.CONNECTED
    return HandOverView(
        transfer_id=machine.transfer_id,
        state=machine.state,
        department=snapshot.order.department,
        extension=attempt.extension if attempt else "",
        agent_name=desk.display_name if desk is not None else "",
        position=switchboard.position(machine.transfer_id),
        wait_s=switchboard.expected_wait_s(machine.transfer_id),
        absent=machine.absent_since is not None,
        why=machine.why,
        declined=_declined(machine, switchboard),
        line=_line_of(snapshot) if connected else None,
        said=snapshot.said,
        summary=talk_summary(snapshot, switchboard, now) if machine.state is HandOverState.ENDED else "",
        asked_at=machine.asked_at,
        connected_at=machine.connected_at,
        ended_at=machine.ended_at,
    )


def _line_of(snapshot: HandOverSnapshot) -> MediaLegAddress | None:
    """Return the address of the audio; None while the desk that the caller was handed on to rings."""
    number = len(snapshot.transfer.attempts) - 1
    attempt = snapshot.transfer.attempts[number]
    if not attempt.is_direct:
        return snapshot.lines.get(number)
    stream = snapshot.streams.get(attempt.desk)
    return stream.address if stream is not None else None


def desk_call(snapshot: HandOverSnapshot | None, name: str, switchboard: Switchboard) -> DeskCall | None:
    """Return the call that a desk's page carries: the caller's, or that of a colleague who asks first."""
    attempt = snapshot.transfer.current if snapshot is not None else None
    if snapshot is None or attempt is None or not attempt.is_direct or not attempt.call_sid:
        return None
    stream = snapshot.streams.get(name)
    has_accepted = snapshot.transfer.desks.get(name)
    if stream is None or has_accepted is None:
        return None
    call = DeskCall(
        transfer_id=snapshot.transfer.transfer_id,
        attempt=len(snapshot.transfer.attempts) - 1,
        stream_key=stream.key.value if has_accepted else "",
    )
    if name != attempt.desk:
        return call.model_copy(update={"from_colleague": _display_name(attempt.desk, switchboard) or attempt.desk})
    consulted = attempt.consultation
    stage = "none" if consulted is None else "talking" if consulted.streaming else "ringing"
    return call.model_copy(update={"held": attempt.held, "consultation": stage})


def _declined(machine: HandOverMachine, switchboard: Switchboard) -> list[str]:
    declined = [attempt for attempt in machine.attempts if attempt.over is EndReason.DECLINED]
    names = [(_display_name(attempt.desk, switchboard) or attempt.desk, attempt.reason) for attempt in declined]
    return [f"{name}: {reason}" if reason else name for name, reason in names]


def talk_summary(snapshot: HandOverSnapshot, switchboard: Switchboard, now: float, desk: str = "") -> str:
    """Summarize the talk with the last desk, or with this one; empty when there was no talk."""
    machine = snapshot.transfer
    if machine.connected_at is None:
        return ""
    return summary_of(
        snapshot.order,
        agent_name=_display_name(desk or machine.attempts[-1].desk, switchboard),
        talked_s=(machine.ended_at or now) - machine.connected_at,
        said=snapshot.said,
    )


def _display_name(desk: str, switchboard: Switchboard) -> str:
    known = switchboard.desks.get(desk)
    return known.display_name if known is not None else ""


def card_of(request: HandOverRequest) -> Card:
    """Build the card that a desk shows."""
    context = request.context
    return Card(
        transfer_id=request.transfer_id,
        name=context.user_name or "Unknown caller",
        verified_by=context.verified_by,
        department=request.department,
        reason=request.reason,
        summary=context.summary,
        open_items=context.activities,
        conversation=context.conversation_history,
    )


def row_of(snapshot: HandOverSnapshot, summary: str) -> HandOverRow:
    """Build the row of a hand-over that is over. Without a summary of the talk it gets the agent's summary."""
    machine, request = snapshot.transfer, snapshot.order
    last = machine.attempts[-1] if machine.attempts else None
    return HandOverRow(
        id=machine.transfer_id,
        session_id=request.session_id,
        user_id=request.context.user_id,
        caller_name=request.context.user_name,
        department=request.department,
        reason=request.reason[:255],
        summary=summary or request.context.summary,
        desk=last.desk or None if last else None,
        asked_at=_moment(machine.asked_at),
        connected_at=_talked_from(machine),
        ended_at=_moment(machine.ended_at or machine.asked_at),
        outcome=machine.state,
        why=machine.why,
        notes=None,
        talk="\n".join(f"{spoken.who}: {spoken.text}" for spoken in snapshot.said) or None,
    )


def part_id(snapshot: HandOverSnapshot) -> str:
    """Return the id of the row for a desk that has just passed the caller on."""
    return f"{snapshot.transfer.transfer_id}.{snapshot.transfer.attempts[-1].passed}"


def row_of_part(snapshot: HandOverSnapshot, desk: str, summary: str, now: float) -> HandOverRow:
    """Build the row for a desk that has passed the caller on."""
    row = row_of(snapshot, summary)
    row.id, row.desk, row.outcome, row.why = part_id(snapshot), desk, HandOverState.ENDED, EndReason.PASSED_ON
    row.connected_at, row.ended_at = _moment(snapshot.transfer.connected_at or now), _moment(now)
    return row


def _talked_from(machine: HandOverMachine) -> datetime | None:
    """Return when the last desk began to talk with the caller, or None if it never did."""
    last = machine.attempts[-1] if machine.attempts else None
    since = machine.connected_at if last is None or last.passed_at is None else last.passed_at
    return None if since is None or (last is not None and not last.accepted) else _moment(since)


def _moment(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
