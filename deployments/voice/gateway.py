"""What the outside reaches: /webrtc/ws and the voice page for callers, /twilio for the telephone.

A replica holds nothing that matters, and their number is fixed: a replica that comes or goes makes HAProxy reload,
which ends that node's WebSockets some time later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache

import ray
from fastapi import FastAPI, WebSocket
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from actors.handles import handle_to
from actors.remote import RemoteSpeech
from actors.remote_transfers import RemoteTransfers
from convonet.errors import CapacityError, ErrorCode
from convonet.gateway.limits import SocketsPerAddress
from convonet.gateway.origin import origin_is_allowed
from convonet.gateway.relay import CLOSE_POLICY, CLOSE_TRY_LATER, Relay
from convonet.health import can_serve
from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.protocol.server import ErrorMessage
from convonet.settings import Settings, get_settings
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.http import TwilioGate
from convonet.web.client_address import TrustedProxies
from convonet.web.pages import PAGES, page
from convonet.web.service import http_service
from deployments.reporting import reporting
from deployments.voice.hosts import ServeSessionHosts
from deployments.voice.socket import StarletteSocket
from deployments.voice.speech import hosted_speech

DRAIN_TIMEOUT_S = 5.0
"""Writing to all sockets of a replica takes milliseconds."""


class Gateway:
    """The callers' sockets of this process."""

    def __init__(self, settings: Settings, hosts: ServeSessionHosts) -> None:
        self._settings = settings
        self._hosts = hosts
        self._sockets = SocketsPerAddress(settings.sessions_per_address, TrustedProxies(settings.trusted_proxies))
        self._relays: set[Relay] = set()
        self._refusals = 0

    async def webrtc(self, websocket: WebSocket) -> None:
        """The wire contract of docs/protocol.md."""
        socket = StarletteSocket(websocket)
        await websocket.accept()
        headers = websocket.headers
        if not origin_is_allowed(headers.get("origin"), headers.get("host"), self._settings.allowed_origins):
            self._refusals += 1
            metrics.count(REFUSALS, code=ErrorCode.ORIGIN_REFUSED)
            await socket.refuse(ErrorMessage(code=ErrorCode.ORIGIN_REFUSED, message="Wrong origin."), CLOSE_POLICY)
            return
        address = websocket.client.host if websocket.client else "unknown"
        try:
            with self._sockets.hold(address):
                await self._relay(Relay(socket, self._hosts, self._settings, address=address))
        except CapacityError as error:
            self._refusals += 1
            metrics.count(REFUSALS, code=error.code)
            refusal = ErrorMessage(code=error.code, message=error.spoken, retry_after_ms=error.retry_after_ms)
            await socket.refuse(refusal, CLOSE_TRY_LATER)

    def figures(self) -> Mapping[str, float]:
        """Sockets that are open, and those refused so far for their origin or their number."""
        return {"sockets": len(self._relays), "refusals": self._refusals}

    async def _relay(self, relay: Relay) -> None:
        self._relays.add(relay)
        try:
            await relay.run()
        finally:
            self._relays.discard(relay)

    async def ready(self) -> JSONResponse:
        """Whether a caller would be served: every part by name with its state; 503 while a needed one is not there."""
        parts = await self._hosts.parts()
        ready = can_serve(parts)
        return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)

    async def drain(self, before: float) -> int:
        """Ask all clients to connect anew, so that they spread over the replicas; returns how many were asked.

        Those who connected after `before` are left alone: another replica may just have sent them here.
        """
        asked = {relay for relay in self._relays if relay.connected_at < before}
        # asking once is enough, however often the operator's command has to ask
        self._relays -= asked
        # one that does not read must not keep the others from hearing of it
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            await asyncio.gather(*(relay.ask_to_reconnect() for relay in asked))
        return len(asked)


@cache
def gateway() -> Gateway:
    """The gateway of this process, for HTTP and for the handle."""
    return Gateway(get_settings(), ServeSessionHosts(handle_to("SessionHost", "voice")))


def gateway_http() -> FastAPI:
    """The HTTP application."""
    settings, callers = get_settings(), CallerPort()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        await callers.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        reporter = reporting("voice", gateway().figures)
        yield
        await reporter.close()
        await callers.stop()

    app = http_service("voice-gateway-service", lifespan)
    app.add_api_websocket_route("/webrtc/ws", gateway().webrtc)
    app.add_api_route("/ready", gateway().ready, methods=["GET"])
    transfers = RemoteTransfers(handle_to("CallCenter", "call-center"))
    local = RemoteSpeech(handle_to("Speech", "speech"))
    hosted = hosted_speech(settings, local)
    ear = hosted if hosted and settings.hears_with == hosted.name else local
    voice = hosted if hosted and settings.speaks_with == hosted.name else local
    app.include_router(TwilioGate(settings, transfers, ear, voice, callers).router(), prefix="/twilio")
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
