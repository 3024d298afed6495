"""Callers are moved to another connection when nobody speaks, and lose nothing."""

import asyncio

import pytest

from actors.mover import SILENCE_S
from actors.session_registry import CONFIRM_INTERVAL_S
from convonet.agents.base import DomainChosen, Final, TextDelta
from convonet.core.hand_over import HandOverDecision, HandOverState, TransferContext
from convonet.gateway.connection import CLOSE_RESTART, RECONNECT_GRACE_S
from convonet.telephony.messages import HandOverView
from tests.sessions.doubles import AUDIO, World, spoken, types
from tests.virtual_time import virtual_time

SOON_S = 1.0
SECONDS_OF_SOUND = 6


def now():
    return asyncio.get_running_loop().time()


def door_of(world, client):
    return world.replica_of(client.session_id).sockets


async def silence(world, client):
    """Wait until nobody has spoken for a while, and the greeting is over."""
    await asyncio.sleep(2)
    return door_of(world, client)


def reconnects(client):
    return types(client.received).count("reconnect")


class NotedHandOvers:
    """A call center whose hand-overs stay in the queue; collects those that were begun."""

    def __init__(self):
        self.begun = []

    async def begin_hand_over(self, order):
        self.begun.append(order.transfer_id)

    async def leave_hand_over(self, transfer_id, *, hung_up):
        pass

    async def follow_hand_over(self, transfer_id):
        if transfer_id in self.begun:
            yield HandOverView(transfer_id=transfer_id, state=HandOverState.QUEUED, department="support", position=1)
            await asyncio.Event().wait()


class HandingOver:
    """Starts a hand-over when a caller says "human"."""

    delay = 1.0

    async def turn(self, request):
        yield DomainChosen("general")
        await asyncio.sleep(self.delay)
        wanted = "human" in request.transcript
        text = "I'll connect you." if wanted else "Hello."
        yield TextDelta(text)
        context = TransferContext(
            conversation_history=[], user_id="u", user_name="Demo", activities=[], summary="", verified_by="PIN"
        )
        yield Final(
            text,
            "general",
            "offline",
            "rules",
            request.history,
            hand_over=HandOverDecision("support", "2001", "list") if wanted else None,
            transfer_context=context if wanted else None,
        )


@virtual_time
async def test_a_silent_caller_is_moved_at_once_and_the_count_is_reported():
    world = World()
    async with world.caller() as client, world.client(replica=next(iter(world.replicas.values()))) as stranger:
        door = await silence(world, client)
        await stranger.until("auth_required")
        began_at, moving = now(), asyncio.create_task(door.move(60))
        await client.until("auth_ok", resumed=True)
        assert now() - began_at < SILENCE_S + SOON_S
        assert types(stranger.received).count("reconnect") <= 1
        stranger.disconnect()
        moved = await moving
        assert (moved.moved, moved.stayed) in ((1, 0), (2, 0))
        assert now() - began_at < SILENCE_S + SOON_S + RECONNECT_GRACE_S
    await world.end()


@pytest.mark.parametrize("audio", ["files", "stream"])
@virtual_time
async def test_nobody_is_moved_during_a_turn_or_while_the_answer_plays(audio):
    world = World()
    world.agent.delay = 3
    async with world.caller(audio=audio) as client:
        door = await silence(world, client)
        # the length of the audio at the rate of each format
        world.tts.silence = bytes(SECONDS_OF_SOUND * (48_000 if audio == "stream" else 6_000))
        client.say("text_input", text="hello")
        await client.until("tool_event")
        moving = asyncio.create_task(door.move(60))
        answer = await client.answer()
        assert "You said hello." in spoken(answer) if audio == "files" else True
        answered_at = now()
        await client.until("reconnect")
        assert SECONDS_OF_SOUND <= now() - answered_at < SECONDS_OF_SOUND + SILENCE_S + SOON_S
        await client.until("auth_ok", resumed=True)
        assert (await moving).moved == 1
        await asyncio.sleep(1)
    assert len(world.agent.effects) == 1
    await world.end()


