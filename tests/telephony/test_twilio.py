"""Twilio's REST API through its own SDK, against the loopback server: what is asked for, and what failures become."""

import time
from xml.etree import ElementTree

import pytest

from convonet.settings.telephony import TelephonySettings
from convonet.telephony.carrier import CallRequest, CarrierError
from convonet.telephony.twilio.carrier import TwilioCarrier
from convonet.telephony.twilio.webhooks import is_signed, progress_of
from tests.vendors.twilio import ACCOUNT, PUBLIC, TOKEN, TwilioServer, sign

ORDER = CallRequest("h-1", 0, "2001", "a-key", 20.0)


def settings(twilio, **more):
    return TelephonySettings(
        TWILIO_ACCOUNT_SID=ACCOUNT,
        TWILIO_BASE_URL=twilio.url,
        FREEPBX_DOMAIN="pbx.test",
        FREEPBX_WSS_URL="wss://pbx.test:7443",
        VOICE_GATEWAY_PUBLIC_URL=PUBLIC,
        **{"TWILIO_AUTH_TOKEN": TOKEN, **more},
    )


@pytest.fixture
async def twilio():
    async with TwilioServer() as server:
        yield server


@pytest.fixture
async def carrier(twilio):
    carrier = TwilioCarrier(
        settings(twilio, FREEPBX_SIP_USERNAME="trunk", FREEPBX_SIP_PASSWORD="word"), ring_timeout_s=20.0
    )
    yield carrier
    await carrier.close()


async def test_a_call_says_all_that_twilio_and_the_pbx_need(carrier, twilio):
    sid = await carrier.place_call(ORDER)
    call = twilio.calls[0]
    assert call.sid == sid
    assert call.form["To"] == "sip:2001@pbx.test;transport=udp?X-Convo-Transfer=h-1"
    again = "#rc=3&rp=all&ct=2000&rt=13000"
    assert call.form["StatusCallback"] == f"{PUBLIC}/twilio/status?transfer=h-1&attempt=0{again}"
    assert (call.form["SipAuthUsername"], call.form["SipAuthPassword"]) == ("trunk", "word")
    assert call.form["Timeout"] == "20"
    assert call.events == {"initiated", "ringing", "answered", "completed"}
    connect, redirect = ElementTree.fromstring(call.form["Twiml"])
    stream = connect.find("Stream")
    assert stream.get("url") == f"{PUBLIC}/twilio/media".replace("https", "wss")
    parameters = {p.get("name"): p.get("value") for p in stream.iter("Parameter")}
    assert parameters == {"transfer": "h-1", "attempt": "0", "key": "a-key"}
    assert redirect.text == f"{PUBLIC}/twilio/transfer_bridge?transfer=h-1&attempt=0&after=a-key{again}"


@pytest.mark.parametrize("refusal", [401, 429, 500, "hang"])
async def test_a_call_is_asked_for_once_whatever_comes_of_it(carrier, twilio, refusal):
    twilio.refusals = [refusal]
    started = time.monotonic()
    with pytest.raises(CarrierError) as failure:
        await carrier.place_call(ORDER)
    assert time.monotonic() - started < 6
    assert TOKEN not in str(failure.value)
    assert not twilio.calls
    assert not twilio.refusals


async def test_ending_a_call_is_tried_again(carrier, twilio):
    sid = await carrier.place_call(ORDER)
    twilio.refusals = [500, 429]
    await carrier.end_call(sid)
    assert twilio.calls[0].leg.over.is_set()


async def test_a_call_that_is_over_or_unknown_is_ended_already(carrier, twilio):
    sid = await carrier.place_call(ORDER)
    twilio.calls[0].status = "completed"
    await carrier.end_call(sid)
    await carrier.end_call("CA" + "0" * 32)


async def test_a_call_that_twilio_will_not_end_is_an_error(carrier, twilio):
    sid = await carrier.place_call(ORDER)
    twilio.refusals = [500, 500, 500]
    with pytest.raises(CarrierError):
        await carrier.end_call(sid)


async def test_a_caller_is_called_back_and_connected_with_a_desk(twilio):
    carrier = TwilioCarrier(settings(twilio, TWILIO_PHONE_NUMBER="+14155550100"), ring_timeout_s=20.0)
    await carrier.call_back("+14155550142", "2001")
    await carrier.close()
    form = twilio.calls[0].form
    assert (form["To"], form["From"]) == ("+14155550142", "+14155550100")
    assert ElementTree.fromstring(form["Twiml"]).find("Dial/Sip").text == "sip:2001@pbx.test;transport=udp"


def test_signatures_cover_address_and_form():
    given = settings(type("NullSink", (), {"url": "http://127.0.0.1:1"}))
    url, form = f"{PUBLIC}/twilio/status?transfer=h-1&attempt=0", {"CallSid": "CA1", "CallStatus": "ringing"}
    assert is_signed(given, url, form, sign(url, form))
    assert not is_signed(given, url, form, sign(url, form, "another-token"))
    assert not is_signed(given, url, {**form, "CallStatus": "busy"}, sign(url, form))
    assert not is_signed(given, url + "&attempt=1", form, sign(url, form))
    assert not is_signed(given, url, form, "")


@pytest.mark.parametrize("form", [{}, {"CallSid": "CA1", "SequenceNumber": "one"}])
def test_a_callback_without_call_or_number_is_none(form):
    with pytest.raises(ValueError, match=r"CallSid|invalid literal"):
        progress_of(0, form)
