"""The ids that cross module borders, as distinct types so that they can't be swapped by mistake."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import NewType

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
"""Unique over all sessions; the idempotency keys of the turn's tool calls are derived from it."""
UserId = NewType("UserId", str)

DEMO_USER_ID = UserId("00000000-0000-4000-8000-000000000001")
"""The caller who logs in with VOICE_PIN, or without a PIN where none is required."""


def new_session_id() -> SessionId:
    """Make a session id that nobody can guess: 128 random bits."""
    return SessionId(f"s-{secrets.token_hex(16)}")


def turn_id_of(session_id: SessionId, utterance_id: str) -> TurnId:
    """Derive the turn id from the utterance, the same on every host, so that its tools' effects happen once."""
    digest = hashlib.sha256(f"{session_id}/{utterance_id}".encode()).hexdigest()
    return TurnId(f"t-{digest[:24]}")


def id_of(text: str) -> uuid.UUID:
    """Parse the id of a row; malformed text gives an id that no row has, and so is as unknown as any other."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
