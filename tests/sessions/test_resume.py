"""After a lost socket or replica the caller goes on; nothing is lost and nothing is done twice."""

import asyncio
import base64
import time

import jwt
import pytest

from actors.lease import CONFIRMATION_TTL_S
from actors.session_registry import CONFIRM_INTERVAL_S
from convonet.auth.tokens import mint_resume_token
from convonet.core.errors import StorageError
from convonet.core.ids import SessionId
from convonet.gateway.connection import CLOSE_REPLACED, CLOSE_TRY_LATER
from tests.sessions.doubles import AUDIO, PIN, World, spoken, types
from tests.virtual_time import virtual_time

RESUMED_WITHIN_S = 2.0


def now():
    return asyncio.get_running_loop().time()


def other_than(world, replica):
    return next(each for each in world.replicas.values() if each is not replica)


@virtual_time
async def test_a_caller_who_lost_the_socket_resumes_and_gets_exactly_what_was_missed():
    world = World(replicas=1)
    async with world.client() as client:
        await client.log_in()
        client.speak()
        heard = await client.until("transcript_final")
        client.disconnect()
        await asyncio.sleep(2)
        async with world.client() as again:
            ok = await again.resume(client.resume_token, heard["seq"])
            assert ok["resumed"] is True
            assert ok["session_id"] == client.session_id
            missed = await again.answer()
            assert "transcript_final" not in types(missed)
            assert spoken(missed) == "You said add buy milk to my todo list."
            assert [m["seq"] for m in missed] == list(range(heard["seq"] + 1, heard["seq"] + 1 + len(missed)))
    assert len(world.agent.effects) == 1
    await world.end()


@virtual_time
async def test_a_turn_goes_on_while_nobody_is_connected():
    world = World(replicas=1)
    world.agent.delay = 5
    async with world.client() as client:
        await client.log_in()
        client.speak()
        await client.until("processing_start")
        client.disconnect()
        await asyncio.sleep(20)
        async with world.client() as again:
            ok = await again.resume(client.resume_token, client.last_seq())
            assert ok["pending_utterance_id"]
            assert "You said" in spoken(await again.answer())
    assert len(world.agent.effects) == 1
    await world.end()


@virtual_time
async def test_a_forged_token_or_one_of_an_unknown_session_is_refused():
    world = World()
    unknown = mint_resume_token(SessionId("s-unknown"), secret=world.settings.signing_secret, lifetime_s=60)
    async with world.caller() as owner, world.client() as thief:
        await thief.until("auth_required")
        forged = owner.resume_token[:-4] + "AAAA"
        for token in (forged, unknown, "nonsense", ""):
            thief.say("authenticate", resume_token=token, last_seq=0)
            assert (await thief.until("error"))["code"] == "resume_failed"
        thief.say("authenticate", session_id=owner.session_id)
        assert (await thief.until("error"))["code"] == "auth_failed"
        owner.say("text_input", text="still here")
        assert "You said still here." in spoken(await owner.answer())
    await world.end()


@virtual_time
async def test_a_session_whose_caller_does_not_return_ends_after_the_grace_period():
    world = World(CONVONET_RESUME_GRACE_S="30")
    async with world.caller() as client:
        pass
    await asyncio.sleep(29)
    assert world.sessions == 1
    await asyncio.sleep(2)
    assert world.sessions == 0
    async with world.client() as again:
        await again.until("auth_required")
        again.say("authenticate", resume_token=client.resume_token, last_seq=0)
        assert (await again.until("error"))["code"] == "resume_failed"
    await world.end()


@virtual_time
async def test_a_second_socket_takes_over_the_session_and_the_first_is_closed():
    world = World(replicas=1)
    async with world.caller() as first, world.client() as second:
        await second.resume(first.resume_token, first.last_seq())
        assert (await first.until("closed"))["code"] == CLOSE_REPLACED
        second.say("text_input", text="hello")
        assert "You said hello." in spoken(await second.answer())
    await world.end()


