"""The call centre's web application: the desk's page and socket, its login, history, notes and call-backs."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Protocol

from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import FileResponse
from pydantic import BaseModel, StringConstraints, ValidationError

from convonet.auth.throttle import PinThrottle
from convonet.core.errors import AuthRefused
from convonet.desk.crm_notes import CrmNotes
from convonet.desk.messages import (
    MOST_BYTES,
    DeskAlive,
    DeskAliveAck,
    DeskRefused,
    DeskShown,
    Phone,
    desk_messages,
)
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts, StaffMember, Telephone
from convonet.staff.http import StaffLogin
from convonet.storage.database import Database
from convonet.telephony.ledger import CallBack, Ledger, PastCall
from convonet.telephony.messages import DeskAction, DeskLogin, DeskView
from convonet.web.page_socket import MISUNDERSTOOD, NOT_LOGGED_IN, PageSocket
from convonet.web.pages import page, policy_with
from convonet.web.refusals import Refused
from convonet.web.service import http_service

NO_TELEPHONE = 4403
TAKEN_OVER = 4001

NO_PHONE = "Your account has no telephone. Whoever runs Convonet gives you one with `convonet staff telephone`."


class Notes(BaseModel):
    """What the person at the desk writes down after a call."""

    text: Annotated[str, StringConstraints(max_length=4_000)]


class Desks(Protocol):
    """The host of the hand-overs as a desk sees it."""

    def desk(self, login: DeskLogin) -> AsyncGenerator[DeskView, None]: ...

    async def desk_does(self, name: str, action: DeskAction, text: str = "") -> bool: ...

    def call_backs_changed(self) -> None: ...


class DeskApplication:
    """All that the application's routes need."""

    def __init__(
        self, database: Database, settings: Settings, throttle: PinThrottle, desks: Desks, notes: CrmNotes
    ) -> None:
        self._settings = settings
        self._desks = desks
        self._ledger = Ledger(database)
        self._notes = notes
        self._sockets: dict[str, DeskSocket] = {}
        self.login = StaffLogin(StaffAccounts(database), throttle, settings)

    def add_routes(self, app: FastAPI) -> None:
        """Everything below /call-center."""
        app.include_router(self.login.router())
        logged_in = [Depends(self.login.require_staff_page)]
        app.add_api_route("/", self._page, dependencies=logged_in, include_in_schema=False)
        app.add_api_route("/api/phone", self._phone, methods=["GET"])
        app.add_api_route("/api/history", self._history, methods=["GET"])
        app.add_api_route("/api/history/{transfer_id}/notes", self._note, methods=["POST"], status_code=204)
        app.add_api_route("/api/call-backs", self._call_backs, methods=["GET"])
        app.add_api_route("/api/call-backs/{call_back_id}/done", self._done, methods=["POST"], status_code=204)
        app.add_api_websocket_route("/ws", self._socket)

    async def _page(self) -> FileResponse:
        answer = page("call-center")
        if self._settings.telephony.pbx_wss_url is not None:
            # the telephone in the page talks to the PBX
            answer.headers["Content-Security-Policy"] = policy_with(connect=[self._settings.telephony.pbx_wss_url])
        return answer

    async def _phone(self, request: Request) -> Phone:
        """What the telephone in this person's page registers with."""
        member = await self.login.require_staff(request)
        telephone = self._telephone(member)
        settings = self._settings
        if settings.telephony.sip_domain is None or settings.telephony.pbx_wss_url is None:
            raise Refused(
                404, "not_found", "No PBX is set up here: FREEPBX_DOMAIN and FREEPBX_WSS_URL say where it is."
            )
        return Phone(
            display_name=member.display_name,
            extension=telephone.extension,
            domain=settings.telephony.sip_domain,
            wss_url=settings.telephony.pbx_wss_url,
            ha1=telephone.ha1,
        )

    async def _history(self, request: Request) -> list[PastCall]:
        """This person's own calls."""
        member = await self.login.require_staff(request)
        return await self._ledger.history(member.username)

    async def _note(self, transfer_id: str, notes: Notes, request: Request) -> None:
        """Write down what a call of this person's was about; the CRM gets it too."""
        member = await self.login.require_staff(request)
        row = await self._ledger.note(member.username, transfer_id, notes.text)
        if row is None:
            raise Refused(404, "not_found", "That is no call of yours.")
        await self._notes.add(row, member.display_name)

    async def _call_backs(self, request: Request) -> list[CallBack]:
        """Who waits to be called back by this person's departments."""
        member = await self.login.require_staff(request)
        return await self._ledger.call_backs(self._departments(member))

    async def _done(self, call_back_id: uuid.UUID, request: Request) -> None:
        """This person has called back."""
        member = await self.login.require_staff(request)
        if not await self._ledger.call_back_done(call_back_id, member.username):
            raise Refused(409, "conflict", "A colleague has called back already.")
        self._desks.call_backs_changed()

    async def _socket(self, websocket: WebSocket) -> None:
        """The desk's socket: views down, deeds up."""
        await websocket.accept()
        try:
            member = await self.login.of_socket(websocket)
        except AuthRefused:
            await websocket.close(NOT_LOGGED_IN)
            return
        if member.telephone is None:
            await websocket.close(NO_TELEPHONE, NO_PHONE[:120])
            return
        login = DeskLogin(member.username, member.display_name, member.telephone.extension, self._departments(member))
        socket = DeskSocket(websocket, self._desks, login)
        if (before := self._sockets.get(login.name)) is not None:
            await before.close(TAKEN_OVER)
        self._sockets[login.name] = socket
        try:
            await socket.run()
        finally:
            if self._sockets.get(login.name) is socket:
                del self._sockets[login.name]

    def _telephone(self, member: StaffMember) -> Telephone:
        if member.telephone is None:
            raise Refused(409, "no_telephone", NO_PHONE)
        return member.telephone

    def _departments(self, member: StaffMember) -> tuple[str, ...]:
        own = member.telephone.departments if member.telephone else ()
        return own or self._settings.call_center.department_names


class DeskSocket:
    """One socket of one desk."""

    def __init__(self, websocket: WebSocket, desks: Desks, login: DeskLogin) -> None:
        self._socket = PageSocket(websocket, login.name)
        self._desks = desks
        self._login = login

    async def run(self) -> None:
        """Until the page is gone, or another one of the same person has come."""
        await self._socket.run(self._show(), self._listen())

    async def close(self, code: int) -> None:
        """End it."""
        await self._socket.close(code)

    async def _show(self) -> None:
        async with contextlib.aclosing(self._desks.desk(self._login)) as views:
            async for view in views:
                await self._socket.send(DeskShown(view=view))

    async def _listen(self) -> None:
        while True:
            try:
                message = desk_messages.validate_json(await self._socket.receive(MOST_BYTES) or "")
            except ValidationError:
                await self._socket.send(DeskRefused(message=MISUNDERSTOOD))
                continue
            if isinstance(message, DeskAlive):
                await self._socket.send(DeskAliveAck())
            elif not await self._desks.desk_does(self._login.name, message.action, message.text):
                await self._socket.send(DeskRefused(message="That is not possible any more."))


def application(
    database: Database, settings: Settings, throttle: PinThrottle, desks: Desks, notes: CrmNotes
) -> FastAPI:
    """The whole application; it closes the database when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await notes.close()
        await database.close()

    app = http_service("call-center-service", lifespan)
    DeskApplication(database, settings, throttle, desks, notes).add_routes(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Alive: this replica answers."""
        return {"status": "ok", "service": "call-center-service"}

    return app
