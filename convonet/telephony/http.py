"""What Twilio reaches: webhooks, and the WebSocket of its media streams. Each request must be signed.

The signature covers the public address, which comes from the settings: what a proxy in between says is not believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from convonet.settings import Settings
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony.bridge import CallOrder
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.line import Host, Line
from convonet.telephony.messages import HostAway
from convonet.telephony.twilio import (
    AFTER,
    HELD,
    connect_twiml,
    hang_up_twiml,
    hold_twiml,
    is_signed,
    progress_of,
    webhook,
)
from convonet.web.login_limits import lift_login_limits
from convonet.web.refusals import Refused

log = structlog.get_logger(__name__)

XML = "application/xml"
SIGNATURE = "x-twilio-signature"
POLICY_VIOLATION = 1008
GOING_AWAY = 1001


class Hub(Host, Protocol):
    """The host of the hand-overs, as the webhooks see it. Each raises `HostAway`."""

    async def new_key(self, transfer_id: str, attempt: int, after: str) -> str | None: ...


class TwilioGate:
    """The webhooks and the media socket of one process."""

    def __init__(
        self, settings: Settings, hub: Hub, ear: SpeechToText, voice: TextToSpeech, callers: CallerPort
    ) -> None:
        self._telephony = settings.telephony
        self._hub = hub
        self._ear = ear if settings.call_center.transcribe_talks else None
        self._voice = voice
        self._callers = callers

    def router(self) -> APIRouter:
        """The routes below /twilio."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/status", self._status, methods=["POST"])
        router.add_api_route("/transfer_bridge", self._transfer_bridge, methods=["POST"])
        router.add_api_route("/voice_assistant/transfer_bridge", self._transfer_bridge, methods=["POST"])
        router.add_api_websocket_route("/media", self._media)
        return router

    async def _status(self, request: Request) -> Response:
        """How a call goes."""
        transfer_id, attempt, form = await self._read(request, "status")
        try:
            progress = progress_of(attempt, form)
        except ValueError:
            raise Refused(422, "bad_field", "That is no status callback.") from None
        await self._hub.line_event(transfer_id, progress)
        return Response(status_code=204)

    async def _transfer_bridge(self, request: Request) -> Response:
        """What a call shall do whose stream has ended: try another one, hold the line, or hang up."""
        name = request.url.path.rpartition("/twilio/")[2]
        transfer_id, attempt, _ = await self._read(request, name)
        after = request.query_params.get(AFTER, "")
        try:
            key = await self._hub.new_key(transfer_id, attempt, after)
        except HostAway as error:
            log.warning("transfer_host_lost", transfer_id=transfer_id, reason=str(error))
            held = request.query_params.get(HELD, "0")
            order = CallOrder(transfer_id, attempt, "", after, 0.0)
            return Response(hold_twiml(self._telephony, order, int(held)), media_type=XML)
        if key is None:
            return Response(hang_up_twiml(), media_type=XML)
        order = CallOrder(transfer_id, attempt, "", key, 0.0)
        return Response(connect_twiml(self._telephony, order), media_type=XML)

    async def _read(self, request: Request, name: str) -> tuple[str, int, Mapping[str, str]]:
        """Transfer, attempt and form of a request that Twilio made."""
        body = (await request.body()).decode("utf-8", "replace")
        form = dict(parse_qsl(body, keep_blank_values=True))
        query = f"?{request.url.query}" if request.url.query else ""
        self._require_signature(request.headers, webhook(self._telephony, name) + query, form)
        attempt = request.query_params.get("attempt", "")
        if not attempt.isdecimal() or len(attempt) > 4:
            raise Refused(422, "bad_field", "The attempt is missing.")
        return request.query_params.get("transfer", ""), int(attempt), form

    def _require_signature(self, headers: Mapping[str, str], url: str, form: Mapping[str, str]) -> None:
        if not self._telephony.is_configured:
            raise Refused(404, "not_found", "No telephone is set up here.")
        if not is_signed(self._telephony, url, form, headers.get(SIGNATURE, "")):
            log.warning("webhook_refused", path=url.partition("/twilio/")[2])
            raise Refused(403, "bad_signature", "This request was not made by Twilio.")

    async def _media(self, websocket: WebSocket) -> None:
        """A media stream."""
        url = "wss" + webhook(self._telephony, "media").removeprefix("https") if self._telephony.is_configured else ""
        try:
            self._require_signature(websocket.headers, url, {})
        except Refused:
            # before it is accepted: the upgrade is answered with 403
            await websocket.close(POLICY_VIOLATION)
            return
        await websocket.accept()
        lift_login_limits(websocket)
        await Line(StreamSocket(websocket), self._hub, self._voice, self._callers, self._ear).run()


class StreamSocket:
    """A Starlette WebSocket as a `LineSocket`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str:
        """See `LineSocket.receive`."""
        try:
            return await self._websocket.receive_text()
        except (RuntimeError, WebSocketDisconnect, KeyError) as error:
            raise ConnectionError from error

    async def send(self, text: str) -> None:
        """See `LineSocket.send`."""
        try:
            await self._websocket.send_text(text)
        except (RuntimeError, WebSocketDisconnect, OSError) as error:
            raise ConnectionError from error

    async def close(self) -> None:
        """See `LineSocket.close`."""
        if self._websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self._websocket.close(GOING_AWAY)
            except (RuntimeError, WebSocketDisconnect, OSError):
                log.info("stream_closed_already")