@pytest.mark.parametrize("until", ["processing_start", "transcript_final", "tool_event"])
@pytest.mark.parametrize("audio", ["files", "stream"])
def test_a_replica_killed_during_a_turn_costs_the_caller_only_a_moment(until, audio):
    @virtual_time
    async def run():
        world = World()
        world.agent.delay = 1
        async with world.caller(audio=audio) as client:
            client.speak("u-1")
            await client.until(until)
            killed_at = now()
            world.kill(world.replica_of(client.session_id))
            resumed = await client.until("auth_ok", resumed=True)
            assert now() - killed_at < RESUMED_WITHIN_S
            assert resumed["session_id"] == client.session_id
            await client.until("agent_final", text="You said add buy milk to my todo list.")
            await client.answer()
            turn_ids = {turn_id for turn_id, _ in world.agent.effects}
            assert len(turn_ids) == 1, "a repeated turn must have the id of the first, so that its effects happen once"
            assert (world.stt.calls == 1) is (until != "processing_start"), "what was recognized needs no second time"
            assert world.stt.audio == AUDIO
        (record,) = world.records
        assert (record.status, record.metadata.source) == ("success", "voice")
        await world.end()

    run()


@virtual_time
async def test_a_replica_killed_between_turns_is_not_noticed():
    world = World()
    async with world.caller() as client:
        client.speak()
        await client.answer()
        await asyncio.sleep(1)
        world.kill(world.replica_of(client.session_id))
        client.say("text_input", text="and bread")
        assert "You said and bread." in spoken(await client.answer())
    assert len(world.agent.effects) == 2
    await world.end()


@virtual_time
async def test_an_answer_lost_with_its_replica_is_repeated_without_asking_the_agent():
    world = World()
    async with world.client() as client:
        await client.log_in()
        before = client.last_seq()
        client.speak()
        await client.answer()
        await asyncio.sleep(1)
        client.disconnect()
        world.kill(world.replica_of(client.session_id))
        async with world.client() as again:
            await again.resume(client.resume_token, before)
            told = await again.answer()
            assert [t for t in types(told) if t != "status"] == ["transcript_final", "agent_final", "audio_chunk"]
            assert spoken(told) == "You said add buy milk to my todo list."
            assert all(m["seq"] > before for m in told)
    assert len(world.agent.effects) == 1
    await world.end()


@virtual_time
async def test_a_lost_streamed_answer_is_streamed_again_under_its_number():
    world = World()
    async with world.client() as client:
        await client.log_in(audio="stream")
        before = client.last_seq()
        client.speak()
        first = await client.answer()
        client.disconnect()
        await asyncio.sleep(1)
        world.kill(world.replica_of(client.session_id))
        async with world.client() as again:
            await again.resume(client.resume_token, before, audio="stream")
            told = await again.answer()
    sounds = [[m["header"] for m in messages if m["type"] == "sound"] for messages in (first, told)]
    assert [(h.turn_number, h.first_sample, h.is_last) for h in sounds[0]] == [
        (h.turn_number, h.first_sample, h.is_last) for h in sounds[1]
    ]
    await world.end()


@virtual_time
async def test_a_turn_lost_before_its_transcript_is_repeated_from_the_recording_in_the_checkpoint():
    world = World()
    world.stt.delay = 2
    async with world.client(comes_back=True) as client:
        await client.log_in()
        client.speak()
        await client.until("processing_start")
        await asyncio.sleep(0.1)
        world.kill(world.replica_of(client.session_id))
        assert "You said" in spoken(await client.answer())
        assert world.stt.audio == AUDIO
        await asyncio.sleep(0.1)
        assert b"audio" not in world.session_of(client).conversation.to_checkpoint().split(b'"audio":"files"')[1]
    await world.end()


