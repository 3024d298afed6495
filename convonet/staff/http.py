"""Login and logout of staff over HTTP, and the dependencies that restrict pages and APIs to people who are logged in.

The session is a signed cookie that scripts can't read. A request that changes something must also come from one of our
pages (Origin).
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request, Response, WebSocket
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import BaseModel, StringConstraints

from convonet.auth.throttle import PinThrottle
from convonet.core.errors import AuthRefused, AuthThrottled
from convonet.settings import Settings
from convonet.staff.accounts import MAX_PASSWORD, Role, StaffAccounts, StaffMember
from convonet.staff.tokens import SESSION_LIFETIME_S, mint_session, read_link, read_session
from convonet.web.origin import origin_is_allowed
from convonet.web.pages import page
from convonet.web.refusals import Refused

COOKIE = "convonet_staff"
SAFE_METHODS = frozenset({"GET", "HEAD"})

RequireStaff = Callable[[Request], Awaitable[StaffMember]]


class Login(BaseModel):
    """Credentials from the login page."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    password: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSWORD)]


class Me(BaseModel):
    """The person who is logged in."""

    username: str
    display_name: str
    role: Role


class StaffLogin:
    """The staff area of a Serve application: its routes and dependencies."""

    def __init__(self, accounts: StaffAccounts, throttle: PinThrottle, settings: Settings) -> None:
        self._accounts = accounts
        self._throttle = throttle
        self._secret = settings.signing_secret
        self._origins = settings.server.allowed_origins

    async def require_staff(self, request: Request) -> StaffMember:
        """FastAPI dependency: the person, or 401; 403 for a change from a foreign page."""
        self._require_own_page(request)
        try:
            session = read_session(request.cookies.get(COOKIE, ""), secret=self._secret)
            return await self._accounts.member_of_session(session.staff_id, session.began)
        except AuthRefused:
            raise Refused(401, "login_required", "Please log in.") from None

    async def member_of(self, websocket: WebSocket) -> StaffMember:
        """The person of a WebSocket. Raises `AuthRefused` without a login, and for a foreign page."""
        headers = websocket.headers
        if not origin_is_allowed(headers.get("origin"), headers.get("host"), self._origins):
            raise AuthRefused("origin")
        session = read_session(websocket.cookies.get(COOKIE, ""), secret=self._secret)
        return await self._accounts.member_of_session(session.staff_id, session.began)

    async def require_staff_page(self, request: Request) -> StaffMember:
        """FastAPI dependency of a page: the person, or a redirect to the login page, which leads back."""
        try:
            return await self.require_staff(request)
        except Refused:
            wanted = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
            login = f"{request.scope.get('root_path', '')}/staff/login"
            raise HTTPException(303, headers={"Location": f"{login}?{urlencode({'to': wanted})}"}) from None

    def router(self) -> APIRouter:
        """The login page at /staff/login, its API below /staff/api, and /staff/link for one-time links."""
        router = APIRouter(prefix="/staff", include_in_schema=False)
        router.add_api_route("/login", self._login_page, methods=["GET"])
        router.add_api_route("/api/login", self._login, methods=["POST"], response_model=Me)
        router.add_api_route("/api/logout", self._logout, methods=["POST"], status_code=204)
        router.add_api_route("/api/me", self._me, methods=["GET"], response_model=Me)
        router.add_api_route("/link", self._link, methods=["GET"])
        return router

    async def _login_page(self) -> FileResponse:
        return page("staff-login")

    async def _login(self, login: Login, request: Request, response: Response) -> Me:
        self._require_own_page(request)
        # each attempt counts as a new connection: limits apply to the address, so that nobody can lock a colleague out
        attempt, address = f"staff-{uuid.uuid4().hex}", request.client.host if request.client else "unknown"
        try:
            await self._throttle.check(attempt, address)
        except AuthThrottled as error:
            raise Refused(429, error.code, error.spoken, retry_after_ms=error.retry_after_ms) from None
        try:
            member = await self._accounts.verify_password(login.username, login.password)
        except AuthRefused:
            await self._throttle.failed(attempt, address)
            raise Refused(401, "auth_failed", "Name or password is wrong.") from None
        await self._throttle.succeeded(attempt, address)
        self._set_cookie(response, member, request)
        return _me(member)

    async def _logout(self, request: Request, response: Response) -> None:
        member = await self.require_staff(request)
        await self._accounts.end_sessions(member.id)
        response.delete_cookie(COOKIE)

    async def _me(self, request: Request) -> Me:
        return _me(await self.require_staff(request))

    async def _link(self, token: str, request: Request, to: str = "/") -> Response:
        try:
            member = await self._accounts.use_link(*read_link(token, secret=self._secret))
        except AuthRefused:
            return RedirectResponse("login?link=void", 303)
        # only within this site: "//elsewhere" would be another host
        target = to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
        response = RedirectResponse(target, 303)
        self._set_cookie(response, member, request)
        return response

    def _set_cookie(self, response: Response, member: StaffMember, request: Request) -> None:
        response.set_cookie(
            COOKIE,
            mint_session(member.id, secret=self._secret),
            max_age=int(SESSION_LIFETIME_S),
            httponly=True,
            # sent also when a link in a mail is followed; the Origin of changes is checked as well
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    def _require_own_page(self, request: Request) -> None:
        headers = request.headers
        if request.method in SAFE_METHODS or origin_is_allowed(
            headers.get("origin"), headers.get("host"), self._origins
        ):
            return
        raise Refused(403, "origin_refused", "Wrong origin.")


def _me(member: StaffMember) -> Me:
    return Me(username=member.username, display_name=member.display_name, role=member.role)
