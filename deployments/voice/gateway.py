"""The voice gateway: /webrtc/ws and the voice page.

Its replicas hold nothing that matters, and their number is fixed: a replica that comes or goes makes HAProxy reload,
which ends that node's WebSockets some time later.
"""

import asyncio
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from ray import serve
from ray.serve.handle import DeploymentHandle

from convonet.errors import CapacityError, ErrorCode
from convonet.gateway.limits import SocketsPerAddress
from convonet.gateway.origin import origin_is_allowed
from convonet.gateway.relay import CLOSE_POLICY, CLOSE_TRY_LATER, Relay
from convonet.protocol.server import ErrorMessage
from convonet.settings import get_settings
from convonet.web.pages import PAGES, add_security_headers, page
from deployments.logs import log_to_own_stderr
from deployments.voice.hosts import ServeSessionHosts
from deployments.voice.socket import StarletteSocket

DRAIN_TIMEOUT_S = 5.0
"""Writing to all sockets of a replica takes milliseconds."""

http = FastAPI(title="Convonet voice gateway", docs_url=None, redoc_url=None, openapi_url=None)
add_security_headers(http)


@http.get("/")
async def root() -> RedirectResponse:
    """The voice page is what a visitor wants."""
    return RedirectResponse("/voice_assistant")


@http.get("/voice_assistant")
@http.get("/voice-assistant", include_in_schema=False)
async def voice_page() -> FileResponse:
    """The page a caller opens."""
    return page("voice")


@http.get("/health")
async def health() -> JSONResponse:
    """Alive: this replica answers."""
    return JSONResponse({"status": "ok", "service": "voice-gateway-service"})


http.mount("/assets", StaticFiles(directory=PAGES / "assets", check_dir=False))


@serve.deployment
@serve.ingress(http)
class Voice:
    """One replica: accepts sockets and relays each to its session."""

    def __init__(self, hosts: DeploymentHandle[Any]) -> None:
        self._settings = get_settings()
        log_to_own_stderr(self._settings)
        self._hosts = ServeSessionHosts(hosts)
        self._sockets = SocketsPerAddress(self._settings.sessions_per_address)
        self._relays: set[Relay] = set()

    @http.websocket("/webrtc/ws")
    async def webrtc(self, websocket: WebSocket) -> None:
        """The wire contract of docs/protocol.md."""
        socket = StarletteSocket(websocket)
        await websocket.accept()
        headers = websocket.headers
        if not origin_is_allowed(headers.get("origin"), headers.get("host"), self._settings.allowed_origins):
            await socket.refuse(ErrorMessage(code=ErrorCode.ORIGIN_REFUSED, message="Wrong origin."), CLOSE_POLICY)
            return
        address = websocket.client.host if websocket.client else "unknown"
        try:
            with self._sockets.hold(address):
                await self._relay(Relay(socket, self._hosts, self._settings, address=address))
        except CapacityError as error:
            refusal = ErrorMessage(code=error.code, message=error.spoken, retry_after_ms=error.retry_after_ms)
            await socket.refuse(refusal, CLOSE_TRY_LATER)

    async def _relay(self, relay: Relay) -> None:
        self._relays.add(relay)
        try:
            await relay.run()
        finally:
            self._relays.discard(relay)

    @http.get("/ready")
    async def ready(self) -> JSONResponse:
        """Whether a caller would be served: every part by name; 503 while one is not."""
        parts = await self._hosts.parts()
        return JSONResponse({"parts": parts}, 200 if all(part["ok"] for part in parts.values()) else 503)

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
