"""States of hand-overs and desks, and the context that a human gets: shared by sessions, agents, desks and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from convonet.core.caller import Proof


class HandOverState(StrEnum):
    """States of a hand-over; `convonet.telephony.hand_over_machine` draws the transitions."""

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
    """Reasons for which a hand-over or one attempt at it ends."""

    CALLER_HUNG_UP = "caller_hung_up"
    CALLER_CANCELLED = "caller_cancelled"
    DESK_HUNG_UP = "desk_hung_up"
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
    """The desk passed the caller to a colleague by its telephone; the caller is still on the call."""

    @classmethod
    def _missing_(cls, value: object) -> EndReason | None:
        # snapshots and hosts of the release before, where no telephone was set up
        return cls.NOBODY_THERE if value == "not_set_up" else None


class CarrierKind(StrEnum):
    """Ways to carry a call to a desk."""

    DIRECT = "direct"
    """The desk's page and a voice replica exchange the audio."""
    TELEPHONE = "telephone"
    """Twilio and the PBX carry it to the desk's SIP telephone."""


class DeskState(StrEnum):
    """States of the person at a desk."""

    READY = "ready"
    NOT_READY = "not_ready"
    RINGING = "ringing"
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"


@dataclass(frozen=True, slots=True)
class HandOverDecision:
    """The agent's decision to hand the caller over; `reason` is one line of at most 200 characters."""

    department: str
    extension: str
    reason: str


class TransferContext(BaseModel):
    """The context of a caller who is handed over, under the field names that call center software reads."""

    conversation_history: list[dict[str, str]]
    user_id: str
    user_name: str
    activities: list[str]
    summary: str
    verified_by: Proof | None = None