@virtual_time
async def test_the_caller_is_asked_to_repeat_a_long_recording_that_the_client_can_not_send_again():
    world = World()
    world.stt.delay = 2
    async with world.caller() as client:
        client.say("start_recording")
        for number in range(3):
            client.say("audio_chunk", sequence=number, data_b64=base64.b64encode(bytes(150_000)).decode())
        client.say("stop_recording")
        await client.until("processing_start")
        await asyncio.sleep(0.1)
        world.kill(world.replica_of(client.session_id))
        told = await client.until("error")
        assert (told["code"], "say it again" in told["message"]) == ("stt_failed", True)
        assert base64.b64decode((await client.until("announcement"))["data_b64"]).decode() == told["message"]
        client.say("text_input", text="hello")
        assert "You said hello." in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_an_utterance_that_is_sent_twice_is_answered_once():
    world = World(replicas=1)
    async with world.client() as client:
        await client.log_in()
        client.speak("u-1")
        await client.until("processing_start")
        client.disconnect()
        async with world.client() as again:
            ok = await again.resume(client.resume_token, client.last_seq())
            assert ok["pending_utterance_id"] == "u-1"
            again.speak("u-1")
            assert "You said" in spoken(await again.answer())
            again.speak("u-1")
            await asyncio.sleep(5)
            assert len(world.agent.effects) == 1
    await world.end()


@virtual_time
async def test_a_caller_who_returns_to_another_replica_is_served_there_and_the_old_copy_stops():
    world = World()
    async with world.caller() as client:
        old = world.replica_of(client.session_id)
        await asyncio.sleep(5)
        async with world.client(replica=other_than(world, old)) as elsewhere:
            await elsewhere.resume(client.resume_token, client.last_seq())
            resumed_at = now()
            assert (await client.until("closed"))["code"] == CLOSE_REPLACED
            assert now() - resumed_at <= CONFIRM_INTERVAL_S + 0.1
            assert old.sessions == 0
            elsewhere.say("text_input", text="to the new copy")
            assert "You said to the new copy." in spoken(await elsewhere.answer())
    await world.end()


@virtual_time
async def test_a_turn_in_flight_is_repeated_where_the_caller_returns_and_recorded_once():
    world = World()
    world.agent.delay = 3
    async with world.client() as client:
        await client.log_in()
        old = world.replica_of(client.session_id)
        client.speak("u-1")
        await client.until("transcript_final")
        await asyncio.sleep(0.5)
        client.disconnect()
        async with world.client(replica=other_than(world, old)) as elsewhere:
            ok = await elsewhere.resume(client.resume_token, client.last_seq())
            assert ok["pending_utterance_id"] == "u-1"
            assert "You said" in spoken(await elsewhere.answer())
            await asyncio.sleep(5)
    assert len({turn_id for turn_id, _ in world.agent.effects}) == 1
    assert world.stt.calls == 1
    assert [record.status for record in world.records] == ["success"]
    await world.end()


@virtual_time
async def test_a_frozen_copy_whose_caller_went_elsewhere_does_nothing_more():
    world = World()
    async with world.caller() as client:
        old = world.replica_of(client.session_id)
        asleep = old.session(client.session_id)
        await old.registry.stop()  # its housekeeping stops, as in a frozen process
        async with world.client(replica=other_than(world, old)) as elsewhere:
            await elsewhere.resume(client.resume_token, client.last_seq())
            await asyncio.sleep(CONFIRMATION_TTL_S)
            # its first action when it resumes
            client.say("text_input", text="to the copy that slept")
            assert (await client.until("closed"))["code"] == CLOSE_REPLACED
            assert asleep.lease.is_claimed
            await asyncio.sleep(1)
    assert world.agent.effects == []
    assert world.records == []
    await world.end()


@virtual_time
async def test_a_caller_who_returns_to_a_frozen_copy_gets_the_newer_state():
    world = World()
    async with world.caller() as client:
        old = world.replica_of(client.session_id)
        await old.registry.stop()
        async with world.client(replica=other_than(world, old)) as elsewhere:
            await elsewhere.resume(client.resume_token, client.last_seq())
            elsewhere.say("text_input", text="said elsewhere")
            await elsewhere.answer()
            await asyncio.sleep(CONFIRMATION_TTL_S)
            async with world.client(replica=old) as back:
                await back.resume(client.resume_token, elsewhere.last_seq())
                back.say("text_input", text="and back")
                assert "You said and back." in spoken(await back.answer())
                await asyncio.sleep(0.1)
                history = old.session(client.session_id).conversation.history
    assert [m.content for m in history if m.role == "user"] == ["said elsewhere", "and back"]
    await world.end()


