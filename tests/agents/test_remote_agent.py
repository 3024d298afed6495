"""The agent in other processes, which may die, hang or fail in the middle of a turn."""

import asyncio
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager, nullcontext
from dataclasses import replace

import pytest

from convonet.agents.base import (
    CallBackRequest,
    ChatMessage,
    DomainChosen,
    Final,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnRequest,
)
from convonet.agents.remote_agent import AgentReplicas
from convonet.agents.requests import TurnRequests
from convonet.core.caller import Caller
from convonet.core.errors import AgentError, AgentTimeout, AgentUnavailable
from convonet.core.hand_over import HandOverDecision, TransferContext
from convonet.core.ids import SessionId, TurnId, UserId
from convonet.rpc.pool import PoolDelays, ReplicaPool
from convonet.rpc.replica import SilenceTimeouts
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from tests.fixtures.black_hole import Way

QUICK = PoolDelays(
    silence=SilenceTimeouts(0.1, 0.1),
    replacement_timeout_s=0.3,
    retry_s=0.02,
    max_retry_s=0.05,
    refresh_s=0.1,
)
CALLER = Caller(UserId("u-1"), "Ann", "Europe/Berlin", "anthropic", "PIN")
REQUEST = TurnRequest(
    SessionId("s-1"),
    TurnId("t-1"),
    CALLER,
    "what's on my list",
    history=(ChatMessage("user", "hello"), ChatMessage("assistant", "Added.", ("Adding the todo",))),
    agent_type="todo",
    memory={"slot": "title"},
    language="de",
    provider="openai",
    traceparent="00-1",
)
CHOSEN, ANSWER = DomainChosen("todo"), TextDelta("Nothing.")
FINAL = Final("Nothing.", "todo", "openai", "gpt", REQUEST.history, {"a": "b"}, tokens_in=3, tokens_out=4)


