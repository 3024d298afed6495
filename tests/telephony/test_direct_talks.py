"""What two or three people hear in a call that the desks' pages carry; the other tests of it are test_direct_calls."""

import asyncio

import numpy as np
import pytest

from convonet.core.hand_over import CarrierKind
from convonet.telephony.messages import DeskAction, MediaLegAction
from tests.telephony.direct_desk import HOLD_HZ, PcmCodec
from tests.telephony.test_hand_over import hear_each_other, heard_by, loudest, talk, tone

EVE_HZ = 620
MAX_HOLD_TONE = 4_000
THE_TWO_HEAR_EACH_OTHER = (pytest.approx(EVE_HZ, abs=15), pytest.approx(440, abs=15))
THEY_HEAR_EACH_OTHER = (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))


def hears_hold_tone(client):
    """The caller has heard the hold tone, which is much softer than anybody's speech."""
    samples = np.frombuffer(bytes(client.heard), "<i2")
    hz = loudest(samples, PcmCodec.rate)
    return any(abs(hz - each) < 15 for each in HOLD_HZ) and abs(samples).max() < MAX_HOLD_TONE


async def talk_of_three(client, dora, eve):
    """Each plays a tone for a second; returns what Dora and Eve heard most of, in Hz."""
    for each in (client, dora, eve):
        each.heard.clear()
    frames = [PcmCodec.encode(tone(hz, PcmCodec.rate)) for hz in (1000, 440, EVE_HZ)]
    for i in range(50):
        for say, pcm in zip((client.say_raw, dora.say, eve.say), frames, strict=True):
            say(pcm[i * 640 : (i + 1) * 640])
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    return heard_by(dora), heard_by(eve)


async def plays(leg, action):
    """The media leg of this page does what the host wants."""
    async with asyncio.timeout(5):
        while leg.stream is None or leg.stream.action is not action:
            await asyncio.sleep(0.02)


async def consulting(center, client):
    """Dora talks with Eve while the caller is on hold; returns both pages."""
    dora = await center.desk().ready()
    eve = center.desk("eve", "2002")
    await eve.until("not_ready")
    leg = await center.connected(client, dora)
    assert await dora.does(DeskAction.CONSULT, "2002")
    await eve.until_call(from_colleague="Dora")
    eves = center.page(eve)
    await eve.does(DeskAction.ACCEPT)
    eves.answer()
    await dora.until_call(consultation="talking")
    await plays(leg, MediaLegAction.CONSULT)
    await plays(eves, MediaLegAction.JOIN)
    return dora, leg, eve, eves


async def test_a_caller_on_hold_hears_a_tone_and_nobody_hears_them(direct_center):
    async with direct_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        assert await desk.does(DeskAction.HOLD)
        await plays(leg, MediaLegAction.HOLD)
        await asyncio.sleep(0.1)
        client.heard.clear()
        leg.heard.clear()
        for _ in range(50):
            client.say_raw(bytes(640))
            leg.say(bytes(640))
            await asyncio.sleep(0.02)
        assert hears_hold_tone(client)
        assert not leg.heard
        assert await desk.does(DeskAction.RESUME)
        await plays(leg, MediaLegAction.JOIN)
        assert await talk(client, leg) == THEY_HEAR_EACH_OTHER


async def test_a_caller_is_handed_to_a_colleague_whose_page_takes_the_talk_over(direct_center):
    async with direct_center() as center, center.caller() as client:
        dora = await center.desk().ready()
        eve = center.desk("eve", "2002")
        await eve.until("not_ready")
        leg = await center.connected(client, dora)
        whole = dora.view.card.transfer_id
        assert await dora.does(DeskAction.BLIND_TRANSFER, "2002")
        ringing = await client.until("transfer_status", state="ringing", agent_name="Eve")
        assert ringing["extension"] == "2002"
        assert (await client.until("announcement"))["text"] == "One moment, I'm connecting you with Eve."
        assert (await eve.until("ringing")).card.transfer_id == whole
        part = (await dora.until("wrap_up")).card.transfer_id
        assert part != whole
        await eve.until_call()
        eves = center.page(eve)
        await eve.does(DeskAction.ACCEPT)
        eves.answer()
        await client.until("transfer_status", state="connected", agent_name="Eve")
        leg.heard.clear()
        assert await talk(client, eves) == THEY_HEAR_EACH_OTHER
        assert not leg.heard
        # it was said once, although there were more views meanwhile
        assert [m["text"] for m in client.received if m["type"] == "announcement"] == [
            "One moment, I'm connecting you with Eve."
        ]
        assert await center.call_log.set_notes("dora", part, "passed on") is not None
        eves.hang_up()
        await client.until("transfer_status", state="ended")
        await eve.until("wrap_up")
        await center.all_calls_over()


