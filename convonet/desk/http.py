"""The web application of the desks: page, socket, login, history, notes and call-backs. The call center serves it."""

from __future__ import annotations

import contextlib
import math
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Protocol

from fastapi import Depends, FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse
from pydantic import BaseModel, StringConstraints

from convonet.auth.throttle import PinThrottle
from convonet.desk.crm_notes import CrmNotes
from convonet.desk.messages import (
    MAX_CHARACTERS,
    DeskAlive,
    DeskAliveAck,
    DeskDoes,
    DeskRefused,
    DeskShown,
    Phone,
    desk_messages,
)
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts, StaffMember, Telephone
from convonet.staff.http import StaffLogin
from convonet.staff.page_session import CHECK_INTERVAL_S, PageProtocol, PageSession, watch_login
from convonet.storage.database import Database
from convonet.telephony.call_log import CallBack, CallLog, PastCall
from convonet.telephony.messages import DeskAction, DeskLogin, DeskView
from convonet.web.pages import page, policy_with
from convonet.web.refusals import Refused
from convonet.web.service import http_service

NO_TELEPHONE = 4403
TAKEN_OVER = 4001

NO_PHONE = "Your account has no extension. Whoever runs Convonet gives you one with `convonet staff desk`."


PROTOCOL: PageProtocol[DeskDoes] = PageProtocol(
    desk_messages, MAX_CHARACTERS, DeskAlive, DeskAliveAck(), lambda message: DeskRefused(message=message)
)


class Notes(BaseModel):
    """Notes of the person at a desk about a call."""

    text: Annotated[str, StringConstraints(max_length=4_000)]


class DeskHost(Protocol):
    """The host of the hand-overs as the desks see it."""

    def follow_desk(self, login: DeskLogin) -> AsyncGenerator[DeskView, None]:
        """Log a desk in and follow its views. Yields nothing when the desk has to find another host."""
        ...

    async def perform_desk_action(self, name: str, action: DeskAction, text: str = "") -> bool:
        """Carry out an action of the person at a desk. Returns False when it is not possible now."""
        ...

    def call_backs_changed(self) -> None:
        """Let the desks read the list of call-backs again."""
        ...


