"""The WebSocket session of a staff page: login, heartbeat, refusals and its end. The desk and the monitor use it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog
from fastapi import WebSocket
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from convonet.core.errors import AuthRefused, StorageError
from convonet.staff.accounts import StaffMember
from convonet.staff.http import StaffLogin
from convonet.web.login_limits import lift_login_limits

log = structlog.get_logger(__name__)

TRY_LATER = 1013
GOING_AWAY = 1001
NOT_LOGGED_IN = 4401

MISUNDERSTOOD = "The page and the server misunderstood each other. Reload it."

CHECK_INTERVAL_S = 10.0
MAX_UNCHECKED = 30
"""Checks of the login that may fail in a row because the database is down: five minutes."""

Sent = TypeVar("Sent")


@dataclass(frozen=True, slots=True)
class PageProtocol(Generic[Sent]):
    """The messages that every staff page has, in the form of one page. `Sent` are those besides the heartbeat."""

    messages: TypeAdapter[Any]
    """All messages from the page."""
    max_characters: int
    """Length of the longest message from the page."""
    alive: type[Any]
    """Heartbeat of the page."""
    alive_ack: BaseModel
    refusal: Callable[[str], BaseModel]
    """Makes the message that shows the person why something was not possible."""


class PageSession(Generic[Sent]):
    """One accepted socket of a person who is logged in."""

    def __init__(self, websocket: WebSocket, member: StaffMember, protocol: PageProtocol[Sent]) -> None:
        lift_login_limits(websocket)
        self.member = member
        self._websocket = websocket
        self._protocol = protocol

    @classmethod
    async def accept(
        cls, websocket: WebSocket, login: StaffLogin, protocol: PageProtocol[Sent]
    ) -> PageSession[Sent] | None:
        """Accept a socket. Returns None, with the socket closed, unless its person is logged in."""
        member = await accept_member(websocket, login)
        return cls(websocket, member, protocol) if member is not None else None

    async def run(
        self,
        views: AsyncGenerator[BaseModel, None],
        handle: Callable[[Sent], Awaitable[str]],
        *more: Coroutine[Any, Any, None],
    ) -> None:
        """Run the session until the page closes, the views end, or `more` ends or raises `AuthRefused`.

        Args:
            views: Messages for the page.
            handle: Handles a message of the page. It returns a refusal, or an empty string.
            more: Further work for the time of the session.
        """
        works = (self._send_views(views), self._receive_messages(handle), *more)
        tasks = [asyncio.create_task(work) for work in works]
        code = GOING_AWAY
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, AuthRefused):
                    code = NOT_LOGGED_IN
                elif isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | RuntimeError):
                    log.error("page_socket_crashed", staff=self.member.username, exc_info=outcome)
            await self.close(code)

    async def close(self, code: int, reason: str | None = None) -> None:
        """Close the socket, unless it is closed already."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
                await self._websocket.close(code, reason)

    async def watch_login(
        self, login: StaffLogin, is_allowed: Callable[[StaffMember], bool], interval_s: float = CHECK_INTERVAL_S
    ) -> None:
        """See `watch_login`; the page must be able to show that the database is down."""
        await watch_login(self._websocket, login, is_allowed, interval_s, max_unchecked=MAX_UNCHECKED)

    async def _send_views(self, views: AsyncGenerator[BaseModel, None]) -> None:
        async with contextlib.aclosing(views):
            async for view in views:
                await self._send_message(view)

    async def _receive_messages(self, handle: Callable[[Sent], Awaitable[str]]) -> None:
        protocol = self._protocol
        while True:
            text = await self._websocket.receive_text()
            try:
                message = protocol.messages.validate_json(text if len(text) <= protocol.max_characters else "")
            except ValidationError:
                await self._send_message(protocol.refusal(MISUNDERSTOOD))
                continue
            if isinstance(message, protocol.alive):
                await self._send_message(protocol.alive_ack)
            elif refusal := await handle(message):
                await self._send_message(protocol.refusal(refusal))

    async def _send_message(self, message: BaseModel) -> None:
        await self._websocket.send_text(message.model_dump_json())


async def accept_member(websocket: WebSocket, login: StaffLogin) -> StaffMember | None:
    """Accept a socket and return its person. Returns None, with the socket closed, unless they are logged in."""
    await websocket.accept()
    try:
        return await login.member_of(websocket)
    except AuthRefused:
        await websocket.close(NOT_LOGGED_IN)
    except StorageError:
        await websocket.close(TRY_LATER)
    return None


async def watch_login(
    websocket: WebSocket,
    login: StaffLogin,
    is_allowed: Callable[[StaffMember], bool],
    interval_s: float,
    *,
    max_unchecked: float,
) -> None:
    """Raise `AuthRefused` when the person is logged out or no longer allowed: a page may be open for days.

    Returns after `max_unchecked` checks in a row that failed because the database is down.
    """
    unchecked = 0
    while unchecked < max_unchecked:
        await asyncio.sleep(interval_s)
        try:
            if not is_allowed(await login.member_of(websocket)):
                raise AuthRefused("staff role")
            unchecked = 0
        except StorageError:
            unchecked += 1
