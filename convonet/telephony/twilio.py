"""Twilio: calls through its REST API, and what its webhooks say.

A desk is a SIP address of the PBX. When it answers, Twilio connects the line with our media socket; should that socket
break, the call asks `/twilio/transfer_bridge` what to do next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import aiohttp
import structlog
from twilio.base import values
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

from convonet.core.errors import SettingsError
from convonet.settings.telephony import TelephonySettings
from convonet.telephony.bridge import BridgeError, CallOrder
from convonet.telephony.transfer import Progress

log = structlog.get_logger(__name__)

API_TIMEOUT_S = 5.0
"""For one request. The SDK's own limit is ignored by its async client."""

END_TRIES = 3
END_PAUSE_S = 0.5

OVER_ALREADY = frozenset({20404, 21220})
"""Twilio's codes for a call that does not exist or is over."""

TRANSFER_HEADER = "X-Convo-Transfer"
"""Tells the desk's telephone which hand-over rings; a hint, not a right."""

AFTER = "after"
"""The key of the stream that has ended, in the address that is asked for another one."""

HELD = "held"
"""The key of how often that was answered with `hold_twiml`, in the same address."""

HOLD_S = 1
MAX_HELD = 10
"""Each time a host was waited for, so the two hear nothing for two minutes until their call is given up."""

RETRIED = "#rc=3&rp=all&ct=2000&rt=13000"
"""What Twilio is told about a webhook: to try three times more, whatever went wrong, connecting for 2 s and reading for
13 s. It keeps to fifteen seconds in all. Every webhook may come twice."""

EVENTS = ["initiated", "ringing", "answered", "completed"]


