"""What the outside reaches: /webrtc/ws and the voice page for callers, /twilio for the telephone.

Replicas seldom come or go: each time HAProxy reloads, and its old process keeps that node's WebSockets for an hour at
most. A caller whose replica is lost finds their session again on another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache

import ray
from fastapi import FastAPI, WebSocket
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from convonet.errors import CapacityError, ErrorCode
from convonet.gateway.connection import CLOSE_POLICY, CLOSE_TRY_LATER, CallerConnection
from convonet.gateway.limits import SocketsPerAddress
from convonet.gateway.login import LoginGate, LoginRoom
from convonet.gateway.origin import origin_is_allowed
from convonet.health import can_serve
from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.protocol.server import ErrorMessage
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.http import TwilioGate
from convonet.web.client_address import TrustedProxies
from convonet.web.pages import PAGES, page
from convonet.web.service import http_service
from deployments.garbage import leave_alone_what_is_there
from deployments.voice.replica import VoiceReplica, voice_replica
from deployments.voice.socket import StarletteSocket

DRAIN_TIMEOUT_S = 5.0
"""Writing to all sockets of a replica takes milliseconds."""


class Gateway:
    """The callers' sockets of this process."""

    def __init__(self, replica: VoiceReplica) -> None:
        self._replica = replica
        settings = self._settings = replica.settings
        self._sockets = SocketsPerAddress(settings.sessions_per_address, TrustedProxies(settings.trusted_proxies))
        self._gate = LoginGate()
        self._room = LoginRoom(places=settings.max_unauthenticated, timeout_s=settings.login_timeout_s)
        self._connections: set[CallerConnection] = set()

    async def webrtc(self, websocket: WebSocket) -> None:
        """The wire contract of docs/protocol.md."""
        socket = StarletteSocket(websocket)
        await websocket.accept()
        headers = websocket.headers
        if not origin_is_allowed(headers.get("origin"), headers.get("host"), self._settings.allowed_origins):
            metrics.count(REFUSALS, code=ErrorCode.ORIGIN_REFUSED)
            await socket.refuse(ErrorMessage(code=ErrorCode.ORIGIN_REFUSED, message="Wrong origin."), CLOSE_POLICY)
            return
        address = websocket.client.host if websocket.client else "unknown"
        try:
            with self._sockets.hold(address):
                connection = CallerConnection(
                    socket,
                    self._replica.sessions,
                    self._settings,
                    address=address,
                    door=self._gate.door(address),
                    room=self._room,
                )
                await self._serve(connection)
        except CapacityError as error:
            metrics.count(REFUSALS, code=error.code)
            refusal = ErrorMessage(code=error.code, message=error.spoken, retry_after_ms=error.retry_after_ms)
            await socket.refuse(refusal, CLOSE_TRY_LATER)

    async def _serve(self, connection: CallerConnection) -> None:
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def ready(self) -> JSONResponse:
        """Whether a caller would be served: every part by name with its state; 503 while a needed one is not there."""
        parts = await self._replica.health.parts()
        ready = can_serve(parts)
        return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)

    async def drain(self, before: float) -> int:
        """Ask all clients to connect anew, so that they spread over the replicas; returns how many were asked.

        Those who connected after `before` are left alone: another replica may just have sent them here.
        """
        asked = {connection for connection in self._connections if connection.connected_at < before}
        # asking once is enough, however often the operator's command has to ask
        self._connections -= asked
        # one that does not read keeps neither the others from hearing of it nor the operator's command
        asking = [asyncio.create_task(connection.ask_to_reconnect()) for connection in asked]
        if asking:
            _, late = await asyncio.wait(asking, timeout=DRAIN_TIMEOUT_S)
            for task in late:
                task.cancel()
        return len(asked)


@cache
def gateway() -> Gateway:
    """The gateway of this process, for HTTP and for the handle."""
    return Gateway(voice_replica())


def gateway_http() -> FastAPI:
    """The HTTP application."""
    replica, callers = voice_replica(), CallerPort()
    settings = replica.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        await callers.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        await replica.start()
        leave_alone_what_is_there()
        yield
        await replica.close()
        await callers.stop()

    app = http_service("voice-gateway-service", lifespan)
    app.add_api_websocket_route("/webrtc/ws", gateway().webrtc)
    app.add_api_route("/ready", gateway().ready, methods=["GET"])
    stt, tts = replica.recognizers[settings.hears_with], replica.voices[settings.speaks_with]
    app.include_router(TwilioGate(settings, replica.transfers, stt, tts, callers).router(), prefix="/twilio")
    _add_pages(app)
    return app


def _add_pages(app: FastAPI) -> None:
    @app.get("/")
    async def root() -> RedirectResponse:
        """The voice page is what a visitor wants."""
        return RedirectResponse("/voice_assistant")

    @app.get("/voice_assistant")
    @app.get("/voice-assistant", include_in_schema=False)
    async def voice_page() -> FileResponse:
        """The page a caller opens."""
        return page("voice")

    @app.get("/health")
    async def health() -> JSONResponse:
        """Alive: this replica answers."""
        return JSONResponse({"status": "ok", "service": "voice-gateway-service"})

    app.mount("/assets", StaticFiles(directory=PAGES / "assets", check_dir=False))
