"""Failures of hosted models, from an HTTP status or an error's name. They say whether the model should rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

RATE_LIMIT_REST_S = 10.0
"""Rest after a rate limit without a retry delay."""

UNREADABLE = "an answer that can't be read"

_NAMES = {
    400: "InvalidRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    413: "InvalidRequestError",
    422: "InvalidRequestError",
    429: "RateLimitError",
}
"""Names as in the vendors' SDKs, more or less; every other status is an `APIError`."""

_RATE_LIMITS = {"RateLimitError", "rate_limit_error", "rate_limit_exceeded"}
_WRONG_REQUESTS = {"InvalidRequestError", "invalid_request_error"}
"""The names in snake case come in errors within a stream, which have no status."""

_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,63}")


@dataclass(frozen=True, slots=True)
class Failure:
    why: str
    rest: bool = True
    """Whether the next turns would most likely fail too."""
    rest_s: float = 0.0
    """Minimum rest, where the vendor gave a retry delay."""


class ModelFailed(Exception):
    """A hosted model gave no complete answer. The vendor's message is left out, since it may quote the caller."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


def failure_of_status(status: int, retry_after: str = "", body: object = None) -> Failure:
    """Return the failure for an HTTP error status.

    Args:
        status: the HTTP status.
        retry_after: the header of that name, in seconds.
        body: the response's JSON, where Google may put the retry delay.
    """
    name = _NAMES.get(status, "APIError")
    return _failure(name, f"{name} {status}", _seconds(retry_after) or _retry_info(body))


def failure_of_event(error: object) -> Failure:
    """Return the failure for an error within a stream, which has a kind, a status or both."""
    fields = error if isinstance(error, Mapping) else {}
    status = fields.get("code")
    if isinstance(status, int) and status >= 400:
        return failure_of_status(status, body={"error": fields})
    names = [name for name in (fields.get("type"), status) if isinstance(name, str) and _NAME.fullmatch(name)]
    name = next((name for name in names if name in _RATE_LIMITS), names[0] if names else "APIError")
    return _failure(name, name, 0.0)


def failure_of_connection(error: BaseException) -> Failure:
    """Return the failure for a connection that was refused, lost or cut."""
    return Failure(type(error).__name__)


def _failure(name: str, why: str, rest_s: float) -> Failure:
    if name in _RATE_LIMITS:
        return Failure(why, rest_s=rest_s or RATE_LIMIT_REST_S)
    # another conversation may well be accepted
    return Failure(why, rest=name not in _WRONG_REQUESTS)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    return 0.0


def _retry_info(body: object) -> float:
    """Return the retry delay in seconds from the body of a Google error; 0 without one."""
    match body:
        case {"error": {"details": [*details]}}:
            for detail in details:
                match detail:
                    case {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": str(delay)}:
                        return _seconds(delay.removesuffix("s"))
    return 0.0