@virtual_time
async def test_a_caller_who_was_elsewhere_is_not_attached_to_the_old_copy():
    world = World()
    async with world.client() as client:
        await client.log_in()
        first = world.replica_of(client.session_id)
        client.disconnect()
        async with world.client(replica=other_than(world, first)) as elsewhere:
            await elsewhere.resume(client.resume_token, client.last_seq())
            elsewhere.disconnect()
            async with world.client(replica=first) as back:
                await back.resume(client.resume_token, client.last_seq())
                await asyncio.sleep(2 * CONFIRM_INTERVAL_S)
                back.say("text_input", text="still the same call")
                assert "You said still the same call." in spoken(await back.answer())
    await world.end()


@virtual_time
async def test_a_call_that_ends_while_its_turn_runs_is_recorded_and_closed_as_ended():
    world = World()
    world.agent.delay = 5
    async with world.client() as client:
        await client.log_in()
        client.say("text_input", text="a long turn")
        await client.until("tool_event")
        client.say("hangup")
        assert (await client.until("closed"))["code"] == 1000
    await world.end()
    assert [record.status for record in world.records] == ["cancelled"]


@virtual_time
async def test_calls_outlive_an_outage_of_the_store_that_is_longer_than_their_leases():
    world = World(CONVONET_RESUME_GRACE_S="20")
    async with world.caller() as client:
        for replica in world.replicas.values():
            replica.store_is_cut = True
        await asyncio.sleep(60)
        for replica in world.replicas.values():
            replica.store_is_cut = False
        await asyncio.sleep(40)
        client.say("text_input", text="still here")
        assert "You said still here." in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_turns_go_on_while_the_store_is_down_and_are_saved_when_it_is_back():
    world = World()
    async with world.caller() as client:
        replica = world.replica_of(client.session_id)
        replica.store_is_cut = True
        await asyncio.sleep(10)
        asked_at = now()
        client.say("text_input", text="without a store")
        assert "You said without a store." in spoken(await client.answer())
        assert now() - asked_at < 1
        replica.store_is_cut = False
        await asyncio.sleep(2 * CONFIRM_INTERVAL_S)
        world.kill(replica)
        client.say("text_input", text="with another one")
        assert "You said with another one." in spoken(await client.answer())
        await asyncio.sleep(0.1)
        history = world.session_of(client).conversation.history
    assert [m.content for m in history if m.role == "user"] == ["without a store", "with another one"]
    assert len(world.records) == 2
    await world.end()


@virtual_time
async def test_a_checkpoint_that_the_store_has_lost_is_written_again():
    world = World()
    async with world.caller() as client:
        client.say("text_input", text="before the flush")
        await client.answer()
        await asyncio.sleep(0.1)
        await world.flush_store()
        await asyncio.sleep(2 * CONFIRM_INTERVAL_S)
        world.kill(world.replica_of(client.session_id))
        await client.until("auth_ok", resumed=True)
        client.say("text_input", text="after it")
        assert "You said after it." in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_caller_waits_while_there_is_no_replica_and_goes_on_with_the_next_one():
    world = World(replicas=1)
    async with world.caller() as client:
        client.speak("u-1")
        await client.until("transcript_final")
        world.kill(world.replica_of(client.session_id))
        await asyncio.sleep(1)
        world.add_replica()
        await client.until("auth_ok", resumed=True)
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_store_that_hiccups_while_the_replica_is_lost_costs_time_only():
    world = World()
    async with world.client() as client:
        await client.log_in()
        claim, failures = world.checkpoints.claim, iter(range(3))

        async def hiccup(*args, **named):
            if next(failures, None) is not None:
                raise StorageError("away")
            return await claim(*args, **named)

        world.checkpoints.claim = hiccup
        world.kill(world.replica_of(client.session_id))
        async with world.client() as again:
            await again.until("auth_required")
            for _ in range(3):
                again.say("authenticate", resume_token=client.resume_token, last_seq=client.last_seq())
                told = await again.until("error")
                assert told["code"] == "internal_error"
            assert (await again_ok(again, client))["resumed"] is True
    await world.end()


