"""A caller, a desk and a carrier: every part of a hand-over but the telephone or the page itself."""

import asyncio

import numpy as np
import pytest

from convonet.auth.pin import NoPin
from convonet.telephony.messages import DeskAction
from tests.sessions.doubles import CALLER
from tests.telephony.world import codec_of


def conversation_of(center, client):
    return center.sessions.session_of(client).conversation


def tone(hz, rate, seconds=1.0):
    t = np.arange(int(rate * seconds)) / rate
    return (9000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def loudest(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()]


async def talk(client, leg):
    """Each side plays a tone for a second; returns what the other side heard most of, in Hz."""
    client.heard.clear()
    leg.heard.clear()
    codec = codec_of(leg)
    pcm, code, size = tone(1000, 16_000).astype("<i2").tobytes(), codec.encode(tone(440, codec.rate)), codec.frame_bytes
    for i in range(50):
        client.say_raw(pcm[i * 640 : (i + 1) * 640])
        leg.say(code[i * size : (i + 1) * size])
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    return heard_by(leg), loudest(np.frombuffer(bytes(client.heard), "<i2"), 16_000)


def heard_by(leg):
    """What a desk heard most of, in Hz."""
    codec = codec_of(leg)
    return loudest(codec.decode(bytes(leg.heard)), codec.rate)


async def hear_each_other(client, leg):
    """Wait until audio comes through, both ways; a line or a socket may be being replaced."""
    client.heard.clear()
    leg.heard.clear()
    async with asyncio.timeout(10):
        while not (client.heard and leg.heard):
            client.say_raw(bytes(640))
            leg.say(codec_of(leg).silence)
            await asyncio.sleep(0.02)


async def quiet(client, leg):
    """Both are silent for a second."""
    for _ in range(50):
        client.say_raw(bytes(640))
        leg.say(codec_of(leg).silence)
        await asyncio.sleep(0.015)


async def test_two_people_hear_each_other_and_the_caller_goes_on_with_the_agent(call_center):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        client.say("text_input", text="a human please")
        begun = await client.until("transfer_initiated")
        assert (begun["department"], begun["extension"]) == ("support", "2001")
        view = await desk.until("ringing")
        # the card is there before the telephone rings
        assert (view.card.name, view.card.reason) == ("Demo", "why is my list empty")
        assert view.card.verified_by == "PIN"
        leg = await center.next_leg()
        assert leg.extension == "2001"
        leg.ring()
        await client.until("transfer_status", state="ringing")
        assert await desk.does(DeskAction.ACCEPT)
        leg.answer()
        connected = await client.until("transfer_status", state="connected")
        assert connected["agent_name"] == "Dora"
        # the desk was told who calls
        assert len(leg.heard) > 8_000
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        await quiet(client, leg)
        await asyncio.sleep(0.3)
        said = [(spoken.who, spoken.text) for spoken in desk.view.said]
        assert sorted(said) == [("caller", "so far so good"), ("human", "so far so good")]
        leg.hang_up()
        ended = await client.until("transfer_status", state="ended")
        assert ended["reason"] in ("desk_hung_up", "stream_lost")
        assert "back with me" in (await client.until("announcement"))["text"]
        assert (await desk.until("wrap_up")).said == desk.view.said
        client.say("text_input", text="thanks")
        assert (await client.until("agent_final"))["text"] == "You said thanks."
        # what is kept of it
        async with asyncio.timeout(3):
            while not (calls := await center.call_log.hand_overs_of("dora")):
                await asyncio.sleep(0.02)
        assert (calls[0].caller_name, calls[0].outcome) == ("Demo", "ended")
        assert calls[0].summary.startswith("Demo talked with Dora for ")
        assert "Wanted: why is my list empty. 2 sentences" in calls[0].summary
        record = next(r for r in center.sessions.records if r.metadata.source == "transfer")
        assert (record.status, record.metadata.hand_over.agent_name) == ("success", "Dora")
        assert 2 < record.metadata.hand_over.talked_s < 60
        assert record.metadata.hand_over.summary == calls[0].summary
        history = [(line.role, line.content) for line in conversation_of(center, client).history]
        assert ("user", "so far so good") in history
        assert ("assistant", "(Dora) so far so good") in history
        assert calls[0].asked_at < calls[0].connected_at < calls[0].ended_at
        await center.all_calls_over()
        assert len(center.calls) == 1
        assert set(center.twilio.answers) <= {200, 204}


async def test_the_card_of_a_caller_who_gave_no_pin_says_so(call_center):
    async with call_center() as center:
        for replica in center.sessions.replicas.values():
            replica.registry._pins = NoPin(CALLER)
        desk = await center.desk().ready()
        async with center.caller() as client:
            client.say("text_input", text="a human please")
            assert (await desk.until("ringing")).card.verified_by is None
            # a database that is being asked while its loop ends leaves a thread behind
            async with asyncio.timeout(5):
                await desk.until_changed(lambda: desk.view.card.facts)


async def test_the_call_of_a_telephone_names_the_hand_over(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        client.say("text_input", text="a human please")
        leg = await center.next_leg()
        assert leg.address == "sip:2001@pbx.test;transport=udp"
        assert leg.headers["X-Convo-Transfer"] == (await desk.until("ringing")).card.transfer_id


async def test_a_caller_is_passed_on_to_a_colleague_who_has_the_card(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        dora = await center.desk().ready()
        eve = center.desk("eve", "2002")
        await eve.until("not_ready")
        leg = await center.connected(client, dora)
        whole = dora.view.card.transfer_id
        assert not await dora.does(DeskAction.BLIND_TRANSFER, "<2002>")
        assert await dora.does(DeskAction.BLIND_TRANSFER, "2002")
        card = (await eve.until("ringing")).card
        assert (card.name, card.transfer_id) == ("Demo", whole)
        part = (await dora.until("wrap_up")).card.transfer_id
        assert part != whole
        await eve.does(DeskAction.ACCEPT)
        await eve.until("on_call")
        assert (await client.until("transfer_status", agent_name="Eve"))["state"] == "connected"
        # the line does not notice
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        async with asyncio.timeout(3):
            while not (own := await center.call_log.hand_overs_of("dora")):
                await asyncio.sleep(0.02)
        assert (own[0].id, own[0].why) == (part, "passed_on")
        assert await center.call_log.set_notes("dora", part, "passed on") is not None
        await eve.does(DeskAction.HANG_UP)
        await client.until("transfer_status", state="ended")
        await eve.until("wrap_up")
        async with asyncio.timeout(3):
            while not (calls := await center.call_log.hand_overs_of("eve")):
                await asyncio.sleep(0.02)
        assert (calls[0].id, calls[0].outcome) == (whole, "ended")
        assert calls[0].connected_at is not None
        assert await dora.does(DeskAction.READY)
        await center.all_calls_over()


async def test_a_caller_who_is_passed_on_survives_the_loss_of_the_host(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        dora = await center.desk().ready()
        eve = center.desk("eve", "2002")
        await eve.until("not_ready")
        leg = await center.connected(client, dora)
        await dora.does(DeskAction.ATTENDED_TRANSFER, "2002")
        await eve.until("on_call")
        await center.host_process.kill()
        await center.host_process.start()
        assert (await eve.until("on_call")).card.name == "Demo"
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        leg.hang_up()
        await client.until("transfer_status", state="ended")
        await eve.until("wrap_up")


async def test_a_caller_who_talks_with_a_human_is_moved_when_that_is_over(call_center):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        door = center.sessions.replica_of(client.session_id).sockets
        moving = asyncio.create_task(door.move(0.5))
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        assert not [m for m in client.received if m["type"] == "reconnect"]
        leg.hang_up()
        await client.until("transfer_status", state="ended")
        await client.until("auth_ok", resumed=True)
        moved = await moving
        assert moved.moved + moved.stayed == 1
        client.say("text_input", text="thanks")
        assert (await client.until("agent_final"))["text"] == "You said thanks."
