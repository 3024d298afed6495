"""The restaurant's web application: its HTTP API, the pages of its guests, and the book behind the staff login."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, RedirectResponse

from convonet.auth.throttle import PinThrottle
from convonet.domains.hanok.house import House
from convonet.domains.hanok.http import router
from convonet.domains.hanok.service import Reservations
from convonet.domains.hanok.visits import Visits
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts
from convonet.staff.http import StaffLogin
from convonet.storage.database import Database
from convonet.web.pages import page
from convonet.web.service import http_service
from convonet.web.traced import Traced


def application(database: Database, settings: Settings, throttle: PinThrottle, visits: Visits) -> FastAPI:
    """The whole application; it closes the database when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await database.close()

    app = http_service("hanok-table-service", lifespan)
    login = StaffLogin(StaffAccounts(database), throttle, settings)
    app.include_router(router(Reservations(database, House.of(settings.hanok)), login.require_staff, visits))
    app.include_router(login.router())
    _add_pages(app, login)
    app.add_middleware(Traced)
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
