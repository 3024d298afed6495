"""What went wrong with a hosted model, and whether it should rest: told from the status or the name of the error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

RATE_LIMIT_REST_S = 10.0
"""For a vendor that does not say when to come back."""

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
"""What the vendors' SDKs call these, more or less; every other status is an `APIError`."""

_RATE_LIMITS = {"RateLimitError", "rate_limit_error", "rate_limit_exceeded"}
_WRONG_REQUESTS = {"InvalidRequestError", "invalid_request_error"}
"""The last ones are the vendors' names in an error within a stream, which has no status of its own."""

_NAME = re.compile(r"[A-Za-z][A-Za-z_]{0,63}")


@dataclass(frozen=True, slots=True)
class Failure:
    """`rest` is whether the next turns would most likely fail too."""

    why: str
    rest: bool = True
    rest_s: float = 0.0
    """The shortest rest, where the vendor named one."""


class ModelFailed(Exception):
    """A hosted model did not answer, or not to the end. The vendor's own words may quote the caller: they stay out."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.why)
        self.failure = failure


def of_status(status: int, retry_after: str = "", body: object = None) -> Failure:
    """An answer with an error status.

    Args:
        status: HTTP's.
        retry_after: the header of that name, in seconds.
        body: the JSON of the answer, in which Google may say when to come back.
    """
    name = _NAMES.get(status, "APIError")
    return _failure(name, f"{name} {status}", _seconds(retry_after) or _retry_info(body))


def of_event(error: object) -> Failure:
    """An error within a stream: the vendors name its kind, its status or both."""
    told = error if isinstance(error, Mapping) else {}
    status = told.get("code")
    if isinstance(status, int) and status >= 400:
        return of_status(status, body={"error": told})
    names = [name for name in (told.get("type"), status) if isinstance(name, str) and _NAME.fullmatch(name)]
    name = next((name for name in names if name in _RATE_LIMITS), names[0] if names else "APIError")
    return _failure(name, name, 0.0)


def of_connection(error: BaseException) -> Failure:
    """A connection that was refused, lost or cut."""
    return Failure(type(error).__name__)


def _failure(name: str, why: str, rest_s: float) -> Failure:
    if name in _RATE_LIMITS:
        return Failure(why, rest_s=rest_s or RATE_LIMIT_REST_S)
    # the next conversation may well please the vendor
    return Failure(why, rest=name not in _WRONG_REQUESTS)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    return 0.0


def _retry_info(body: object) -> float:
    """Seconds, from the body of Google's error, which may have them instead of a header; 0 without."""
    match body:
        case {"error": {"details": [*details]}}:
            for detail in details:
                match detail:
                    case {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": str(delay)}:
                        return _seconds(delay.removesuffix("s"))
    return 0.0
