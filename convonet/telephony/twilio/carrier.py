"""The `Carrier` on Twilio's REST API: places and ends calls to the SIP addresses of the PBX.

When a desk answers, Twilio connects the call with our media socket. When that socket breaks, the call asks
`/twilio/transfer_bridge` what to do next.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import structlog
from twilio.base import values
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from convonet.core.errors import SettingsError
from convonet.core.hand_over import CarrierKind
from convonet.settings.telephony import TelephonySettings
from convonet.telephony.carrier import CallRequest, CarrierError
from convonet.telephony.twilio.twiml import connect_twiml, dial_twiml, sip_address, status_callback_url

log = structlog.get_logger(__name__)

API_TIMEOUT_S = 5.0
"""For one request. The SDK's own limit is ignored by its async client."""

MAX_END_ATTEMPTS = 3
END_RETRY_DELAY_S = 0.5
"""Before the second attempt; twice as long before the third."""

CALL_IS_OVER = frozenset({20404, 21220})
"""Twilio's error codes for a call that does not exist or is over."""

ANSWER_MARGIN_S = 10.0
"""When Twilio has many calls it may queue one, and then ring too late."""

STREAM_GRACE_S = 8.0
"""Twilio opens another stream at once when the first breaks."""

EVENTS = ["initiated", "ringing", "answered", "completed"]


class TwilioCarrier:
    """See `Carrier`. Create and close it inside the running loop."""

    kind = CarrierKind.TELEPHONE
    reports_progress = True
    answer_margin_s = ANSWER_MARGIN_S
    stream_grace_s = STREAM_GRACE_S

    def __init__(self, settings: TelephonySettings, *, ring_timeout_s: float) -> None:
        """`ring_timeout_s` is for the desk that a callback rings; other calls bring their own."""
        if settings.twilio_account_sid is None or settings.twilio_auth_token is None or not settings.is_configured:
            raise SettingsError("the telephone is not set up")
        # no retries: the SDK would place a second call if the response to the first got lost
        self._http = AsyncTwilioHttpClient()
        self._client = Client(
            settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value(), http_client=self._http
        )
        if settings.twilio_base_url is not None:
            self._client.api.base_url = str(settings.twilio_base_url).rstrip("/")
        self._settings = settings
        self._ring_timeout_s = ring_timeout_s

    async def place_call(self, request: CallRequest) -> str:
        settings = self._settings
        password = settings.sip_password
        return await self._create_call(
            to=sip_address(settings, request),
            from_=settings.twilio_caller_id,
            twiml=connect_twiml(settings, request),
            timeout=int(request.ring_s),
            status_callback=status_callback_url(settings, request),
            status_callback_event=EVENTS,
            sip_auth_username=settings.sip_username or values.unset,
            sip_auth_password=password.get_secret_value() if password else values.unset,
        )

    async def call_back(self, phone: str, extension: str) -> str:
        """Call a caller's telephone (E.164), then this desk as soon as they answer. Raises `CarrierError`."""
        settings = self._settings
        if settings.twilio_phone_number is None:
            raise SettingsError("set TWILIO_PHONE_NUMBER: calls to telephones come from a number of yours")
        return await self._create_call(
            to=phone,
            from_=settings.twilio_phone_number,
            twiml=dial_twiml(settings, extension, ring_timeout_s=self._ring_timeout_s),
        )

    async def _create_call(self, **options: Any) -> str:
        try:
            async with asyncio.timeout(API_TIMEOUT_S):
                call = await self._client.calls.create_async(**options)
        except (TwilioException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CarrierError(_reason(error)) from None
        return str(call.sid)

    async def end_call(self, call_id: str) -> None:
        for attempt in range(MAX_END_ATTEMPTS):
            try:
                async with asyncio.timeout(API_TIMEOUT_S):
                    await self._client.calls(call_id).update_async(status="completed")
                return
            except (TwilioException, aiohttp.ClientError, OSError, TimeoutError) as error:
                if isinstance(error, TwilioRestException) and error.code in CALL_IS_OVER:
                    return
                if attempt == MAX_END_ATTEMPTS - 1:
                    raise CarrierError(_reason(error)) from None
                log.warning("call_not_ended", call_sid=call_id, reason=_reason(error))
                await asyncio.sleep(END_RETRY_DELAY_S * 2**attempt)

    async def close(self) -> None:
        await self._http.close()


def _reason(error: Exception) -> str:
    if isinstance(error, TwilioRestException):
        return f"Twilio answered {error.status}, code {error.code}"
    return f"Twilio: {type(error).__name__}"