class DeskApplication:
    """The routes of the desks."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        throttle: PinThrottle,
        host: DeskHost,
        notes: CrmNotes,
        *,
        check_interval_s: float = CHECK_INTERVAL_S,
    ) -> None:
        self._settings = settings
        self._host = host
        self._call_log = CallLog(database)
        self._notes = notes
        self._check_interval_s = check_interval_s
        self._sessions: dict[str, PageSession[DeskDoes]] = {}
        self.login = StaffLogin(StaffAccounts(database), throttle, settings)

    def add_routes(self, app: FastAPI) -> None:
        """Add all routes below /call-center."""
        app.include_router(self.login.router())
        logged_in = [Depends(self.login.require_staff_page)]
        app.add_api_route("/", self._page, dependencies=logged_in, include_in_schema=False)
        app.add_api_route("/api/phone", self._phone, methods=["GET"], response_model=Phone)
        app.add_api_route("/api/history", self._history, methods=["GET"])
        app.add_api_route("/api/history/{transfer_id}/notes", self._note, methods=["POST"], status_code=204)
        app.add_api_route("/api/call-backs", self._call_backs, methods=["GET"])
        app.add_api_route("/api/call-backs/{call_back_id}/done", self._done, methods=["POST"], status_code=204)
        app.add_api_websocket_route("/ws", self._socket)

    async def _page(self) -> FileResponse:
        answer = page("call-center")
        if self._settings.telephony.pbx_wss_url is not None:
            # the telephone in the page connects to the PBX
            answer.headers["Content-Security-Policy"] = policy_with(connect=[self._settings.telephony.pbx_wss_url])
        return answer

    async def _phone(self, request: Request) -> Phone | Response:
        """Credentials of the SIP telephone in this person's page; 204 when the page carries all its calls itself."""
        member = await self.login.require_staff(request)
        telephone, pbx = self._telephone(member), self._settings.telephony
        if telephone.ha1 is None or pbx.sip_domain is None or pbx.pbx_wss_url is None:
            return Response(status_code=204)
        return Phone(
            display_name=member.display_name,
            extension=telephone.extension,
            domain=pbx.sip_domain,
            wss_url=pbx.pbx_wss_url,
            ha1=telephone.ha1,
        )

    async def _history(self, request: Request) -> list[PastCall]:
        """The person's own calls."""
        member = await self.login.require_staff(request)
        return await self._call_log.hand_overs_of(member.username)

    async def _note(self, transfer_id: str, notes: Notes, request: Request) -> None:
        """Save the notes about a call of this person, here and in the CRM."""
        member = await self.login.require_staff(request)
        row = await self._call_log.set_notes(member.username, transfer_id, notes.text)
        if row is None:
            raise Refused(404, "not_found", "That is no call of yours.")
        await self._notes.add_note(row, member.display_name)

    async def _call_backs(self, request: Request) -> list[CallBack]:
        """Open call-backs of the person's departments."""
        member = await self.login.require_staff(request)
        return await self._call_log.open_call_backs(self._departments(member))

    async def _done(self, call_back_id: uuid.UUID, request: Request) -> None:
        """Mark a call-back as done."""
        member = await self.login.require_staff(request)
        if not await self._call_log.complete_call_back(call_back_id, member.username):
            raise Refused(409, "conflict", "A colleague has called back already.")
        self._host.call_backs_changed()

    async def _socket(self, websocket: WebSocket) -> None:
        """Send the desk its views, and take the actions of its person."""
        session = await PageSession.accept(websocket, self.login, PROTOCOL)
        if session is None:
            return
        member = session.member
        if member.telephone is None:
            await session.close(NO_TELEPHONE, NO_PHONE[:120])
            return
        login = DeskLogin(
            member.username,
            member.display_name,
            member.telephone.extension,
            self._departments(member),
            has_telephone=member.telephone.ha1 is not None,
        )
        if (before := self._sessions.get(login.name)) is not None:
            await before.close(TAKEN_OVER)
        self._sessions[login.name] = session

        async def perform(message: DeskDoes) -> str:
            is_possible = await self._host.perform_desk_action(login.name, message.action, message.text)
            return "" if is_possible else "That is not possible any more."

        try:
            await session.run(self._views(login), perform, self._watch_login(websocket))
        finally:
            if self._sessions.get(login.name) is session:
                del self._sessions[login.name]

    async def _watch_login(self, websocket: WebSocket) -> None:
        # a database that is down ends no talk
        await watch_login(websocket, self.login, _has_desk, self._check_interval_s, max_unchecked=math.inf)

    async def _views(self, login: DeskLogin) -> AsyncGenerator[DeskShown, None]:
        async with contextlib.aclosing(self._host.follow_desk(login)) as views:
            async for view in views:
                yield DeskShown(view=view)

    def _telephone(self, member: StaffMember) -> Telephone:
        if member.telephone is None:
            raise Refused(409, "no_telephone", NO_PHONE)
        return member.telephone

    def _departments(self, member: StaffMember) -> tuple[str, ...]:
        own = member.telephone.departments if member.telephone else ()
        return own or self._settings.call_center.department_names


def _has_desk(member: StaffMember) -> bool:
    return member.telephone is not None


def application(
    database: Database,
    settings: Settings,
    throttle: PinThrottle,
    host: DeskHost,
    notes: CrmNotes,
    *,
    check_interval_s: float = CHECK_INTERVAL_S,
) -> FastAPI:
    """Build the application; it closes the database when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await notes.close()
        await database.close()

    app = http_service("call-center-service", lifespan)
    DeskApplication(database, settings, throttle, host, notes, check_interval_s=check_interval_s).add_routes(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Show that this replica answers."""
        return {"status": "ok", "service": "call-center-service"}

    return app
