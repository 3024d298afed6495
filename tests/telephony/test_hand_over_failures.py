"""All that can go wrong with a hand-over: each has its outcome, the caller hears of it, and no call stays open."""

import asyncio
import contextlib
import json
from xml.etree import ElementTree

import aiohttp
import pytest

from actors.hand_overs.registry import GracePeriods
from convonet.speech.base import SpokenAudio
from convonet.telephony.messages import DeskAction
from convonet.telephony.twilio.telephone_stream import ANSWER_TIMEOUT_S, SILENT_AFTER_S
from tests.fixtures.black_hole import Way
from tests.telephony.test_hand_over import conversation_of, hear_each_other, talk
from tests.vendors.twilio import PUBLIC, sign

TOLD_S = 4.0
"""How soon a caller must know."""

BEFORE_IT_IS_JOINED = ("queued", "dialing", "ringing", "whisper")
STATES = (*BEFORE_IT_IS_JOINED, "connected")


async def ask(client):
    client.say("text_input", text="a human please")
    await client.until("transfer_initiated")


async def told(client, state, within=TOLD_S):
    async with asyncio.timeout(within):
        return await client.until("transfer_status", state=state)


async def nothing_left(center, within=3.0):
    """No call rings or is open, and nobody waits."""
    async with asyncio.timeout(within):
        while center.open_calls or center.host_process.host.desks.switchboard.queue:
            await asyncio.sleep(0.02)


async def goes_on_with_the_agent(client):
    client.say("text_input", text="hello again")
    assert (await client.until("agent_final"))["text"] == "You said hello again."


async def second_stream(center, leg):
    """Another stream was opened for this leg, after the first has broken."""
    async with asyncio.timeout(5):
        while len(center.streams_of(leg)) < 2:
            await asyncio.sleep(0.02)


async def whispering(desk):
    """The desk is being told who calls."""
    async with asyncio.timeout(5):
        while desk.view.call_state != "whisper":
            await asyncio.sleep(0.02)


async def brought_to(state, center, client, desk):
    """The hand-over is in this state; returns the leg, if there is one. A whisper lasts until `leg.listened` is set."""
    if state == "connected":
        return await center.connected(client, desk)
    if state == "queued":
        await desk.does(DeskAction.NOT_READY, "lunch")
    await ask(client)
    if state == "queued":
        await told(client, "queued")
        return None
    leg = await center.next_leg()
    await told(client, "dialing")
    if state != "dialing":
        leg.ring()
        await told(client, "ringing")
    if state == "whisper":
        leg.listened = asyncio.Event()
        leg.played = leg.listened.wait
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
        await whispering(desk)
    return leg


async def offered(client):
    """The caller hears that it failed, and what can be done instead."""
    text = (await client.until("announcement"))["text"]
    assert "call you back" in text
    return text


# -- the desk does not take it


@pytest.mark.parametrize("audio", [b"", b"no audio at all"])
async def test_a_whisper_that_cannot_be_played_is_skipped(call_center, audio, caplog):
    async def broken(text, *, language):
        return SpokenAudio(audio, "audio/wav", "broken")

    async with call_center() as center, center.caller() as client:
        center.tts.synthesize = broken
        desk = await center.desk().ready()
        await ask(client)
        leg = await center.next_leg()
        leg.ring()
        await desk.until("ringing")
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
        await told(client, "connected")
        await hear_each_other(client, leg)
        leg.hang_up()
    assert "background_task_crashed" not in caplog.text


async def test_a_desk_that_declines_is_followed_by_the_next_one(call_center):
    async with call_center() as center, center.caller() as client:
        dora = await center.desk().ready()
        eve = await center.desk("eve", "2002").ready()
        await ask(client)
        first = await center.next_leg()
        first.ring()
        await dora.until("ringing")
        await dora.does(DeskAction.DECLINE, "Wrong department " * 10)
        second = await center.next_leg()
        assert (first.extension, second.extension) == ("2001", "2002")
        await eve.until("ringing")
        await dora.until("ready")
        await eve.does(DeskAction.ACCEPT)
        second.answer()
        await told(client, "connected", 5)
        second.hang_up()
        await told(client, "ended", 3)
        # supervisors see why, the caller does not
        record = next(r for r in center.sessions.records if r.metadata.source == "transfer")
        assert record.metadata.hand_over.declined == [f"Dora: {'Wrong department ' * 10}"[: len("Dora: ") + 100]]
        assert "Wrong department" not in json.dumps(client.received)