class TwilioBridge:
    """See `Bridge`. Made inside the running loop; `close` it there."""

    is_set_up = True

    def __init__(self, settings: TelephonySettings, *, ring_timeout_s: float) -> None:
        if settings.twilio_account_sid is None or settings.twilio_auth_token is None or not settings.is_configured:
            raise SettingsError("the telephone is not set up")
        # no retries: the SDK would repeat a call that was placed and whose answer got lost
        self._http = AsyncTwilioHttpClient()
        self._client = Client(
            settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value(), http_client=self._http
        )
        if settings.twilio_base_url is not None:
            self._client.api.base_url = str(settings.twilio_base_url).rstrip("/")
        self._settings = settings
        self._ring_timeout_s = ring_timeout_s

    async def place(self, order: CallOrder) -> str:
        """See `Bridge.place`."""
        settings = self._settings
        password = settings.sip_password
        try:
            async with asyncio.timeout(API_TIMEOUT_S):
                call = await self._client.calls.create_async(
                    to=sip_address(settings, order),
                    from_=settings.twilio_caller_id,
                    twiml=connect_twiml(settings, order),
                    timeout=int(order.ring_s),
                    status_callback=f"{webhook(settings, 'status')}?{_which(order)}{RETRIED}",
                    status_callback_event=EVENTS,
                    sip_auth_username=settings.sip_username or values.unset,
                    sip_auth_password=password.get_secret_value() if password else values.unset,
                )
        except (TwilioException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BridgeError(_reason(error)) from None
        return str(call.sid)

    async def call_back(self, phone: str, extension: str) -> str:
        """Call a caller's telephone, and this desk as soon as they answer. Raises `BridgeError`."""
        settings = self._settings
        if settings.twilio_phone_number is None:
            raise SettingsError("set TWILIO_PHONE_NUMBER: calls to telephones come from a number of yours")
        try:
            async with asyncio.timeout(API_TIMEOUT_S):
                call = await self._client.calls.create_async(
                    to=phone,
                    from_=settings.twilio_phone_number,
                    twiml=dial_twiml(settings, extension, ring_timeout_s=self._ring_timeout_s),
                )
        except (TwilioException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BridgeError(_reason(error)) from None
        return str(call.sid)

    async def end(self, call_id: str) -> None:
        """See `Bridge.end`."""
        for attempt in range(END_TRIES):
            try:
                async with asyncio.timeout(API_TIMEOUT_S):
                    await self._client.calls(call_id).update_async(status="completed")
                return
            except (TwilioException, aiohttp.ClientError, OSError, TimeoutError) as error:
                if isinstance(error, TwilioRestException) and error.code in OVER_ALREADY:
                    return
                if attempt == END_TRIES - 1:
                    raise BridgeError(_reason(error)) from None
                log.warning("call_not_ended", call_sid=call_id, reason=_reason(error))
                await asyncio.sleep(END_PAUSE_S * 2**attempt)

    async def close(self) -> None:
        """See `Bridge.close`."""
        await self._http.close()


def sip_address(settings: TelephonySettings, order: CallOrder) -> str:
    """The desk's address; what follows the question mark becomes headers of the call."""
    header = f"{TRANSFER_HEADER}={quote(order.transfer_id)}"
    return f"sip:{order.extension}@{settings.sip_domain};transport={settings.sip_transport}?{header}"


def connect_twiml(settings: TelephonySettings, order: CallOrder) -> str:
    """Connect the line with our media socket, and ask again when that has closed."""
    response = VoiceResponse()
    connect = Connect()
    stream = connect.stream(url="wss" + webhook(settings, "media").removeprefix("https"))
    stream.parameter(name="transfer", value=order.transfer_id)
    stream.parameter(name="attempt", value=str(order.attempt))
    stream.parameter(name="key", value=order.stream_key)
    response.append(connect)
    again = f"{webhook(settings, 'transfer_bridge')}?{_which(order)}&{urlencode({AFTER: order.stream_key})}"
    response.redirect(again + RETRIED, method="POST")
    return str(response)


def hold_twiml(settings: TelephonySettings, order: CallOrder, held: int) -> str:
    """Ask again in a moment, as one who was told so this many times; end the call when that is too often."""
    if held >= MAX_HELD:
        return hang_up_twiml()
    response = VoiceResponse()
    response.pause(length=HOLD_S)
    query = urlencode({AFTER: order.stream_key, HELD: held + 1})
    response.redirect(f"{webhook(settings, 'transfer_bridge')}?{_which(order)}&{query}{RETRIED}", method="POST")
    return str(response)


def dial_twiml(settings: TelephonySettings, extension: str, *, ring_timeout_s: float) -> str:
    """Connect who has answered with a desk."""
    response = VoiceResponse()
    dial = Dial(answer_on_bridge=True, timeout=int(ring_timeout_s), caller_id=settings.twilio_phone_number)
    password = settings.sip_password
    dial.sip(
        f"sip:{extension}@{settings.sip_domain};transport={settings.sip_transport}",
        username=settings.sip_username,
        password=password.get_secret_value() if password else None,
    )
    response.append(dial)
    return str(response)


def hang_up_twiml() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def webhook(settings: TelephonySettings, name: str) -> str:
    """The public address of one of our webhooks."""
    return f"{str(settings.public_url).rstrip('/')}/twilio/{name}"


def is_signed(settings: TelephonySettings, url: str, parameters: Mapping[str, str], signature: str) -> bool:
    """Whether Twilio made this request; `url` is the public one, with its query, `wss://` for a WebSocket."""
    token = settings.twilio_auth_token
    if token is None or not signature:
        return False
    return bool(RequestValidator(token.get_secret_value()).validate(url, dict(parameters), signature))


def progress_of(attempt: int, form: Mapping[str, str]) -> Progress:
    """What a status callback says. Raises `ValueError` for one without a call or a number."""
    call_sid = form.get("CallSid", "")
    if not call_sid:
        raise ValueError("no CallSid")
    return Progress(
        attempt=attempt,
        call_sid=call_sid,
        sequence=int(form.get("SequenceNumber", "0")),
        status=form.get("CallStatus", ""),
    )


def _which(order: CallOrder) -> str:
    return urlencode({"transfer": order.transfer_id, "attempt": order.attempt})


def _reason(error: Exception) -> str:
    if isinstance(error, TwilioRestException):
        return f"Twilio answered {error.status}, code {error.code}"
    return f"Twilio: {type(error).__name__}"
