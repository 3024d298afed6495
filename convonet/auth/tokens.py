"""Short-lived signed tokens (JWT, HS256) for the caller of a tool call and for resuming a session.

A token's audience is its only purpose, so that one kind can never pass for the other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import jwt

from convonet.core.errors import AuthRefused
from convonet.core.ids import SessionId, TurnId, UserId

_ALGORITHM = "HS256"
_TOOLS = "convonet-tools"
_RESUME = "convonet-resume"

CALLER_TOKEN_LIFETIME_S = 120.0
"""A tool call happens within one turn; the longest turn is well below this."""


@dataclass(frozen=True, slots=True)
class CallerClaims:
    """The caller that a tool call acts for; `turn_id` is the base of its idempotency key."""

    user_id: UserId
    user_name: str
    timezone: str
    turn_id: TurnId
    session_id: SessionId | None = None
    """For logs and traces only; None outside a session."""


def mint_caller_token(claims: CallerClaims, *, secret: bytes, lifetime_s: float = CALLER_TOKEN_LIFETIME_S) -> str:
    """Sign the claims of a tool call."""
    body = {
        "sub": claims.user_id,
        "name": claims.user_name,
        "tz": claims.timezone,
        "turn": claims.turn_id,
        "session": claims.session_id or "",
    }
    return _sign(body, _TOOLS, secret, lifetime_s)


def read_caller_token(token: str, *, secret: bytes) -> CallerClaims:
    """Verify a caller token. Raises `AuthRefused` when it is forged, expired or of another kind."""
    body = _verify(token, _TOOLS, secret)
    session_id = SessionId(body.get("session", "")) or None
    return CallerClaims(UserId(body["sub"]), body["name"], body["tz"], TurnId(body["turn"]), session_id)


def mint_resume_token(session_id: SessionId, *, secret: bytes, lifetime_s: float) -> str:
    """Sign the right to resume a session."""
    return _sign({"sub": session_id}, _RESUME, secret, lifetime_s)


def read_resume_token(token: str, *, secret: bytes) -> SessionId:
    """Return the session that a token resumes. Raises `AuthRefused` when it is forged, expired or of another kind."""
    return SessionId(_verify(token, _RESUME, secret)["sub"])


def _sign(body: dict[str, str], audience: str, secret: bytes, lifetime_s: float) -> str:
    return jwt.encode({**body, "aud": audience, "exp": int(time.time() + lifetime_s)}, secret, _ALGORITHM)


def _verify(token: str, audience: str, secret: bytes) -> dict[str, str]:
    try:
        body: dict[str, str] = jwt.decode(
            token, secret, [_ALGORITHM], audience=audience, options={"require": ["exp", "sub", "aud"]}
        )
    except jwt.InvalidTokenError as error:
        raise AuthRefused(type(error).__name__) from None
    return body
