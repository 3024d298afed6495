"""The routes for Twilio in each voice replica: its webhooks, and the WebSocket of its media streams.

Every request must be signed. The signature covers the public address, which comes from the settings and never from the
headers of a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState
from twilio.request_validator import RequestValidator

from convonet.settings import Settings
from convonet.settings.telephony import TelephonySettings
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.carrier import CallRequest
from convonet.telephony.events import CallProgress
from convonet.telephony.hand_overs import HandOvers, HandOversUnavailable
from convonet.telephony.media_leg import MediaLeg
from convonet.telephony.twilio.telephone_stream import TelephoneStream
from convonet.telephony.twilio.twiml import AFTER, HELD, HOLD_S, connect_twiml, hang_up_twiml, hold_twiml, webhook
from convonet.web.login_limits import lift_login_limits
from convonet.web.refusals import Refused

log = structlog.get_logger(__name__)

XML = "application/xml"
SIGNATURE = "x-twilio-signature"
POLICY_VIOLATION = 1008
GOING_AWAY = 1001


class TwilioWebhooks:
    """The webhooks and the media socket of one process."""

    def __init__(
        self,
        settings: Settings,
        hand_overs: HandOvers,
        stt: SpeechToText,
        tts: TextToSpeech,
        callers: CallerPort,
        *,
        hold_s: int = HOLD_S,
    ) -> None:
        self._telephony = settings.telephony
        self._hand_overs = hand_overs
        self._stt = stt if settings.call_center.transcribe_talks else None
        self._tts = tts
        self._callers = callers
        self._hold_s = hold_s

    def router(self) -> APIRouter:
        """Return the routes below /twilio."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/status", self._status, methods=["POST"])
        router.add_api_route("/transfer_bridge", self._transfer_bridge, methods=["POST"])
        router.add_api_route("/voice_assistant/transfer_bridge", self._transfer_bridge, methods=["POST"])
        router.add_api_websocket_route("/media", self._media)
        return router

    async def _status(self, request: Request) -> Response:
        """Handle a status callback, which reports the progress of a call."""
        transfer_id, attempt, form = await self._read(request, "status")
        try:
            progress = progress_of(attempt, form)
        except ValueError:
            raise Refused(422, "bad_field", "That is no status callback.") from None
        await self._hand_overs.report_call_event(transfer_id, progress)
        return Response(status_code=204)

    async def _transfer_bridge(self, request: Request) -> Response:
        """Answer a call whose stream has ended: open another one, hold, or hang up."""
        name = request.url.path.rpartition("/twilio/")[2]
        transfer_id, attempt, _ = await self._read(request, name)
        after = request.query_params.get(AFTER, "")
        try:
            key = await self._hand_overs.exchange_stream_key(transfer_id, attempt, after)
        except HandOversUnavailable as error:
            log.warning("transfer_host_lost", transfer_id=transfer_id, reason=str(error))
            held = int(request.query_params.get(HELD, "0"))
            call = CallRequest(transfer_id, attempt, "", after, 0.0)
            return Response(hold_twiml(self._telephony, call, held, self._hold_s), media_type=XML)
        if key is None:
            return Response(hang_up_twiml(), media_type=XML)
        call = CallRequest(transfer_id, attempt, "", key, 0.0)
        return Response(connect_twiml(self._telephony, call), media_type=XML)

    async def _read(self, request: Request, name: str) -> tuple[str, int, Mapping[str, str]]:
        """Check a request from Twilio. Returns its hand-over, attempt and form."""
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
        """Run the media leg of one stream."""
        url = "wss" + webhook(self._telephony, "media").removeprefix("https") if self._telephony.is_configured else ""
        try:
            self._require_signature(websocket.headers, url, {})
        except Refused:
            # not accepted yet, so the upgrade is answered with 403
            await websocket.close(POLICY_VIOLATION)
            return
        await websocket.accept()
        lift_login_limits(websocket)
        socket = StreamSocket(websocket)
        try:
            stream = TelephoneStream(socket)
            opening = await stream.open()
            await MediaLeg(stream, opening, self._hand_overs, self._tts, self._callers, self._stt).run()
        except (ConnectionError, TimeoutError, ValueError) as error:
            log.warning("stream_refused", reason=type(error).__name__)
        finally:
            await socket.close()


class StreamSocket:
    """A Starlette WebSocket as a `MediaSocket`."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str:
        try:
            return await self._websocket.receive_text()
        except (RuntimeError, WebSocketDisconnect, KeyError) as error:
            raise ConnectionError from error

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except (RuntimeError, WebSocketDisconnect, OSError) as error:
            raise ConnectionError from error

    async def close(self) -> None:
        if self._websocket.application_state is WebSocketState.CONNECTED:
            try:
                await self._websocket.close(GOING_AWAY)
            except (RuntimeError, WebSocketDisconnect, OSError):
                log.info("stream_closed_already")


def is_signed(settings: TelephonySettings, url: str, parameters: Mapping[str, str], signature: str) -> bool:
    """Return whether Twilio signed this request.

    Args:
        settings: They hold the token that Twilio signs with.
        url: The public address with its query; `wss://` for a WebSocket.
        parameters: The form.
        signature: Value of the header.
    """
    token = settings.twilio_auth_token
    if token is None or not signature:
        return False
    return bool(RequestValidator(token.get_secret_value()).validate(url, dict(parameters), signature))


def progress_of(attempt: int, form: Mapping[str, str]) -> CallProgress:
    """Parse a status callback. Raises `ValueError` without a CallSid, or when the sequence number is not a number."""
    call_sid = form.get("CallSid", "")
    if not call_sid:
        raise ValueError("no CallSid")
    return CallProgress(
        attempt=attempt,
        call_sid=call_sid,
        sequence=int(form.get("SequenceNumber", "0")),
        status=form.get("CallStatus", ""),
    )