async def again_ok(again, client):
    again.say("authenticate", resume_token=client.resume_token, last_seq=client.last_seq())
    return await again.until("auth_ok")


@virtual_time
async def test_a_connection_that_crashes_closes_its_socket():
    world = World()
    async with world.client() as client:
        await client.log_in()

        async def crash(*_, **__):
            raise RuntimeError("a bug")

        world.checkpoints.claim = crash
        world.kill(world.replica_of(client.session_id))
        async with world.client() as again:
            await again.until("auth_required")
            again.say("authenticate", resume_token=client.resume_token, last_seq=0)
            assert (await again.until("error"))["code"] == "internal_error"
            assert (await again.until("closed"))["code"] == CLOSE_TRY_LATER
    await world.end()


@virtual_time
async def test_a_checkpoint_of_another_release_ends_the_call_with_a_clear_error():
    world = World()
    async with world.client() as client:
        await client.log_in()
        world.kill(world.replica_of(client.session_id))
        await world.checkpoints.save(client.session_id, 9, b'{"kept": "something else"}', 60)
        async with world.client() as again:
            await again.until("auth_required")
            again.say("authenticate", resume_token=client.resume_token, last_seq=0)
            assert (await again.until("error"))["code"] == "resume_failed"
    await world.end()


@virtual_time
async def test_a_call_of_an_hour_can_still_be_resumed():
    world = World()
    async with world.client() as client:
        await client.log_in()
        for _ in range(6):
            await asyncio.sleep(600)
            client.say("text_input", text="still talking")
            await client.answer()
        client.disconnect()
        claims = jwt.decode(client.resume_token, options={"verify_signature": False})
        assert claims["exp"] - time.time() > 12 * 3600
        async with world.client() as again:
            assert (await again.resume(client.resume_token, client.last_seq()))["resumed"] is True
    await world.end()


@virtual_time
async def test_after_a_kill_the_client_gets_all_messages_of_the_repeated_turn():
    world = World()
    async with world.caller() as client:
        client.say("text_input", text="first")
        await client.answer()
        client.speak("u-1")
        await client.until("processing_start")
        last = client.last_seq()
        world.kill(world.replica_of(client.session_id))
        repeated = await client.answer()
        assert "processing_start" in types(repeated)
        numbers = [m["seq"] for m in repeated if m.get("seq", 0) > last]
        assert numbers == list(range(last + 1, last + 1 + len(numbers)))
    await world.end()


@virtual_time
async def test_a_repeated_turn_with_another_answer_discards_the_first_one():
    world = World()
    async with world.caller(audio="stream") as client:
        world.agent.delay = 0
        world.tts.delay = 5
        client.speak("u-1")
        before = await client.until("processing_start")
        await client.until("agent_stream_chunk")
        await asyncio.sleep(0.5)
        world.agent.answers_with = "Something else came to my mind."
        world.kill(world.replica_of(client.session_id))
        again = await client.until("processing_start")
        assert again["turn_number"] == before["turn_number"], "until it is known that the answer is another one"
        await client.until("playback_stop", turn_id=before["turn_id"])
        anew = await client.until("processing_start")
        sounds = [m["header"] for m in await client.answer() if m["type"] == "sound"]
        assert anew["turn_id"] == before["turn_id"]
        assert {header.turn_number for header in sounds} == {anew["turn_number"]} != {before["turn_number"]}
        assert sounds[0].first_sample == 0
    await world.end()


# -- recordings


def slice_of(number):
    return base64.b64encode(AUDIO[number * 500 : (number + 1) * 500]).decode()


@virtual_time
async def test_a_recording_continues_after_a_lost_socket_with_the_missing_slices():
    world = World(replicas=1)
    async with world.client() as client:
        await client.log_in()
        client.say("start_recording", utterance_id="u-1")
        assert (await client.until("audio_ack"))["sequence"] == -1
        for number in range(2):
            client.say("audio_chunk", sequence=number, data_b64=slice_of(number))
        await asyncio.sleep(0.1)
        client.disconnect()
        async with world.client() as again:
            await again.resume(client.resume_token, client.last_seq())
            again.say("start_recording", utterance_id="u-1")
            assert (await again.until("audio_ack", utterance_id="u-1"))["sequence"] == 1
            for number in range(1, 4):  # one of them twice
                again.say("audio_chunk", sequence=number, data_b64=slice_of(number))
            assert (await again.until("audio_ack"))["sequence"] == 3
            again.say("stop_recording")
            await again.answer()
    assert world.stt.audio == AUDIO[:2000]
    await world.end()


