"""States of a hand-over and of a desk, and what the human is told: sessions, agents, desks and metrics share them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

from convonet.core.caller import Proof


class HandOverState(StrEnum):
    """Where a hand-over is; `convonet.telephony.state_machine` draws the transitions."""

    REQUESTED = "requested"
    QUEUED = "queued"
    DIALING = "dialing"
    RINGING = "ringing"
    WHISPER = "whisper"
    CONNECTED = "connected"
    ENDED = "ended"
    FAILED = "failed"


OVER = frozenset({HandOverState.ENDED, HandOverState.FAILED})


class EndReason(StrEnum):
    """Why a hand-over or an attempt ended."""

    CALLER_HUNG_UP = "caller_hung_up"
    CALLER_CANCELLED = "caller_cancelled"
    DESK_HUNG_UP = "desk_hung_up"
    NOT_SET_UP = "not_set_up"
    NOBODY_THERE = "nobody_there"
    WAITED_TOO_LONG = "waited_too_long"
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    VOICEMAIL = "voicemail"
    REFUSED_BY_TWILIO = "refused_by_twilio"
    STREAM_LOST = "stream_lost"
    PASSED_ON = "passed_on"
    """To a colleague, by the desk's telephone: the caller is still there."""


class DeskState(StrEnum):
    """What the person at a desk is doing."""

    READY = "ready"
    NOT_READY = "not_ready"
    RINGING = "ringing"
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"


class TransferContext(BaseModel):
    """What goes along with a caller who is handed over; the names are those that call centre software reads."""

    conversation_history: list[dict[str, str]]
    user_id: str
    user_name: str
    activities: list[str]
    suitecrm_context: dict[str, str] = {}
    summary: str
    verified_by: Proof | None = None