@pytest.mark.parametrize("code", [486, 603, 480, 404, 503])
async def test_a_pbx_that_refuses_ends_it_when_there_is_no_other_desk(telephone_center, code):
    async with telephone_center() as center, center.caller() as client:
        await center.desk().ready()
        await ask(client)
        leg = await center.next_leg()
        leg.answer(code)
        assert (await told(client, "failed"))["reason"] == "nobody_there"
        assert "anybody from support" in await offered(client)
        record = next(r for r in center.sessions.records if r.metadata.source == "transfer")
        assert (record.status, record.error) == ("failed", "nobody_there")
        await nothing_left(center)
        await goes_on_with_the_agent(client)


async def test_a_desk_that_does_not_answer_is_left_alone(call_center):
    async with call_center(TRANSFER_TIMEOUT=1.0) as center, center.caller() as client:
        desk = await center.desk().ready()
        await ask(client)
        leg = await center.next_leg()
        leg.ring()
        await told(client, "ringing")
        await told(client, "failed", 8)
        assert (await desk.until("not_ready")).reason == "no answer"
        await nothing_left(center)


async def test_a_voicemail_box_is_nobody(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await center.desk().ready()
        await ask(client)
        leg = await center.next_leg()
        leg.ring()
        leg.answer()
        await told(client, "failed", 5)
        assert not leg.heard, "a voicemail box must not hear who called"
        await nothing_left(center)


async def test_nobody_at_any_desk_is_told_at_once(call_center):
    async with call_center() as center, center.caller() as client:
        await ask(client)
        assert (await told(client, "failed"))["reason"] == "nobody_there"
        await offered(client)
        assert not center.calls


async def test_when_all_are_not_ready_it_is_told_at_once_and_a_call_back_is_offered_soon(call_center):
    async with call_center(CONVONET_TRANSFER_ABSENT_WAIT_S=1.0) as center, center.caller() as client:
        await (await center.desk().ready()).does(DeskAction.NOT_READY, "lunch")
        await ask(client)
        assert "wait_s" not in await told(client, "queued")
        assert "Nobody in support is free" in (await client.until("announcement"))["text"]
        assert (await told(client, "failed", 2))["reason"] == "nobody_there"
        await offered(client)
        await nothing_left(center)


# -- Twilio


@pytest.mark.parametrize("refusal", [401, 429, 500])
async def test_a_call_that_twilio_refuses_is_not_tried_again(telephone_center, refusal):
    async with telephone_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        center.twilio.refusals = [refusal]
        await ask(client)
        await told(client, "failed")
        await offered(client)
        assert not center.calls
        await desk.until("ready")


async def test_a_call_whose_answer_is_lost_is_placed_once_and_ended(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await center.desk().ready()
        center.twilio.refusals = ["lost"]
        await ask(client)
        leg = await center.next_leg()
        await told(client, "failed", 6)
        # it rings nevertheless, and the news of it is what ends it
        leg.ring()
        await nothing_left(center)
        assert len(center.calls) == 1


async def test_lost_callbacks_do_not_keep_two_people_apart(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        center.twilio.keeps_quiet = True
        await ask(client)
        leg = await center.next_leg()
        leg.ring()
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
        await told(client, "connected", 3)
        leg.hang_up()
        await told(client, "ended")
        await nothing_left(center)


async def test_a_stream_that_breaks_in_mid_call_is_taken_up_again(call_center):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        await center.break_stream(leg)
        await second_stream(center, leg)
        await hear_each_other(client, leg)
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        assert len(center.calls) == 1


async def test_a_stream_that_says_nothing_but_gives_signs_of_life_goes_on(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        leg = await center.connected(client, await center.desk().ready())
        # the PBX holds its caller without music
        await asyncio.sleep(SILENT_AFTER_S + ANSWER_TIMEOUT_S + 0.5)
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        assert len(center.twilio.calls[0].streams) == 1


async def test_a_stream_that_gives_no_sign_of_life_is_ended_and_taken_up_again(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        gate = center.twilio.gateway
        with Way.to(int(gate.rpartition(":")[2])) as way:
            center.twilio.gateway = f"http://127.0.0.1:{way.port}"
            leg = await center.connected(client, desk)
            way.vanish()
            (line,) = next(iter(center.host_process.host.registry.actors.values())).media_legs._legs.values()
            async with asyncio.timeout(SILENT_AFTER_S + ANSWER_TIMEOUT_S + 1):
                while line.views.followers:
                    await asyncio.sleep(0.02)
            # Twilio finds it out too
            center.twilio.gateway = gate
            await center.break_stream(leg)
            await second_stream(center, leg)
            await hear_each_other(client, leg)
            assert len(center.calls) == 1


async def test_a_stream_that_breaks_while_there_is_no_host_is_taken_up_by_the_next_one(telephone_center):
    async with telephone_center(hold_s=0) as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        center.hand_overs._call_timeout_s = 0.2
        await center.host_process.kill()
        await center.break_stream(leg)
        async with asyncio.timeout(5):
            while not any("held=2" in url for url, _ in center.twilio.posts):
                await asyncio.sleep(0.02)
        await center.host_process.start()
        await hear_each_other(client, leg)
        assert len(center.calls) == 1


async def test_twilio_that_misses_an_answer_of_ours_asks_again_and_the_talk_goes_on(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        center.twilio.misses = 1
        await center.break_stream(leg)
        await second_stream(center, leg)
        await hear_each_other(client, leg)
        assert center.twilio.misses == 0


# -- the caller leaves


@pytest.mark.parametrize(
    ("state", "how"),
    [
        *((state, how) for state in BEFORE_IT_IS_JOINED for how in ("hangup", "transfer_cancel", "never mind")),
        # "never mind" is said to the human then, see below
        *(("connected", how) for how in ("hangup", "transfer_cancel")),
    ],
)
async def test_a_caller_who_leaves_leaves_no_call_behind(call_center, state, how):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        await brought_to(state, center, client, desk)
        if how == "never mind":
            client.say("text_input", text="never mind")
        else:
            client.say(how)
        if how != "hangup":
            await told(client, "ended" if state == "connected" else "failed", 2)
            await goes_on_with_the_agent(client)
        await nothing_left(center)
        await desk.until({"queued": "not_ready", "dialing": "ready", "ringing": "ready"}.get(state, "wrap_up"))


async def test_a_connected_caller_who_types_never_mind_has_said_it_to_nobody(call_center):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await brought_to("connected", center, client, desk)
        client.say("text_input", text="never mind")
        assert (await client.until("error"))["code"] == "invalid_mode"
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        assert desk.view.state == "on_call"
        assert center.open_calls
        leg.hang_up()
        # nothing of it was kept for the agent either
        await told(client, "ended", 3)
        assert "never mind" not in [line.content for line in conversation_of(center, client).history]


async def test_a_caller_who_is_gone_without_a_word_is_missed(call_center):
    async with call_center(caller_grace_s=0.5) as center:
        desk = await center.desk().ready()
        async with center.caller() as client:
            await center.connected(client, desk)
        await nothing_left(center)
        await desk.until("wrap_up")


# -- several at once


async def test_two_callers_for_one_desk_wait_in_line(call_center):
    async with call_center() as center, center.caller() as first, center.caller() as second:
        desk = await center.desk().ready()
        leg = await center.connected(first, desk)
        await ask(second)
        queued = await told(second, "queued")
        assert queued["position"] == 1
        assert center.host_process.host.callers_waiting()["support"] == 1
        assert sum(center.host_process.host.desks.desks_by_state().values()) == 1
        assert queued["wait_s"] > 0
        assert "next in line" in (await second.until("announcement"))["text"]
        leg.hang_up()
        await told(first, "ended")
        await desk.until("wrap_up")
        await desk.does(DeskAction.READY)
        other = await center.next_leg()
        other.ring()
        await desk.until("ringing")
        await desk.does(DeskAction.ACCEPT)
        other.answer()
        await told(second, "connected", 6)


async def test_a_busy_desk_is_not_rung_again(call_center):
    async with call_center() as center, center.caller() as first, center.caller() as second:
        desk = await center.desk().ready()
        await center.connected(first, desk)
        await ask(second)
        await told(second, "queued")
        assert len(center.calls) == 1


# -- processes die


async def talks_in_the_end(state, center, client, desk, leg):
    """From this state it goes on as if nothing had happened, with the one call that was placed."""
    if state == "queued":
        await desk.until("not_ready")
        await desk.does(DeskAction.READY)
        leg = await center.next_leg()
    if state == "whisper":
        leg.listened.set()
    elif state != "connected":
        leg.ring()
        await desk.until("ringing")
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
    if state != "connected":
        await told(client, "connected", 5)
    await hear_each_other(client, leg)
    assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
    leg.hang_up()
    await told(client, "ended", 3)
    assert len(center.calls) == 1
    await nothing_left(center)


@pytest.mark.parametrize("state", STATES)
async def test_the_host_of_the_hand_overs_may_die_at_any_time(call_center, state):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await brought_to(state, center, client, desk)
        await center.host_process.kill()
        if state == "connected":
            # the two talk on while nobody minds their hand-over
            assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        if state == "whisper":
            leg.listened.set()
        await asyncio.sleep(0.2)
        await center.host_process.start()
        await talks_in_the_end(state, center, client, desk, leg)


@pytest.mark.parametrize("state", STATES)
async def test_the_replica_with_the_desks_audio_may_die(call_center, state):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await brought_to(state, center, client, desk)
        await center.add_gate()
        await center.gates[0].stop()
        await talks_in_the_end(state, center, client, desk, leg)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same replica", "another replica"])
@pytest.mark.parametrize("state", STATES)
async def test_the_callers_socket_may_be_lost(call_center, state, elsewhere):
    async with call_center() as center:
        desk = await center.desk().ready()
        async with center.caller() as client:
            leg = await brought_to(state, center, client, desk)
            token, seq = client.resume_token, client.last_seq()
            held_by = center.sessions.replica_of(client.session_id)
        replicas = center.sessions.replicas.values()
        replica = next(each for each in replicas if (each is not held_by) is elsewhere)
        async with center.sessions.client(replica=replica) as again:
            await again.resume(token, seq)
            # the page may have been loaded anew
            await told(again, "ringing" if state == "whisper" else state)
            await talks_in_the_end(state, center, again, desk, leg)


@pytest.mark.parametrize("state", STATES)
async def test_the_voice_replica_of_the_caller_may_die(call_center, state):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await brought_to(state, center, client, desk)
        center.sessions.kill(center.sessions.replica_of(client.session_id))
        await talks_in_the_end(state, center, client, desk, leg)
        await goes_on_with_the_agent(client)


# -- strangers


@pytest.mark.parametrize("path", ["status", "transfer_bridge", "voice_assistant/transfer_bridge"])
@pytest.mark.parametrize("forgery", ["none", "other token", "other address", "other form"])
async def test_a_webhook_that_twilio_did_not_make_is_refused(telephone_center, path, forgery):
    form = {"CallSid": "CA1", "CallStatus": "completed", "SequenceNumber": "1"}
    async with telephone_center() as center, aiohttp.ClientSession() as http:
        query = "?transfer=h-1&attempt=0"
        public = f"{PUBLIC}/twilio/{path}{query}"
        signatures = {
            "none": "",
            "other token": sign(public, form, "another-token"),
            "other address": sign(public.replace("attempt=0", "attempt=1"), form),
            "other form": sign(public, {**form, "CallStatus": "busy"}),
        }
        headers = {"X-Twilio-Signature": signatures[forgery]}
        near = f"{center.twilio.gateway}/twilio/{path}{query}"
        async with http.post(near, data=form, headers=headers) as answer:
            assert answer.status == 403
        async with http.post(near, data=form, headers={"X-Twilio-Signature": sign(public, form)}) as answer:
            assert answer.status in (200, 204)


@contextlib.asynccontextmanager
async def stream(center, call_sid, parameters):
    """A media stream that says it is of this call; it is signed as Twilio signs all of them."""
    url = f"{PUBLIC}/twilio/media".replace("https", "wss", 1)
    near = f"{center.twilio.gateway}/twilio/media"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(near, headers={"X-Twilio-Signature": sign(url, {})}) as socket,
    ):
        start = {"streamSid": "MZ1", "callSid": call_sid, "customParameters": parameters}
        await socket.send_json({"event": "start", "streamSid": "MZ1", "start": start})
        yield socket


async def test_a_stream_is_let_in_only_with_its_key(telephone_center):
    async with telephone_center() as center, center.caller() as client, aiohttp.ClientSession() as http:
        desk = await center.desk().ready()
        leg = await brought_to("ringing", center, client, desk)
        near, url = f"{center.twilio.gateway}/twilio/media", f"{PUBLIC}/twilio/media".replace("https", "wss", 1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(near, headers={"X-Twilio-Signature": sign(url, {}, "another-token")})
        for key in ("", "a-guess", "\N{SNOWMAN}"):
            parameters = {"transfer": leg.headers["X-Convo-Transfer"], "attempt": "0", "key": key}
            async with stream(center, center.twilio.calls[0].sid, parameters) as socket:
                assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE
        # nobody takes the desk for a voicemail box because of it
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
        await told(client, "connected", 5)


async def test_a_stream_that_is_opened_once_more_with_its_key_is_refused(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        leg = await center.connected(client, await center.desk().ready())
        call = center.twilio.calls[0]
        async with stream(center, call.sid, parameters_of(call.form["Twiml"])) as socket:
            assert (await socket.receive(5)).type is aiohttp.WSMsgType.CLOSE
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        # the talk did not even have to be taken up again
        assert len(call.streams) == 1


def parameters_of(twiml):
    return {p.get("name"): p.get("value") for p in ElementTree.fromstring(twiml).iter("Parameter")}


@pytest.mark.parametrize("linger_s", [60.0, 0.0], ids=["known", "forgotten"])
async def test_webhooks_that_are_called_once_more_change_nothing(telephone_center, linger_s):
    async with telephone_center(grace=GracePeriods(linger=linger_s)) as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        await center.break_stream(leg)
        await second_stream(center, leg)
        await hear_each_other(client, leg)

        asked = [url.partition("?")[0].rpartition("/")[2] for url, _ in center.twilio.posts]
        assert sorted(set(asked)) == ["status", "transfer_bridge"]
        answers = dict(zip(asked, await center.twilio.replay(), strict=True))
        # no key to a talk for whoever has listened in
        assert "<Hangup" in answers["transfer_bridge"]
        assert not parameters_of(answers["transfer_bridge"])
        assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        assert desk.view.state == "on_call"

        leg.hang_up()
        await told(client, "ended", 3)
        await nothing_left(center)
        await desk.until("wrap_up")
        await desk.does(DeskAction.READY)
        second = await brought_to("ringing", center, client, desk)
        await center.twilio.replay()
        assert desk.view.state == "ringing"
        await desk.does(DeskAction.ACCEPT)
        second.answer()
        await told(client, "connected", 5)
        assert [one.is_over for one in center.twilio.calls] == [True, False]
        assert set(center.twilio.answers) <= {200, 204}


@pytest.mark.parametrize("state", STATES)
async def test_a_caller_who_hangs_up_leaves_the_record_of_the_hand_over(call_center, state):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        await brought_to(state, center, client, desk)
        client.say("hangup")
        async with asyncio.timeout(5):
            while not (records := [r for r in center.sessions.records if r.metadata.source == "transfer"]):
                await asyncio.sleep(0.02)
        assert [record.metadata.hand_over.why for record in records] == ["caller_hung_up"]
        assert records[0].metadata.hand_over.agent_name == ("Dora" if state == "connected" else "")
        await nothing_left(center)
