"""Signed tokens of staff: the session cookie, and the one-time login links."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from convonet.core.errors import AuthRefused

SESSION_LIFETIME_S = 12 * 3600.0
"""A long shift."""
LINK_LIFETIME_S = 900.0

_ALGORITHM = "HS256"
_SESSION = "convonet-staff"
_LINK = "convonet-staff-link"


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A login: the person and its time."""

    staff_id: uuid.UUID
    began: datetime


def mint_session(staff_id: uuid.UUID, *, secret: bytes) -> str:
    """Make the value of a session cookie."""
    return _sign({"sub": str(staff_id), "began": time.time()}, _SESSION, secret, SESSION_LIFETIME_S)


def read_session(token: str, *, secret: bytes) -> StaffSession:
    """Check a session cookie. Raises `AuthRefused` for a forged, expired or different token."""
    body = _verify(token, _SESSION, secret)
    return StaffSession(uuid.UUID(str(body["sub"])), datetime.fromtimestamp(float(body["began"]), UTC))


def mint_link(staff_id: uuid.UUID, number: int, *, secret: bytes) -> str:
    """Make the token of a one-time link."""
    return _sign({"sub": str(staff_id), "number": number}, _LINK, secret, LINK_LIFETIME_S)


def read_link(token: str, *, secret: bytes) -> tuple[uuid.UUID, int]:
    """Check a link's token and return its account and number. Raises `AuthRefused`."""
    body = _verify(token, _LINK, secret)
    return uuid.UUID(str(body["sub"])), int(body["number"])


def _sign(body: dict[str, str | int | float], audience: str, secret: bytes, lifetime_s: float) -> str:
    return jwt.encode({**body, "aud": audience, "exp": int(time.time() + lifetime_s)}, secret, _ALGORITHM)


def _verify(token: str, audience: str, secret: bytes) -> dict[str, str | int | float]:
    try:
        body: dict[str, str | int | float] = jwt.decode(
            token, secret, [_ALGORITHM], audience=audience, options={"require": ["exp", "sub", "aud"]}
        )
    except jwt.InvalidTokenError as error:
        raise AuthRefused(type(error).__name__) from None
    return body
