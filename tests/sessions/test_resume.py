"""Lost sockets, lost hosts: the caller goes on, nothing is lost and nothing is done twice."""

import asyncio
import time

import jwt

from convonet.auth.tokens import ResumeClaims, mint_resume_token
from convonet.errors import StorageError
from convonet.gateway.relay import CLOSE_TRY_LATER
from convonet.ids import SessionId
from tests.sessions.doubles import World, spoken, types
from tests.virtual_time import virtual_time


@virtual_time
async def test_a_caller_who_lost_the_socket_resumes_and_gets_exactly_what_was_missed():
    world = World()
    async with world.caller() as client:
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
    world = World()
    world.agent.delay = 5
    async with world.caller() as client:
        client.speak()
        await client.until("processing_start")
    await asyncio.sleep(20)
    async with world.client() as again:
        ok = await again.resume(client.resume_token, client.last_seq())
        assert ok["pending_utterance_id"]
        assert "You said" in spoken(await again.answer())
    await world.end()


@virtual_time
async def test_a_forged_token_or_one_of_an_unknown_session_is_refused():
    world = World()
    unknown = mint_resume_token(
        ResumeClaims(SessionId("s-unknown"), "host-0"), secret=world.settings.signing_secret, lifetime_s=60
    )
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
async def test_a_session_whose_caller_stays_away_ends_after_the_grace_time():
    world = World(CONVONET_RESUME_GRACE_S="30")
    async with world.caller() as client:
        pass
    await asyncio.sleep(29)
    assert sum(host.figures()["sessions"] for host in world.hosts.values()) == 1
    await asyncio.sleep(2)
    assert sum(host.figures()["sessions"] for host in world.hosts.values()) == 0
    async with world.client() as again:
        await again.until("auth_required")
        again.say("authenticate", resume_token=client.resume_token, last_seq=0)
        assert (await again.until("error"))["code"] == "resume_failed"
    await world.end()


@virtual_time
async def test_a_second_socket_takes_the_session_over_and_the_first_is_closed():
    world = World()
    async with world.caller() as first, world.client() as second:
        await second.resume(first.resume_token, first.last_seq())
        assert (await first.until("closed"))["code"] == 4001
        second.say("text_input", text="hello")
        assert "You said hello." in spoken(await second.answer())
    await world.end()


@virtual_time
async def test_a_host_killed_in_mid_turn_costs_the_caller_nothing_but_a_moment():
    world = World()
    world.agent.delay = 1
    async with world.caller() as client:
        client.speak()
        await client.until("transcript_final")
        killed_at = asyncio.get_running_loop().time()
        world.kill(world.host_of(client.session_id))
        resumed = await client.until("auth_ok", resumed=True)
        assert asyncio.get_running_loop().time() - killed_at < 2
        assert resumed["session_id"] == client.session_id
        assert "You said add buy milk to my todo list." in spoken(await client.answer())
        assert client.closed_with is None
        turn_ids = {turn_id for turn_id, _ in world.agent.effects}
        assert len(world.agent.effects) == 2
        assert len(turn_ids) == 1, "a repeated turn must have the id of the first, so that its effects happen once"
    await world.end()


@virtual_time
async def test_a_host_killed_between_turns_is_not_noticed():
    world = World()
    async with world.caller() as client:
        client.speak()
        await client.answer()
        await asyncio.sleep(1)
        world.kill(world.host_of(client.session_id))
        await asyncio.sleep(1)
        client.say("text_input", text="and bread")
        assert "You said and bread." in spoken(await client.answer())
    assert len(world.agent.effects) == 2
    await world.end()


@virtual_time
async def test_an_answer_lost_with_its_host_is_told_again_without_being_done_again():
    world = World()
    async with world.caller() as client:
        before = client.last_seq()
        client.speak()
        await client.answer()
        await asyncio.sleep(1)
        client.disconnect()
    world.kill(world.host_of(client.session_id))
    async with world.client() as again:
        await again.resume(client.resume_token, before)
        told = await again.answer()
        assert [t for t in types(told) if t != "status"] == ["transcript_final", "agent_final", "audio_chunk"]
        assert spoken(told) == "You said add buy milk to my todo list."
        assert all(m["seq"] > before for m in told)
    assert len(world.agent.effects) == 1
    await world.end()


@virtual_time
async def test_an_utterance_sent_again_after_the_voice_replica_died_is_answered_once():
    world = World()
    async with world.caller() as client:
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
async def test_a_newer_copy_fences_the_older_one_off():
    world = World()
    async with world.caller() as client:
        old = world.hosts[world.host_of(client.session_id)]
        other = next(name for name, host in world.hosts.items() if host is not old)
        token = mint_resume_token(
            ResumeClaims(SessionId(client.session_id), other), secret=world.settings.signing_secret, lifetime_s=60
        )
        async with world.client() as elsewhere:
            await elsewhere.resume(token, client.last_seq())
            client.say("text_input", text="to the old copy")
            assert (await client.until("closed"))["code"] in {1000, 4001}
            assert old.figures()["sessions"] == 0
            elsewhere.say("text_input", text="to the new copy")
            assert "You said to the new copy." in spoken(await elsewhere.answer())
    await world.end()


