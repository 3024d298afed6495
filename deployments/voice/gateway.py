"""The web application of a voice replica: /webrtc/ws and the voice page for callers, the audio of desks and telephones.

Replicas should seldom come or go. Each time HAProxy reloads, and its old process keeps that node's WebSockets for an
hour at most. A caller whose replica is lost resumes the session on another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache, partial

import ray
from fastapi import FastAPI, WebSocket
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from convonet.auth.throttle import throttle
from convonet.core.background import BackgroundTasks
from convonet.core.errors import CapacityError, ErrorCode
from convonet.core.health import can_serve
from convonet.desk.audio import DeskAudio
from convonet.gateway.connection import CLOSE_POLICY, CLOSE_RESTART, CLOSE_TRY_LATER, CallerConnection
from convonet.gateway.connections import Connections, Moved
from convonet.gateway.limits import SocketsPerAddress
from convonet.gateway.login import LoginBackoff, UnauthenticatedSockets
from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.protocol.server import ErrorMessage, Reconnect
from convonet.staff.accounts import StaffAccounts
from convonet.staff.http import StaffLogin
from convonet.storage.serving import Role
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.twilio.webhooks import TwilioWebhooks
from convonet.web.client_address import PEER, TrustedProxies
from convonet.web.origin import origin_is_allowed
from convonet.web.pages import PAGES, page
from convonet.web.service import http_service
from deployments.draining import watch_draining_nodes
from deployments.garbage import freeze_startup_objects
from deployments.stopping import when_stopped
from deployments.voice.replica import VoiceReplica, voice_replica
from deployments.voice.socket import StarletteSocket

REPLACED_WITHIN_S = 120.0
"""A caller of a cluster that was replaced is moved at the next silence, and after this time in any case."""

CLOSE_DESKS_S = 2.0
"""Last part of a drain, in which desks that still talk are sent to another replica."""

RECONNECT_DELAY_MS = 500
"""Without a delay, a client may come back here through an HAProxy or a load balancer that is not up to date yet."""


class Gateway:
    """The callers' sockets of this process."""

    def __init__(self, replica: VoiceReplica) -> None:
        self.media_legs = CallerPort()
        self.connections = Connections(has_media_legs=lambda: self.media_legs.has_legs)
        self._replica = replica
        replica.cluster.on_change(self._cluster_changed)
        replica.is_closed = lambda: self.connections.is_closed
        settings = self._settings = replica.settings
        self._sockets = SocketsPerAddress(
            settings.limits.sessions_per_address, TrustedProxies(settings.server.trusted_proxies)
        )
        self._login_backoff = LoginBackoff()
        self._unauthenticated = UnauthenticatedSockets(
            places=settings.login.max_unauthenticated, timeout_s=settings.login.timeout_s
        )

    async def webrtc(self, websocket: WebSocket) -> None:
        """Serve the socket of a caller; docs/protocol.md is its wire contract."""
        socket = StarletteSocket(websocket)
        await websocket.accept()
        headers = websocket.headers
        if not origin_is_allowed(headers.get("origin"), headers.get("host"), self._settings.server.allowed_origins):
            metrics.count(REFUSALS, code=ErrorCode.ORIGIN_REFUSED)
            await socket.refuse(ErrorMessage(code=ErrorCode.ORIGIN_REFUSED, message="Wrong origin."), CLOSE_POLICY)
            return
        if self.connections.is_closed or not await self._replica.cluster.register_client():
            await socket.refuse(Reconnect(after_ms=RECONNECT_DELAY_MS), CLOSE_RESTART)
            return
        address = websocket.client.host if websocket.client else "unknown"
        try:
            with self._sockets.hold(address):
                connection = CallerConnection(
                    socket,
                    self._replica.sessions,
                    self._settings,
                    address=address,
                    login_attempts=self._login_backoff.attempts_from(address),
                    unauthenticated=self._unauthenticated,
                    proxy=websocket.scope.get(PEER, ""),
                )
                with self.connections.hold(connection):
                    await connection.run()
        except CapacityError as error:
            metrics.count(REFUSALS, code=error.code)
            refusal = ErrorMessage(code=error.code, message=error.spoken, retry_after_ms=error.retry_after_ms)
            await socket.refuse(refusal, CLOSE_TRY_LATER)

    def _cluster_changed(self, role: Role) -> None:
        if role is Role.REPLACED:
            self.connections.drain_in_background(REPLACED_WITHIN_S)

    async def ready(self) -> JSONResponse:
        """Return whether a caller would be served, with the state of each component; 503 when a caller would not."""
        parts = await self._replica.health.components()
        ready = can_serve(parts) and not self.connections.is_closed
        return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)

    async def move_callers(self, before: float, within_s: float) -> Moved:
        """See `Connections.move`."""
        return await self.connections.move(within_s, before=before)

    def desk_audio(self) -> DeskAudio:
        """Make the audio sockets of the desks."""
        replica, settings = self._replica, self._settings
        login = StaffLogin(StaffAccounts(replica.database), throttle(settings, "staff"), settings)
        return DeskAudio(
            login,
            replica.hand_overs,
            replica.recognizers[settings.speech.stt_provider],
            replica.voices[settings.speech.tts_provider],
            self.media_legs,
            settings,
            is_closed=lambda: self.connections.is_closed,
        )

    async def drain(self, desks: DeskAudio, within_s: float) -> None:
        """See `Connections.drain`; desks that still talk in its last seconds are sent to another replica."""
        draining = asyncio.create_task(self.connections.drain(within_s))
        try:
            await asyncio.wait((draining,), timeout=max(within_s / 2, within_s - CLOSE_DESKS_S))
            desks.close_streams()
            await draining
        finally:
            draining.cancel()


@cache
def gateway() -> Gateway:
    """Return the gateway of this process, for the web application and for the handle."""
    return Gateway(voice_replica())


def gateway_http() -> FastAPI:
    """Build the web application."""
    replica, callers, desks = voice_replica(), gateway().media_legs, gateway().desk_audio()
    settings = replica.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        await callers.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        await replica.start()
        when_stopped(partial(gateway().drain, desks))
        freeze_startup_objects()
        tasks = BackgroundTasks()
        tasks.spawn(watch_draining_nodes(gateway().connections.move_from_proxy), own_context=True)
        yield
        await tasks.cancel_and_wait()
        await replica.close()
        await callers.stop()

    app = http_service("voice-gateway-service", lifespan)
    app.add_api_websocket_route("/webrtc/ws", gateway().webrtc)
    app.add_api_route("/ready", gateway().ready, methods=["GET"])
    stt, tts = replica.recognizers[settings.speech.stt_provider], replica.voices[settings.speech.tts_provider]
    app.include_router(TwilioWebhooks(settings, replica.hand_overs, stt, tts, callers).router(), prefix="/twilio")
    desks.add_route(app)
    _add_pages(app)
    return app


def _add_pages(app: FastAPI) -> None:
    @app.get("/")
    async def root() -> RedirectResponse:
        """Redirect a visitor to the voice page."""
        return RedirectResponse("/voice_assistant")

    @app.get("/voice_assistant")
    @app.get("/voice-assistant", include_in_schema=False)
    async def voice_page() -> FileResponse:
        """Serve the page that a caller opens."""
        return page("voice")

    @app.get("/health")
    async def health() -> JSONResponse:
        """Report that this replica answers."""
        return JSONResponse({"status": "ok", "service": "voice-gateway-service"})

    app.mount("/assets", StaticFiles(directory=PAGES / "assets", check_dir=False))
