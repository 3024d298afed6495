"""The monitor's web application for supervisors: the page and its socket, the list of turns, single turns, exports."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Protocol

import structlog
from fastapi import Depends, FastAPI, HTTPException, Query, Request, WebSocket
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field

from convonet.auth.throttle import PinThrottle
from convonet.core.errors import StorageError
from convonet.monitor.export import MAX_EXPORTED_TURNS, as_csv, as_json
from convonet.monitor.messages import (
    MAX_MESSAGE_BYTES,
    Choices,
    MonitorAlive,
    MonitorAliveAck,
    MonitorLines,
    MonitorRefused,
    MonitorSnapshot,
    MonitorUpdate,
    MonitorWatch,
    TurnPage,
    monitor_messages,
)
from convonet.monitor.turn_filter import TurnFilter
from convonet.monitor.turn_index import TurnIndex
from convonet.monitor.viewer import Viewer
from convonet.records.record import TurnRecord
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts, StaffMember
from convonet.staff.http import StaffLogin
from convonet.staff.page_session import CHECK_INTERVAL_S, PageProtocol, PageSession
from convonet.storage.database import Database
from convonet.web.pages import page
from convonet.web.refusals import Refused
from convonet.web.service import http_service

log = structlog.get_logger(__name__)

NOT_A_SUPERVISOR = 4403
"""Close code."""

NOT_FOR_YOU = "This is for supervisors. Whoever runs Convonet makes one with `convonet staff add --role supervisor`."


PROTOCOL: PageProtocol[MonitorWatch] = PageProtocol(
    monitor_messages,
    MAX_MESSAGE_BYTES,
    MonitorAlive,
    MonitorAliveAck(),
    lambda message: MonitorRefused(message=message),
)


class _ListQuery(TurnFilter):
    """The query of the list."""

    cursor: Annotated[str | None, Field(pattern=r"^\d{1,20}(\.\d{1,20})?(e\+\d{1,2})?-\d{1,18}$")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Host(Protocol):
    """The monitor's host, as the pages use it."""

    index: TurnIndex

    def follow(
        self, viewer: Viewer, staff_name: str
    ) -> AsyncGenerator[MonitorSnapshot | MonitorUpdate | MonitorLines, None]: ...


class MonitorApplication:
    """The routes of the monitor, with the host and the login that they need."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        throttle: PinThrottle,
        host: Host,
        *,
        check_interval_s: float = CHECK_INTERVAL_S,
    ) -> None:
        self._host = host
        self._check_interval_s = check_interval_s
        self.login = StaffLogin(StaffAccounts(database), throttle, settings)

    def add_routes(self, app: FastAPI) -> None:
        """Add all routes below /agent-monitor."""
        app.include_router(self.login.router())
        app.add_api_route("/", self._page, include_in_schema=False, dependencies=[Depends(self._require_on_page)])
        app.add_api_route("/api/turns", self._turns, methods=["GET"])
        app.add_api_route("/api/turns/{request_id}", self._turn, methods=["GET"])
        app.add_api_route("/api/choices", self._choices, methods=["GET"])
        app.add_api_route("/api/export.json", self._export_json, methods=["GET"], response_class=StreamingResponse)
        app.add_api_route("/api/export.csv", self._export_csv, methods=["GET"], response_class=StreamingResponse)
        app.add_api_websocket_route("/ws", self._socket)

    async def _page(self) -> FileResponse:
        return page("agent-monitor")

    async def _require_on_page(self, request: Request) -> None:
        try:
            member = await self.login.require_staff_page(request)
        except StorageError:
            # the page itself has no data; its requests are refused until the database is up again
            return
        if member.role is not Role.SUPERVISOR:
            raise HTTPException(303, headers={"Location": "staff/login?for=supervisors&to=/agent-monitor/"})

    async def _require(self, request: Request) -> StaffMember:
        return _require_supervisor(await self.login.require_staff(request))

    async def _turns(self, request: Request, query: Annotated[_ListQuery, Query()]) -> TurnPage:
        """Return one page of the turns that match the filters, newest first."""
        await self._require(request)
        return await self._host.index.page(query, query.cursor, query.limit)

    async def _turn(self, request_id: str, request: Request) -> TurnRecord:
        """Return the whole record of a turn."""
        member = await self._require(request)
        record = await self._host.index.get_record(request_id)
        if record is None:
            raise Refused(404, "not_found", "There is no such turn, or it is older than a week.")
        log.info("turn_read", staff=member.username, request_id=request_id)
        return record

    async def _choices(self, request: Request) -> Choices:
        """Return the values for the filters of the list."""
        await self._require(request)
        return await self._host.index.choices()

    async def _export_json(self, request: Request, wanted: Annotated[TurnFilter, Query()]) -> StreamingResponse:
        """Export the turns that match the filters as a JSON array of whole records."""
        await self._require_export(request)
        bodies = self._host.index.bodies(wanted, MAX_EXPORTED_TURNS)
        return StreamingResponse(as_json(bodies), media_type="application/json", headers=_file("turns.json"))

    async def _export_csv(self, request: Request, wanted: Annotated[TurnFilter, Query()]) -> StreamingResponse:
        """Export the turns that match the filters for a spreadsheet."""
        await self._require_export(request)
        bodies = self._host.index.bodies(wanted, MAX_EXPORTED_TURNS)
        return StreamingResponse(as_csv(bodies), media_type="text/csv; charset=utf-8", headers=_file("turns.csv"))

    async def _require_export(self, request: Request) -> None:
        member = await self._require(request)
        log.info("turns_exported", staff=member.username)

    async def _socket(self, websocket: WebSocket) -> None:
        """Send the live state to a page, as it changes."""
        session = await PageSession.accept(websocket, self.login, PROTOCOL)
        if session is None:
            return
        if session.member.role is not Role.SUPERVISOR:
            await session.close(NOT_A_SUPERVISOR)
            return
        viewer = Viewer()

        async def watch(message: MonitorWatch) -> str:
            viewer.watch_call(message.session_id)
            return ""

        await session.run(
            self._host.follow(viewer, session.member.display_name),
            watch,
            session.watch_login(self.login, lambda member: member.role is Role.SUPERVISOR, self._check_interval_s),
        )


def application(
    database: Database,
    settings: Settings,
    throttle: PinThrottle,
    host: Host,
    *,
    check_interval_s: float = CHECK_INTERVAL_S,
) -> FastAPI:
    """Build the application; it closes the database when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await database.close()

    app = http_service("monitor-service", lifespan)
    MonitorApplication(database, settings, throttle, host, check_interval_s=check_interval_s).add_routes(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Report that this replica answers."""
        return {"status": "ok", "service": "monitor-service"}

    return app


def _require_supervisor(member: StaffMember) -> StaffMember:
    if member.role is not Role.SUPERVISOR:
        raise Refused(403, "not_for_you", NOT_FOR_YOU)
    return member


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
