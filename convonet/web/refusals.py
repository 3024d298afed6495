"""Error responses of our HTTP APIs, always `{"code": ..., "message": ...}` with a message for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from convonet.core.errors import AuthThrottled, ConvonetError, DomainError, NotFound
from convonet.core.validation import fault_in_words
from convonet.web.pages import SECURITY_HEADERS

log = structlog.get_logger(__name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

STATUS: Mapping[type[ConvonetError], int] = {
    NotFound: 404,
    DomainError: 409,
    AuthThrottled: 429,
}
"""HTTP status of our own errors, the first that fits; others are 503 when a retry can help, else 500."""


class Refusal(BaseModel):
    """Body of an error response."""

    code: str
    message: str


class Refused(HTTPException):
    """Raised by a route to refuse a request."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_ms: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        wait = {"Retry-After": str(-(-retry_after_ms // 1000))} if retry_after_ms else {}
        super().__init__(status, message, {**wait, **(headers or {})})
        self.code = code


def refusal_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the error responses of a route, for its `responses`."""
    return {status: {"model": Refusal} for status in statuses}


def add_refusal_handlers(app: FastAPI) -> None:
    """Make the application answer all errors with a `Refusal`."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(ConvonetError, _own_error)
    app.add_exception_handler(Exception, _crash)


def refusal_response(refused: Refused) -> JSONResponse:
    """Create the response to a request that is refused before any route."""
    return _answer(refused.status_code, refused.code, str(refused.detail), refused.headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 -- that is what it was registered for
    if isinstance(error, Refused):
        return refusal_response(error)
    if error.status_code == 400:
        # FastAPI's status for a body that is not valid text; for a client it is one more invalid body
        return _answer(422, "bad_field", "body: not JSON")
    # the framework lists the methods of the first route at that path only
    headers = {"Allow": ", ".join(_allowed(request))} if error.status_code == 405 else error.headers
    return _answer(error.status_code, _code_of(error.status_code), str(error.detail), headers)


def _allowed(request: Request) -> list[str]:
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    routes = request.app.routes
    return [method for method, scope in scopes.items() if any(r.matches(scope)[0] is Match.FULL for r in routes)]


async def _bad_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- that is what it was registered for
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return _answer(422, "bad_field", f"{field.replace('_', ' ') or 'body'}: {fault_in_words(first)}.")


async def _own_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ConvonetError)  # noqa: S101 -- that is what it was registered for
    default = 503 if error.retryable else 500
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), default)
    if status >= 500:
        log.warning("request_failed", path=request.url.path, error=str(error))
    headers = {"Retry-After": "5"} if status == 503 else None
    code = error.code if error.code != ConvonetError.code else _code_of(status)
    return _answer(status, code, error.spoken, headers)


async def _crash(request: Request, error: Exception) -> JSONResponse:
    # the framework raises it again; this response bypasses the middleware that adds the headers
    log.error("request_crashed", path=request.url.path, exc_info=error)
    return _answer(500, "internal_error", ConvonetError.spoken, SECURITY_HEADERS)


def _code_of(status: int) -> str:
    return {404: "not_found", 405: "method_not_allowed", 409: "conflict", 503: "unavailable"}.get(
        status, "internal_error" if status >= 500 else "bad_request"
    )


def _answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status, headers=dict(headers or {}))
