"""The identifiers that cross module borders, as distinct types so that they can't be swapped by mistake."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import NewType

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
"""Unique over all sessions, also the base of its tool calls' idempotency keys."""
UserId = NewType("UserId", str)

DEMO_USER_ID = UserId("00000000-0000-4000-8000-000000000001")
"""The caller whom VOICE_PIN, or an open door, stands for."""


def new_session_id() -> SessionId:
    """A session id nobody can guess: 128 random bits, made by the server only."""
    return SessionId(f"s-{secrets.token_hex(16)}")


def turn_id_of(session_id: SessionId, utterance_id: str) -> TurnId:
    """The same utterance always makes the same turn id, on whichever host: its tools' effects happen once."""
    digest = hashlib.sha256(f"{session_id}/{utterance_id}".encode()).hexdigest()
    return TurnId(f"t-{digest[:24]}")


def id_of(text: str) -> uuid.UUID:
    """The id of a row; one that no row has when `text` is none, so that it is as unknown as any other."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
