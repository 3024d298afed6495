"""TwiML and URLs for Twilio: how to reach a desk, and what a call does when its stream ends."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

from convonet.settings.telephony import TelephonySettings
from convonet.telephony.carrier import CallRequest

TRANSFER_HEADER = "X-Convo-Transfer"
"""Names the hand-over to the desk's telephone. It is a hint and gives no rights."""

AFTER = "after"
"""Query parameter of `/twilio/transfer_bridge`: the key of the stream that has ended."""

HELD = "held"
"""Query parameter of the same URL: how many times the call has been put on hold."""

HOLD_S = 1
"""Pause before a call on hold asks again. Twilio accepts whole seconds only."""

MAX_HELD = 10
"""Each time, the webhook waits for a host first. So the two hear nothing for two minutes before the call is ended."""

RETRIES = "#rc=3&rp=all&ct=2000&rt=13000"
"""Twilio's retries of a webhook: three, after any failure, with 2 s to connect and 13 s to read, fifteen seconds in
all. So every webhook may come twice."""


def sip_address(settings: TelephonySettings, request: CallRequest) -> str:
    """Return the SIP address of a desk. The part after the question mark becomes headers of the call."""
    header = f"{TRANSFER_HEADER}={quote(request.transfer_id)}"
    return f"sip:{request.extension}@{settings.sip_domain};transport={settings.sip_transport}?{header}"


def connect_twiml(settings: TelephonySettings, request: CallRequest) -> str:
    """Connect the call with our media socket; when that has closed, the call asks what to do next."""
    response = VoiceResponse()
    connect = Connect()
    stream = connect.stream(url="wss" + webhook(settings, "media").removeprefix("https"))
    stream.parameter(name="transfer", value=request.transfer_id)
    stream.parameter(name="attempt", value=str(request.attempt))
    stream.parameter(name="key", value=request.stream_key)
    response.append(connect)
    response.redirect(_bridge_url(settings, request, {AFTER: request.stream_key}), method="POST")
    return str(response)


def hold_twiml(settings: TelephonySettings, request: CallRequest, held: int, hold_s: int = HOLD_S) -> str:
    """Put the call on hold and have it ask again; end it after `MAX_HELD` times."""
    if held >= MAX_HELD:
        return hang_up_twiml()
    response = VoiceResponse()
    response.pause(length=hold_s)
    query = {AFTER: request.stream_key, HELD: str(held + 1)}
    response.redirect(_bridge_url(settings, request, query), method="POST")
    return str(response)


def dial_twiml(settings: TelephonySettings, extension: str, *, ring_timeout_s: float) -> str:
    """Connect a called-back caller with a desk."""
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
    """Return the public address of one of our webhooks."""
    return f"{str(settings.public_url).rstrip('/')}/twilio/{name}"


def status_callback_url(settings: TelephonySettings, request: CallRequest) -> str:
    """Return the address that Twilio reports the progress of a call to."""
    return f"{webhook(settings, 'status')}?{_query_of(request)}{RETRIES}"


def _bridge_url(settings: TelephonySettings, request: CallRequest, query: Mapping[str, str]) -> str:
    return f"{webhook(settings, 'transfer_bridge')}?{_query_of(request)}&{urlencode(query)}{RETRIES}"


def _query_of(request: CallRequest) -> str:
    return urlencode({"transfer": request.transfer_id, "attempt": request.attempt})
