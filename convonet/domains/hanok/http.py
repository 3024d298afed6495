"""The restaurant's web application: its HTTP API, its guests' pages, and its staff's page behind a login.

A code of four letters can be guessed. So the code alone shows the status and the table, nothing about the person. Name,
order and every change need the phone number too, which travels in the body and not in an address that is logged. A
wrong phone number and an unknown code look alike (404), and after ten of them an address has to wait (429).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response, Security
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie

from convonet.auth.throttle import PinThrottle, throttle
from convonet.domains.hanok.errors import ReservationRefused
from convonet.domains.hanok.house import House
from convonet.domains.hanok.http_guests import GuestRoutes
from convonet.domains.hanok.http_staff import StaffRoutes
from convonet.domains.hanok.rate_limits import AddressLimits
from convonet.domains.hanok.service import ReservationService
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts
from convonet.staff.http import COOKIE, StaffLogin
from convonet.storage.database import Database
from convonet.web.pages import page
from convonet.web.refusals import Refused, refusal_responses
from convonet.web.service import closing, http_service
from convonet.web.tracing import TracingMiddleware


def application(
    database: Database,
    settings: Settings,
    login_throttle: PinThrottle | None = None,
    limits: AddressLimits | None = None,
) -> FastAPI:
    """Make the application; it closes the database when it stops. The limits are those of the settings by default."""
    app = http_service("hanok-table-service", closing(database))
    login = StaffLogin(StaffAccounts(database), login_throttle or throttle(settings, "staff"), settings)
    reservations = ReservationService(database, House.of(settings.hanok))
    app.include_router(router(reservations, login.require_staff, limits or AddressLimits.of(settings.hanok)))
    app.include_router(login.router())
    _add_pages(app, login)
    app.add_middleware(TracingMiddleware)
    return app


def _add_pages(app: FastAPI, login: StaffLogin) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """Alive: this replica answers."""
        return {"status": "ok", "service": "hanok-table-service"}

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("book")

    @app.get("/book", include_in_schema=False)
    async def booking_page() -> FileResponse:
        return page("hanok-book")

    @app.get("/reservation", include_in_schema=False)
    async def reservation_page() -> FileResponse:
        return page("hanok-reservation")

    @app.get("/admin", include_in_schema=False, dependencies=[Depends(login.require_staff_page)])
    async def admin_page() -> FileResponse:
        return page("hanok-admin")


PREFIX = "/api/reservations"

RequireStaff = Callable[[Request], Awaitable[object]]
"""A dependency that lets the staff in and refuses others with 401 or 403."""


class _RefusalsWithReason(APIRoute):
    """A rule's refusal becomes a 409 with the rule's own code."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await answer(request)
            except ReservationRefused as refused:
                raise Refused(409, refused.reason, refused.spoken) from refused

        return handler


def router(reservations: ReservationService, require_staff: RequireStaff, limits: AddressLimits) -> APIRouter:
    """All routes; the application answers errors in the one shape by `convonet.web.refusals`."""
    public = APIRouter(
        prefix=PREFIX, tags=["guests"], route_class=_RefusalsWithReason, responses=refusal_responses(409, 422, 429, 503)
    )
    GuestRoutes(reservations, limits).add_to(public)
    # only documents the staff's login
    cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="What the staff's login sets.")
    staff = APIRouter(
        prefix=PREFIX,
        tags=["staff"],
        route_class=_RefusalsWithReason,
        dependencies=[Security(cookie), Depends(require_staff)],
        responses=refusal_responses(401, 409, 422, 503),
    )
    StaffRoutes(reservations).add_to(staff)
    both = APIRouter()
    both.include_router(public)
    both.include_router(staff)
    return both
