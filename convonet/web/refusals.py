"""Every refusal of our HTTP APIs is `{"code": ..., "message": ...}`; the message can be shown to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from convonet.errors import AuthThrottled, CapacityError, ConvonetError, DomainError, NotFound, StorageError

log = structlog.get_logger(__name__)

STATUS: Mapping[type[ConvonetError], int] = {
    NotFound: 404,
    DomainError: 409,
    AuthThrottled: 429,
    CapacityError: 503,
    StorageError: 503,
}
"""The status of each error that a service lets through; the first that fits counts."""


class Refusal(BaseModel):
    """What is answered instead of a result."""

    code: str
    message: str


class Refused(HTTPException):
    """Raised by a route to refuse a request."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_ms: int | None = None) -> None:
        headers = {"Retry-After": str(-(-retry_after_ms // 1000))} if retry_after_ms else None
        super().__init__(status, message, headers)
        self.code = code


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's `responses` says of the refusals that it may answer."""
    return {status: {"model": Refusal} for status in statuses}


def answer_refusals(app: FastAPI) -> None:
    """Make the application answer errors in the one shape."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(ConvonetError, _own_error)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 -- that is what it was registered for
    code = error.code if isinstance(error, Refused) else _code_of(error.status_code)
    return _answer(error.status_code, code, str(error.detail), error.headers)


async def _bad_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- that is what it was registered for
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return _answer(422, "bad_field", f"{field}: {first['msg']}" if field else str(first["msg"]))


async def _own_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ConvonetError)  # noqa: S101 -- that is what it was registered for
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
    if status >= 500:
        log.warning("request_failed", path=request.url.path, error=str(error))
    headers = {"Retry-After": "5"} if status == 503 else None
    code = error.code if error.code != ConvonetError.code else _code_of(status)
    return _answer(status, code, error.spoken, headers)


def _code_of(status: int) -> str:
    return {404: "not_found", 405: "method_not_allowed", 409: "conflict", 503: "unavailable"}.get(
        status, "internal_error" if status >= 500 else "bad_request"
    )


def _answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status, headers=dict(headers or {}))