@virtual_time
async def test_only_callers_who_came_through_a_draining_node_are_moved_and_only_once():
    world = World(replicas=1)
    async with world.caller() as client, world.caller() as other:
        for each, proxy in ((client, "10.0.0.1"), (other, "10.0.0.2")):
            each.proxy = proxy
            world.lose_socket(each)
            await each.until("auth_ok", resumed=True)
        door = await silence(world, client)
        # its next connection comes through another node
        client.proxy = "10.0.0.2"
        for _ in range(5):
            door.move_from_proxy("10.0.0.1", 60)
            await asyncio.sleep(2)
        assert (reconnects(client), reconnects(other)) == (1, 0)
    await world.end()


@virtual_time
async def test_an_interrupted_answer_counts_as_silence():
    world = World()
    async with world.caller() as client:
        door = await silence(world, client)
        world.tts.silence = bytes(30 * 6_000)
        client.say("text_input", text="hello")
        await client.answer()
        moving = asyncio.create_task(door.move(60))
        await asyncio.sleep(3)
        assert not reconnects(client)
        client.say("cancel")
        interrupted_at = now()
        await client.until("reconnect")
        assert now() - interrupted_at < SILENCE_S + SOON_S
        await moving
    await world.end()


@virtual_time
async def test_a_caller_who_records_is_not_moved_before_the_answer():
    world = World()
    async with world.caller() as client:
        door = await silence(world, client)
        client.say("start_recording", utterance_id="u-1")
        await client.until("audio_ack")
        moving = asyncio.create_task(door.move(60))
        await asyncio.sleep(10)
        assert not reconnects(client)
        client.speak("u-1")
        assert "You said" in spoken(await client.answer())
        await client.until("auth_ok", resumed=True)
        assert (await moving).moved == 1
    assert world.stt.audio == AUDIO
    await world.end()


@virtual_time
async def test_a_caller_who_never_falls_silent_is_moved_at_the_deadline_and_loses_no_turn():
    world = World()
    world.agent.delay = 3
    async with world.caller() as client:
        door = await silence(world, client)
        began_at, moving = now(), asyncio.create_task(door.move(10))
        for number in range(6):
            client.say("text_input", text=f"sentence {number}")
            if number % 3 == 2:
                await asyncio.sleep(4)
        await client.until("reconnect")
        assert now() - began_at == pytest.approx(10, abs=0.2)
        await client.until("auth_ok", resumed=True)
        await moving
        await client.until("agent_final", text="You said sentence 5.")
        await asyncio.sleep(2)
    assert [said for _, said in sorted({(t, s) for t, s in world.agent.effects}, key=lambda e: e[1])] == [
        f"sentence {number}" for number in range(6)
    ]
    await world.end()


@virtual_time
async def test_a_client_that_does_not_know_reconnect_is_closed_a_little_later():
    world = World()
    async with world.client() as client:
        await client.log_in()
        door = await silence(world, client)
        moving = asyncio.create_task(door.move(60))
        await client.until("reconnect")
        asked_at = now()
        assert (await client.until("closed"))["code"] == CLOSE_RESTART
        assert now() - asked_at == pytest.approx(RECONNECT_GRACE_S, abs=0.2)
        assert (await moving).moved == 1
    await world.end()


@virtual_time
async def test_a_socket_near_the_end_of_its_life_is_replaced_at_a_silence():
    world = World(CONVONET_MAX_SOCKET_LIFE_S="100")
    world.agent.delay = 5
    async with world.caller() as client:
        opened_at = now()
        await asyncio.sleep(74)
        assert not reconnects(client)
        client.say("text_input", text="hello")
        await client.answer()
        assert not reconnects(client)
        await client.until("auth_ok", resumed=True)
        assert 79 < now() - opened_at < 82
        # the life of the new socket starts again
        await asyncio.sleep(70)
        assert reconnects(client) == 1
        client.say("text_input", text="still here")
        assert "You said still here." in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_socket_at_the_end_of_its_life_is_replaced_though_somebody_speaks():
    world = World(CONVONET_MAX_SOCKET_LIFE_S="100")
    async with world.caller() as client:
        opened_at = now()
        await asyncio.sleep(70)
        client.say("start_recording", utterance_id="u-1")
        await client.until("reconnect")
        assert now() - opened_at == pytest.approx(100, abs=1)
        await client.until("auth_ok", resumed=True)
        client.speak("u-1")
        assert "You said" in spoken(await client.answer())
    await world.end()