class Script:
    """An agent: each turn does the next script; an exception in it is raised, a function called with the replica."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.asked = []
        """Turns, of all that share the scripts."""
        self.closed = asyncio.Event()
        self.port = RpcServer(TurnRequests(self).answer, stop_timeout_s=0)

    async def turn(self, request):
        self.asked.append(request)
        try:
            for step in self.scripts.pop(0):
                if isinstance(step, Exception):
                    raise step
                if callable(step):
                    await step(self)
                else:
                    yield step
        finally:
            self.closed.set()

    @classmethod
    def two(cls, *scripts):
        """Two replicas: whichever is asked first does the first script."""
        first, second = cls(*scripts), cls()
        second.scripts, second.asked = first.scripts, first.asked
        return first, second


async def die(replica):
    """As a process does: at once, with all that is at work."""
    for client in tuple(replica.port._clients):
        client._transport.abort()
    replica.port._listening.close()
    await asyncio.sleep(0)


async def hang(replica):
    """The process does nothing more, but its connections stay."""
    for client in replica.port._clients:
        client._transport.pause_reading()
    await asyncio.sleep(30)


async def think(_):
    await asyncio.sleep(0.5)


@asynccontextmanager
async def agents(*replicas, delays=QUICK):
    """An agent on these replicas, to which the connections are open."""
    addresses = [await replica.port.start("127.0.0.1") for replica in replicas]

    async def find():
        return addresses

    pool = ReplicaPool("AgentRouter", find, delays=delays)
    agent = AgentReplicas(pool)
    agent.start()
    while len(pool._replicas) < len(replicas):
        await asyncio.sleep(0.01)
    async with AsyncExitStack() as stack:
        for replica in replicas:
            stack.push_async_callback(replica.port.stop)
        stack.push_async_callback(agent.close)
        yield agent


async def heard(agent):
    async with asyncio.timeout(10):
        return [event async for event in agent.turn(REQUEST)]


async def test_request_and_events_cross_as_they_are():
    started = ToolStarted("c-1", "get_todos", "Reading the list", {"due": "today", "n": [1, None, {"x": 2.5}]})
    finished = ToolFinished("c-1", "get_todos", "Reading the list", False, "It failed.", 12.5)
    context = TransferContext(
        conversation_history=[{"role": "user", "content": "hi"}],
        user_id="u-1",
        user_name="Ann",
        activities=["Adding the todo"],
        summary="She wants to talk.",
        verified_by="PIN",
    )
    final = Final(
        "Nothing.",
        "todo",
        "openai",
        "gpt",
        REQUEST.history,
        hand_over=HandOverDecision("sales", "1", "x"),
        call_back=CallBackRequest("sales", "x", "+4930123"),
        transfer_context=context,
    )
    replica = Script([CHOSEN, started, finished, ANSWER, final])
    async with agents(replica) as agent:
        assert await heard(agent) == [CHOSEN, started, finished, ANSWER, final]
    assert replica.asked == [REQUEST]


async def test_a_turn_whose_replica_dies_before_a_word_is_asked_again_of_another():
    replicas = Script.two([CHOSEN, die], [CHOSEN, ANSWER, FINAL])
    async with agents(*replicas) as agent:
        assert await heard(agent) == [CHOSEN, CHOSEN, ANSWER, FINAL]
    assert replicas[0].asked == [REQUEST, REQUEST]


async def test_spoken_words_are_not_spoken_again():
    replicas = Script.two([TextDelta("You have "), die], [CHOSEN, ANSWER, FINAL])
    async with agents(*replicas) as agent:
        with pytest.raises(AgentUnavailable):
            await heard(agent)
    assert replicas[0].asked == [REQUEST]


async def test_when_all_die_the_turn_has_failed():
    replicas = Script.two([die], [die])
    async with agents(*replicas) as agent:
        with pytest.raises(AgentUnavailable):
            await heard(agent)


async def test_a_turn_waits_for_the_replica_that_is_just_being_started():
    addresses = []

    async def find():
        return addresses

    replica = Script([CHOSEN, ANSWER, FINAL])
    agent = AgentReplicas(ReplicaPool("AgentRouter", find, delays=QUICK))
    assert not await agent.pool.is_answering()
    waiting = asyncio.create_task(heard(agent))
    await asyncio.sleep(0.1)
    addresses.append(await replica.port.start("127.0.0.1"))
    assert await waiting == [CHOSEN, ANSWER, FINAL]
    assert await agent.pool.is_answering()
    await agent.close()
    await replica.port.stop()


async def test_a_replica_that_hangs_before_a_word_is_left_for_another():
    replicas = Script.two([CHOSEN, hang], [CHOSEN, ANSWER, FINAL])
    async with agents(*replicas) as agent:
        assert await heard(agent) == [CHOSEN, CHOSEN, ANSWER, FINAL]


@pytest.mark.parametrize("said", [CHOSEN, ANSWER], ids=["before a word", "in its answer"])
async def test_a_replica_whose_machine_vanishes_is_left_as_one_that_hangs(said):
    has_come = asyncio.Event()

    async def vanish(replica):
        await has_come.wait()
        replica.way.vanish()
        await asyncio.sleep(30)

    replicas = Script.two([said, vanish], [CHOSEN, ANSWER, FINAL])
    with ExitStack() as stack:
        addresses = []
        for replica in replicas:
            address = await replica.port.start("127.0.0.1")
            replica.way = stack.enter_context(Way.to(address.port))
            addresses.append(Address("127.0.0.1", replica.way.port, address.key))

        async def find():
            return addresses

        # the first connections may take a busy machine a moment
        delays = replace(QUICK, replacement_timeout_s=3.0)
        agent = AgentReplicas(ReplicaPool("AgentRouter", find, delays=delays))
        events = []
        with pytest.raises(AgentUnavailable) if said is ANSWER else nullcontext():
            async with asyncio.timeout(10):
                async for event in agent.turn(REQUEST):
                    events.append(event)
                    has_come.set()
        assert events == ([ANSWER] if said is ANSWER else [CHOSEN, CHOSEN, ANSWER, FINAL])
        await agent.close()
        for replica in replicas:
            await replica.port.stop()


async def test_a_replica_that_hangs_in_its_answer_is_given_up():
    replicas = Script.two([ANSWER, hang], [])
    async with agents(*replicas) as agent:
        with pytest.raises(AgentUnavailable):
            await heard(agent)
    assert replicas[0].asked == [REQUEST]


async def test_a_replica_that_hangs_is_waited_for_when_there_is_no_other():
    async def pause(replica):
        for client in replica.port._clients:
            client._transport.pause_reading()
        await asyncio.sleep(0.5)
        for client in replica.port._clients:
            client._transport.resume_reading()

    replica = Script([CHOSEN, pause, ANSWER, FINAL])
    async with agents(replica) as agent:
        assert await heard(agent) == [CHOSEN, ANSWER, FINAL]
    assert replica.asked == [REQUEST]


async def test_a_replica_that_hangs_is_left_when_another_one_arrives():
    first, second = Script.two([CHOSEN, hang], [CHOSEN, ANSWER, FINAL])
    addresses = [await first.port.start("127.0.0.1")]

    async def find():
        return addresses

    agent = AgentReplicas(ReplicaPool("AgentRouter", find, delays=QUICK))
    waiting = asyncio.create_task(heard(agent))
    await asyncio.sleep(0.5)
    addresses.append(await second.port.start("127.0.0.1"))
    assert await waiting == [CHOSEN, CHOSEN, ANSWER, FINAL]
    await agent.close()
    await first.port.stop()
    await second.port.stop()


async def test_a_turn_goes_from_a_replica_that_stops_to_the_one_that_replaces_it():
    first, second = Script.two([ANSWER, think, FINAL], [CHOSEN, FINAL])
    first.port = RpcServer(TurnRequests(first).answer, stop_timeout_s=2)
    addresses = [await first.port.start("127.0.0.1")]

    async def find():
        return addresses

    agent = AgentReplicas(ReplicaPool("AgentRouter", find, delays=QUICK))
    begun = agent.turn(REQUEST)
    assert await anext(begun) == ANSWER
    # it has been there for longer than a turn waits for any
    await asyncio.sleep(0.4)
    stopping = asyncio.create_task(first.port.stop())
    await asyncio.sleep(0)
    addresses[:] = [await second.port.start("127.0.0.1")]
    assert await heard(agent) == [CHOSEN, FINAL]
    assert [event async for event in begun] == [FINAL]
    await stopping
    await agent.close()
    await second.port.stop()


async def test_a_slow_replica_is_asked_once():
    replicas = Script.two([CHOSEN, think, ANSWER, FINAL], [])
    async with agents(*replicas) as agent:
        assert await heard(agent) == [CHOSEN, ANSWER, FINAL]
    assert replicas[0].asked == [REQUEST]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (AgentTimeout("too slow"), AgentTimeout),
        (AgentError("no model"), AgentError),
        (ValueError("a fault of ours"), AgentError),
    ],
)
async def test_a_turn_that_fails_is_not_tried_again(failure, kind):
    replicas = Script.two([CHOSEN, failure], [])
    async with agents(*replicas) as agent:
        with pytest.raises(AgentError) as failed:
            await heard(agent)
    assert type(failed.value) is kind
    assert "a fault of ours" not in str(failed.value)
    assert replicas[0].asked == [REQUEST]


async def test_an_answer_without_an_end_is_a_failure():
    async with agents(Script([ANSWER])) as agent:
        with pytest.raises(AgentError):
            await heard(agent)


async def test_a_reader_that_stops_cancels_the_turn():
    replica = Script([ANSWER, hang])
    async with agents(replica, delays=PoolDelays()) as agent:
        async with aclosing(agent.turn(REQUEST)) as events:
            assert await anext(events) == ANSWER
            replica.closed.clear()
            for client in replica.port._clients:
                client._transport.resume_reading()
        async with asyncio.timeout(5):
            await replica.closed.wait()


async def test_turns_are_spread_over_the_replicas():
    replicas = Script(*[[think, FINAL]] * 10), Script(*[[think, FINAL]] * 10)
    async with agents(*replicas) as agent:
        await asyncio.gather(*(heard(agent) for _ in range(10)))
    assert [len(replica.asked) for replica in replicas] == [5, 5]