@virtual_time
async def test_a_caller_waits_while_no_host_is_left_and_goes_on_when_one_comes():
    world = World(hosts=1)
    async with world.caller() as client:
        client.speak()
        await client.until("transcript_final")
        world.kill(world.host_of(client.session_id))
        await asyncio.sleep(1)
        world.add_host()
        await client.until("auth_ok", resumed=True)
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_call_that_no_host_takes_up_again_ends_with_a_clear_sentence():
    world = World(hosts=1)
    async with world.caller() as client:
        world.kill(world.host_of(client.session_id))
        told = await client.until("error")
        assert "lost your call" in told["message"]
        assert (await client.until("closed"))["code"] == 1013
    await world.end()


@virtual_time
async def test_a_sentence_said_while_its_host_is_stopping_is_answered_by_another():
    world = World()
    async with world.caller() as client:
        old = world.host_of(client.session_id)
        world.stop_gracefully(old)
        client.say("text_input", text="during the redeploy")
        assert "You said during the redeploy." in spoken(await client.answer())
        client.say("text_input", text="and after it")
        assert "You said and after it." in spoken(await client.answer())
        assert "error" not in types(client.received)
    assert [said for _, said in world.agent.effects] == ["during the redeploy", "and after it"]
    await world.end()


@virtual_time
async def test_a_sentence_said_to_a_host_that_hangs_is_answered_by_another():
    world = World()
    async with world.caller() as client:
        world.hang(world.host_of(client.session_id))
        client.speak()
        assert "You said add buy milk" in spoken(await client.answer())
        assert "error" not in types(client.received)
    await world.end()


@virtual_time
async def test_a_command_to_a_lost_session_waits_until_it_is_found():
    world = World()
    async with world.caller() as client:
        world.kill(world.host_of(client.session_id))
        client.say("cancel")
        client.say("text_input", text="still here")
        assert "You said still here." in spoken(await client.answer())
        assert "error" not in types(client.received)
    await world.end()


@virtual_time
async def test_a_store_that_hiccups_while_the_host_is_lost_costs_time_only():
    world = World()
    async with world.caller() as client:
        claim, failures = world.checkpoints.claim, iter(range(3))

        async def hiccup(session_id):
            if next(failures, None) is not None:
                raise StorageError("away")
            return await claim(session_id)

        world.checkpoints.claim = hiccup
        world.kill(world.host_of(client.session_id))
        client.say("text_input", text="hello again")
        assert "You said hello again." in spoken(await client.answer())
        assert "error" not in types(client.received)
    await world.end()


@virtual_time
async def test_a_call_that_can_not_be_saved_is_told_so_and_its_socket_is_closed():
    world = World()
    async with world.caller() as client:

        async def away(session_id):
            raise StorageError("away")

        world.checkpoints.claim = away
        world.kill(world.host_of(client.session_id))
        await client.until("error")
        assert (await client.until("closed"))["code"] == CLOSE_TRY_LATER
    await world.end()


@virtual_time
async def test_a_relay_that_crashes_closes_its_socket():
    world = World()
    async with world.caller() as client:

        async def crash(session_id):
            raise RuntimeError("a bug")

        world.checkpoints.claim = crash
        world.kill(world.host_of(client.session_id))
        assert (await client.until("error"))["code"] == "internal_error"
        assert (await client.until("closed"))["code"] == CLOSE_TRY_LATER
    await world.end()


@virtual_time
async def test_a_checkpoint_of_another_release_ends_the_call_with_a_clear_error():
    world = World()
    async with world.caller() as client:
        session_id, host = client.session_id, world.host_of(client.session_id)
        world.kill(host)
        await world.checkpoints.save(session_id, 9, b'{"kept": "something else"}', 60)
        assert (await client.until("error"))["code"] == "resume_failed"
        assert (await client.until("closed"))["code"] == CLOSE_TRY_LATER
    await world.end()


@virtual_time
async def test_a_call_of_an_hour_can_still_be_resumed():
    world = World()
    async with world.caller() as client:
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
        client.speak()
        await client.until("processing_start")
        last = client.last_seq()
        world.kill(world.host_of(client.session_id))
        repeated = await client.answer()
        assert "processing_start" in types(repeated)
        numbers = [m["seq"] for m in repeated if m.get("seq")]
        assert numbers == list(range(last + 1, last + 1 + len(numbers)))
    await world.end()