async def test_a_caller_whose_colleague_declines_is_back_with_the_agent(direct_center):
    async with direct_center() as center, center.caller() as client:
        dora = await center.desk().ready()
        eve = await center.desk("eve", "2002").ready()
        assert (await center.connected(client, dora)).extension == "2001"
        assert await dora.does(DeskAction.BLIND_TRANSFER, "2002")
        await eve.until_call()
        await eve.does(DeskAction.DECLINE)
        assert (await client.until("transfer_status", state="ended"))["reason"] == "declined"
        await client.until("announcement", text="You are back with me. Is there anything else I can do for you?")
        await eve.until("ready")
        await center.all_calls_over()


async def test_desk_and_colleague_hear_each_other_and_not_the_caller(direct_center):
    async with direct_center() as center, center.caller() as client:
        dora, leg, eve, eves = await consulting(center, client)
        assert await talk_of_three(client, leg, eves) == THE_TWO_HEAR_EACH_OTHER
        assert hears_hold_tone(client)
        assert await dora.does(DeskAction.END_CONSULTATION)
        await plays(leg, MediaLegAction.JOIN)
        await eve.until("not_ready")
        assert await talk(client, leg) == THEY_HEAR_EACH_OTHER


async def test_the_colleague_who_was_asked_gets_the_caller(direct_center):
    async with direct_center() as center, center.caller() as client:
        dora, leg, _, eves = await consulting(center, client)
        assert await dora.does(DeskAction.ATTENDED_TRANSFER, "2002")
        await dora.until("wrap_up")
        await client.until("transfer_status", state="connected", agent_name="Eve")
        await hear_each_other(client, eves)
        leg.heard.clear()
        assert await talk(client, eves) == THEY_HEAR_EACH_OTHER
        assert not leg.heard
        eves.hang_up()
        await client.until("transfer_status", state="ended")
        await center.all_calls_over()


@pytest.mark.parametrize("then", ["end", "move"])
async def test_three_people_go_on_while_the_host_is_replaced(direct_center, then):
    async with direct_center() as center, center.caller() as client:
        dora, leg, _, eves = await consulting(center, client)
        await center.host_process.kill()
        assert await talk_of_three(client, leg, eves) == THE_TWO_HEAR_EACH_OTHER
        assert hears_hold_tone(client)
        await center.host_process.start()
        await dora.until_call(consultation="talking")
        async with asyncio.timeout(5):
            actor = next(iter(center.host_process.host.registry.actors.values()))
            while len(actor.media_legs._legs) < 2:
                await asyncio.sleep(0.02)
        if then == "end":
            assert await dora.does(DeskAction.END_CONSULTATION)
            await plays(leg, MediaLegAction.JOIN)
            assert await talk(client, leg) == THEY_HEAR_EACH_OTHER
        else:
            assert await dora.does(DeskAction.ATTENDED_TRANSFER, "2002")
            await client.until("transfer_status", state="connected", agent_name="Eve")
            await hear_each_other(client, eves)
        assert len(leg.streams) == len(eves.streams) == 1


async def test_a_page_that_is_reloaded_in_mid_talk_takes_the_talk_up_again(direct_center):
    async with direct_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        await desk.leave()
        await leg.stream.kill()
        desk.come_back()
        await hear_each_other(client, leg)
        assert await talk(client, leg) == THEY_HEAR_EACH_OTHER
        assert desk.view.state == "on_call"


async def test_a_desk_without_a_telephone_is_called_in_its_page_where_others_have_one(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        desk = await center.desk(has_telephone=False).ready()
        client.say("text_input", text="a human please")
        leg = await center.direct.next_leg()
        leg.ring()
        assert (await desk.until_call()).stream_key == ""
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
        await client.until("transfer_status", state="connected")
        assert await talk(client, leg) == THEY_HEAR_EACH_OTHER
        assert not center.twilio.calls


async def test_a_direct_department_rings_pages_only(telephone_center):
    async with telephone_center(CONVONET_DIRECT_DEPARTMENTS="sales, support") as center, center.caller() as client:
        desk = await center.desk(has_telephone=True).ready()
        client.say("text_input", text="a human please")
        leg = await center.direct.next_leg()
        leg.ring()
        await desk.until_call()
        assert center.kind is CarrierKind.TELEPHONE
        assert not center.twilio.calls
