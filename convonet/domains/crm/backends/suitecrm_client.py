"""Requests to SuiteCRM's V8 API: OAuth2 tokens, one pool of connections, and the rules of what may be tried again.

Written against public/legacy/Api/V8 of SuiteCRM 8 and Api/V8 of SuiteCRM 7: JSON:API documents, except that `errors`
is one object and that nearly every refusal is a 400 whose `detail` says what it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import httpx2
import structlog
from pydantic import BaseModel, SecretStr, ValidationError

from convonet.core.errors import CrmUnavailable
from convonet.domains.crm.errors import CrmRefused
from convonet.tracing.spans import span

log = structlog.get_logger(__name__)

ROOTS = ("/Api", "/legacy/Api")
"""The paths of the API: of SuiteCRM 7, and of SuiteCRM 8, which serves it under /legacy."""
MEDIA_TYPE = "application/vnd.api+json"

CONNECT_TIMEOUT_S = 5.0
"""A server that is there answers a SYN within one resend (1 s) or two (3 s)."""

LIMITS = httpx2.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=4.0)
"""Apache closes an idle connection after 5 s (KeepAliveTimeout); we close it first, and so use no dead one."""

TOKEN_MARGIN_S = 60.0
"""A token is renewed this long before it ends, so that it does not end on its way."""

PASSING = frozenset({502, 503, 504})
"""Answers of a proxy whose server is down for a moment."""

UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout)
"""No connection came about, so nothing has reached the server: any request may be tried again."""

BROKEN = (*UNSENT, httpx2.NetworkError, httpx2.RemoteProtocolError)
"""The connection broke at some point: a read may be tried again. A timeout is not: no caller waits that long."""
Page = TypeVar("Page", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class SuiteCrmAccount:
    """The address of SuiteCRM and our login: as a user when one is named, else as the client itself."""

    url: str
    client_id: str
    client_secret: SecretStr
    username: str | None = None
    password: SecretStr | None = None
    auth_timeout_s: float = 10.0
    timeout_s: float = 15.0

    def grant(self) -> dict[str, str]:
        """The form of a token request (RFC 6749, 4.3 and 4.4)."""
        form = {"client_id": self.client_id, "client_secret": self.client_secret.get_secret_value()}
        if self.username is None or self.password is None:
            return form | {"grant_type": "client_credentials"}
        return form | {
            "grant_type": "password",
            "username": self.username,
            "password": self.password.get_secret_value(),
        }


@dataclass(slots=True)
class _Token:
    root: str
    bearer: str = field(repr=False)
    ends: float


class _Granted(BaseModel):
    access_token: str
    expires_in: float


class _ErrorBody(BaseModel):
    detail: str | None = None


class _Refusal(BaseModel):
    errors: _ErrorBody


class SuiteCrmClient:
    """Requests to the V8 API. Raises `CrmUnavailable` or `CrmRefused`."""

    def __init__(self, account: SuiteCrmAccount, clock: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self._clock = clock
        self._token: _Token | None = None
        self._renewal: asyncio.Task[_Token] | None = None
        self._http = httpx2.AsyncClient(
            base_url=account.url.rstrip("/"),
            timeout=httpx2.Timeout(account.timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=LIMITS,
            headers={"Accept": MEDIA_TYPE},
        )

    async def read(self, path: str, shape: type[Page], query: dict[str, str] | None = None) -> Page:
        """Send a GET; try once more when the connection breaks or a proxy can't reach its server."""
        answer = await self._send("GET", path, query=query)
        if answer.status_code in PASSING:
            answer = await self._send("GET", path, query=query)
        return _parsed(answer, shape)

    async def write(self, path: str, data: dict[str, object]) -> None:
        """POST `{"data": data}`; tried once more only when no connection came about or the token had ended."""
        _accepted(await self._send("POST", path, data=data))

    async def check(self) -> None:
        """Raise `CrmUnavailable` if we get no token."""
        await self._valid_token()

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        await self._http.aclose()

    async def _send(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        query: dict[str, str] | None = None,
        data: dict[str, object] | None = None,
    ) -> httpx2.Response:
        with span("suitecrm", kind="client", http_method=method) as asking:
            token = await self._valid_token()
            answer = await self._send_with(token, method, path, query, data)
            if answer.status_code == httpx2.codes.UNAUTHORIZED:
                self._forget(token)
                answer = await self._send_with(await self._valid_token(), method, path, query, data)
            asking.set(http_status=answer.status_code)
        return answer

    async def _send_with(
        self,
        token: _Token,
        method: Literal["GET", "POST"],
        path: str,
        query: dict[str, str] | None,
        data: dict[str, object] | None,
    ) -> httpx2.Response:
        request = self._http.build_request(
            method,
            f"{token.root}/V8{path}",
            params=query,
            json=None if data is None else {"data": data},
            headers={"Authorization": f"Bearer {token.bearer}"}
            | ({} if data is None else {"Content-Type": MEDIA_TYPE}),
        )
        return await self._deliver(request, BROKEN if method == "GET" else UNSENT)

    async def _deliver(self, request: httpx2.Request, again_after: tuple[type[Exception], ...]) -> httpx2.Response:
        try:
            with suppress(*again_after):
                return await self._http.send(request)
            return await self._http.send(request)
        except httpx2.HTTPError as error:
            log.warning("suitecrm_unreachable", method=request.method, error=type(error).__name__)
            raise CrmUnavailable(f"SuiteCRM: {type(error).__name__}") from error

    async def _valid_token(self) -> _Token:
        if self._token is not None and self._clock() < self._token.ends:
            return self._token
        if self._renewal is None or self._renewal.done():
            # one request for all that wait; when it fails, it fails for all of them, so that none waits twice
            self._renewal = asyncio.create_task(self._new_token())
            self._renewal.add_done_callback(_look_at)
        return await asyncio.shield(self._renewal)

    def _forget(self, token: _Token) -> None:
        # when several calls are refused at once, the later ones must not drop the token that the first one renewed
        if self._token is token:
            self._token = None

    async def _new_token(self) -> _Token:
        status = 0
        for root in ROOTS:
            answer = await self._deliver(self._token_request(root), UNSENT)
            status = answer.status_code
            with suppress(ValidationError):
                granted = _Granted.model_validate_json(answer.content if answer.is_success else b"")
                # a token of less than two minutes is used for half its time
                lasts = max(granted.expires_in - TOKEN_MARGIN_S, granted.expires_in / 2)
                self._token = _Token(root, granted.access_token, self._clock() + lasts)
                return self._token
            # SuiteCRM 8 answers 404, or its start page, where SuiteCRM 7 has the API; any other status is final
            if not answer.is_success and status != httpx2.codes.NOT_FOUND:
                break
        log.error("suitecrm_gives_no_token", status=status)
        raise CrmUnavailable(f"SuiteCRM gives no token: status {status}")

    def _token_request(self, root: str) -> httpx2.Request:
        return self._http.build_request(
            "POST",
            f"{root}/access_token",
            data=self._account.grant(),
            headers={"Accept": "application/json"},
            timeout=httpx2.Timeout(self._account.auth_timeout_s, connect=CONNECT_TIMEOUT_S),
        )


def _look_at(renewal: asyncio.Task[_Token]) -> None:
    """Read a failure that no request waits for any more, so that asyncio does not log it."""
    if not renewal.cancelled():
        renewal.exception()


def _parsed(answer: httpx2.Response, shape: type[Page]) -> Page:
    try:
        return shape.model_validate_json(_accepted(answer).content)
    except ValidationError as error:
        log.warning("suitecrm_answer_not_understood", status=answer.status_code)
        raise CrmUnavailable("SuiteCRM's answer is not what V8 documents") from error


def _accepted(answer: httpx2.Response) -> httpx2.Response:
    if answer.is_success:
        return answer
    if answer.status_code != httpx2.codes.BAD_REQUEST:
        log.warning("suitecrm_failed", status=answer.status_code)
        raise CrmUnavailable(f"SuiteCRM: status {answer.status_code}")
    try:
        detail = _Refusal.model_validate_json(answer.content).errors.detail or ""
    except ValidationError as error:
        raise CrmUnavailable("SuiteCRM refused without saying why") from error
    raise CrmRefused(detail[:300])