@virtual_time
async def test_a_replica_that_stops_moves_all_callers_accepts_none_and_waits():
    world = World()
    world.agent.delay = 2
    replica = next(iter(world.replicas.values()))
    async with world.client(comes_back=True, replica=replica) as client:
        await client.log_in()
        await silence(world, client)
        client.say("text_input", text="hello")
        await client.until("tool_event")
        began_at = now()
        await replica.sockets.drain(60)
        assert 2 < now() - began_at < 2 + SILENCE_S + SOON_S
        assert replica.sockets.is_closed
        assert len(replica.sockets) == 0
        await asyncio.sleep(CONFIRM_INTERVAL_S + 0.1)
        assert world.replica_of(client.session_id) is not replica
        client.say("text_input", text="and again")
        await client.until("agent_final", text="You said and again.")
    assert len(world.agent.effects) == 2
    await world.end()


@virtual_time
async def test_a_short_drain_waits_for_nobody():
    world = World()
    world.agent.delay = 30
    replica = next(iter(world.replicas.values()))
    async with world.client(replica=replica) as client:
        await client.log_in()
        client.say("text_input", text="hello")
        await client.until("tool_event")
        replica.sockets.shorten_drain()
        began_at = now()
        await replica.sockets.drain(60)
        assert now() - began_at < 2
        assert reconnects(client) == 1
    await world.end()


@virtual_time
async def test_a_caller_who_asks_for_a_human_during_a_move_is_moved_first():
    hand_overs = NotedHandOvers()
    world = World(hand_overs=hand_overs, agent=HandingOver())
    async with world.caller() as client:
        door = await silence(world, client)
        old = world.replica_of(client.session_id)
        client.say("text_input", text="a human please")
        await client.until("processing_start")
        moving = asyncio.create_task(door.drain(60))
        await client.until("reconnect")
        # the answer may still play: its end is not waited for, since a desk may be free
        assert hand_overs.begun == []
        assert "transfer_initiated" not in types(client.received)
        await client.until("auth_ok", resumed=True)
        await client.until("transfer_initiated")
        await client.until("transfer_status", state="queued")
        await moving
        await asyncio.sleep(20)
        assert world.replica_of(client.session_id) is not old
    assert len(hand_overs.begun) == 1
    await world.end()


@virtual_time
async def test_a_caller_who_returns_to_the_same_replica_is_handed_over_there():
    hand_overs = NotedHandOvers()
    world = World(replicas=1, hand_overs=hand_overs, agent=HandingOver())
    async with world.caller() as client:
        door = await silence(world, client)
        client.say("text_input", text="a human please")
        await client.until("processing_start")
        moving = asyncio.create_task(door.move(60))
        await client.until("auth_ok", resumed=True)
        await client.until("transfer_status", state="queued")
        assert (await moving).moved == 1
        await asyncio.sleep(1)
    assert len(hand_overs.begun) == 1
    await world.end()


@virtual_time
async def test_a_caller_who_waits_for_a_human_is_moved_at_once_and_keeps_the_place():
    hand_overs = NotedHandOvers()
    world = World(hand_overs=hand_overs, agent=HandingOver())
    async with world.caller() as client:
        door = await silence(world, client)
        world.tts.silence = bytes(60 * 6_000)
        client.say("text_input", text="a human please")
        await client.until("transfer_status", state="queued")
        began_at, moving = now(), asyncio.create_task(door.move(60))
        await client.until("auth_ok", resumed=True)
        assert now() - began_at < 7
        await client.until("transfer_status", state="queued")
        await moving
        await asyncio.sleep(1)
    assert len(hand_overs.begun) == 1
    await world.end()


@virtual_time
async def test_a_caller_who_cancels_before_the_move_is_not_handed_over():
    hand_overs = NotedHandOvers()
    world = World(replicas=1, hand_overs=hand_overs, agent=HandingOver())
    async with world.client() as client:
        await client.log_in()
        door = await silence(world, client)
        client.say("text_input", text="a human please")
        await client.until("processing_start")
        moving = asyncio.create_task(door.move(60))
        await client.until("reconnect")
        client.say("transfer_cancel")
        await client.until("closed")
        async with world.client() as again:
            await again.resume(client.resume_token, client.last_seq())
            await asyncio.sleep(5)
        await moving
    assert hand_overs.begun == []
    await world.end()