@virtual_time
async def test_a_recording_that_starts_again_after_a_lost_socket_replaces_the_first():
    world = World(replicas=1)
    async with world.caller() as client:
        client.say("start_recording", utterance_id="u-1")
        for number in range(3):
            client.say("audio_chunk", sequence=number, data_b64=slice_of(number))
        client.say("start_recording", utterance_id="u-1")
        await client.until("audio_ack", sequence=2)
        # a late acknowledgment: the page sends all of it, in fewer slices
        client.say("stream_reset")
        client.say("audio_chunk", sequence=0, data_b64=base64.b64encode(AUDIO).decode())
        client.say("stop_recording")
        await client.answer()
        assert world.stt.audio == AUDIO
    await world.end()


@virtual_time
async def test_a_recording_whose_replica_died_is_requested_from_its_beginning():
    world = World()
    async with world.caller() as client:
        client.say("start_recording", utterance_id="u-1")
        client.say("audio_chunk", sequence=0, data_b64=slice_of(0))
        await client.until("status")
        world.kill(world.replica_of(client.session_id))
        await client.until("auth_ok", resumed=True)
        client.say("start_recording", utterance_id="u-1")
        assert (await client.until("audio_ack"))["sequence"] == -1
    await world.end()


@virtual_time
async def test_a_recording_with_a_gap_is_refused():
    world = World(replicas=1)
    async with world.caller() as client:
        client.say("start_recording", utterance_id="u-1")
        client.say("audio_chunk", sequence=0, data_b64=slice_of(0))
        client.say("start_recording", utterance_id="u-1")
        await client.until("audio_ack", sequence=0)
        client.say("audio_chunk", sequence=2, data_b64=slice_of(2))
        client.say("stop_recording")
        assert (await client.until("error"))["code"] == "bad_audio"
        assert world.stt.calls == 0
    await world.end()


# -- abandoned calls


@virtual_time
async def test_an_abandoned_call_is_ended_with_a_record_of_its_turn():
    world = World(CONVONET_RESUME_GRACE_S="30")
    world.agent.delay = 3
    async with world.client() as client, world.caller():
        await client.log_in()
        client.speak("u-1")
        await client.until("transcript_final")
        await asyncio.sleep(0.5)
        world.kill(world.replica_of(client.session_id))
        await asyncio.sleep(29)
        assert world.records == []
        await asyncio.sleep(45)
        (record,) = world.records
        assert (record.status, record.user_prompt) == ("failed", "add buy milk to my todo list")
        assert "nobody could repeat it" in record.error
        async with world.client() as again:
            await again.until("auth_required")
            again.say("authenticate", resume_token=client.resume_token, last_seq=0)
            assert (await again.until("error"))["code"] == "resume_failed"
    await world.end()


@virtual_time
async def test_a_call_in_a_living_replica_is_never_ended_as_abandoned():
    world = World(CONVONET_RESUME_GRACE_S="5")
    async with world.caller() as client:
        await asyncio.sleep(120)
        client.say("text_input", text="still here")
        assert "You said still here." in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_caller_whose_checkpoint_is_of_a_newer_release_logs_in_again():
    world = World()
    async with world.client() as client:
        await client.log_in()
        session = world.session_of(client)
        session.conversation.needs = 99
        session.lease.save()
        await asyncio.sleep(0.1)
        client.disconnect()
        world.kill(world.replica_of(client.session_id))
        async with world.client() as again:
            await again.until("auth_required")
            again.say("authenticate", resume_token=client.resume_token, last_seq=0)
            assert (await again.until("error"))["code"] == "resume_failed"
            again.say("authenticate", pin=PIN)
            await again.until("auth_ok", resumed=False)
    await world.end()
