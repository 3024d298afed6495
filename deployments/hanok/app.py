"""The restaurant: its HTTP API, the pages of its guests, and the book of reservations behind the staff login."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, RedirectResponse
from ray import serve
from ray.serve import Application, Deployment

from actors.store import pin_throttle
from convonet.domains.hanok.house import House
from convonet.domains.hanok.http import router
from convonet.domains.hanok.service import Reservations
from convonet.domains.hanok.visits import Visits
from convonet.settings import get_settings
from convonet.staff.accounts import StaffAccounts, StaffMember
from convonet.staff.http import StaffLogin
from convonet.storage.database import Database
from convonet.web.pages import page
from convonet.web.service import http_service
from deployments.logs import log_to_own_stderr

MAX_ONGOING = 100
"""A request takes milliseconds; what comes on top waits in the proxy."""


def build_http() -> FastAPI:
    """The replica's application."""
    settings = get_settings()
    log_to_own_stderr(settings)
    database = Database(settings.database_url)
    login = StaffLogin(StaffAccounts(database), pin_throttle(settings), settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await database.close()

    app = http_service("hanok-table-service", lifespan)
    reservations = Reservations(database, House.of(settings))
    app.include_router(router(reservations, login.require_staff, Visits.of(settings)))
    app.include_router(login.router())
    _add_pages(app, login)
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

    @app.get("/admin", include_in_schema=False)
    async def admin_page(_: Annotated[StaffMember, Depends(login.require_staff_page)]) -> FileResponse:
        return page("hanok-admin")


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Hanok:
    """One replica."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    hanok: Deployment = Hanok  # type: ignore[assignment]
    return hanok.bind()
