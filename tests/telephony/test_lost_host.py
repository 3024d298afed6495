"""The host of the hand-overs hangs, its machine vanishes, or it lives on cut off: hand-overs go on at the next one."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager

import pytest

from convonet.core.errors import Fenced
from convonet.rpc.pool import ReplicaPool
from convonet.rpc.wire import Address
from convonet.telephony.events import CallProgress
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.remote_host import HostReplicas
from tests.fixtures.black_hole import Way
from tests.fixtures.servers import require_tool
from tests.telephony.test_hand_over import hear_each_other, talk
from tests.telephony.test_hand_over_failures import STATES, brought_to, talks_in_the_end
from tests.telephony.world import QUICK, stop

NOTICED_WITHIN_S = 4.0
"""It takes a second; the machine may be busy."""


@asynccontextmanager
async def cut_off(center):
    """Sessions and lines reach the host by a way that can vanish."""
    with Way.to(center.host_process.address.port) as way:

        async def find():
            if center.host_process.address is None:
                return []
            return [Address("127.0.0.1", way.port, center.host_process.address.key)]

        center.find_host = find
        yield way


@pytest.mark.parametrize("state", STATES)
async def test_a_host_whose_machine_vanishes_is_replaced_and_no_second_call_is_placed(call_center, state):
    async with call_center() as center, cut_off(center) as way, center.caller() as client:
        desk = await center.desk().ready()
        leg = await brought_to(state, center, client, desk)
        way.vanish()
        before = center.host_process.host
        if state == "connected":
            # the two talk on while nobody minds their hand-over
            assert await talk(client, leg) == (pytest.approx(1000, abs=15), pytest.approx(440, abs=15))
        # Serve has given it up
        await center.host_process.start()
        center.find_host = center.host_process.find
        await talks_in_the_end(state, center, client, desk, leg)
        await stop(before)


async def test_a_host_that_comes_back_after_it_was_replaced_does_nothing_more(call_center):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        leg = await brought_to("ringing", center, client, desk)
        old = center.host_process.host
        await center.host_process.start()
        actor = next(iter(old.registry.actors.values()))
        sid = actor.machine.attempts[0].call_sid
        actor.post_event(CallProgress(attempt=0, call_sid=sid, sequence=9, status="no-answer"))
        async with asyncio.timeout(5):
            while old.registry.actors:
                await asyncio.sleep(0.01)
        with pytest.raises(Fenced):
            await old.begin_hand_over(actor.snapshot.order.model_copy(update={"transfer_id": "h-new"}))
        # whoever followed it has found the other one
        await talks_in_the_end("ringing", center, client, desk, leg)
        await stop(old)


async def test_a_host_that_is_silent_for_a_moment_is_not_lost(call_center):
    async with call_center() as center, cut_off(center) as way, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        streams = way.connections
        way.vanish()
        await silent(center.hand_overs)
        way.come_back()
        leg.hang_up()
        await client.until("transfer_status", state="ended")
        assert way.connections == streams


async def silent(hand_overs):
    async with asyncio.timeout(NOTICED_WITHIN_S):
        while hand_overs.pool.choose_ready() is not None:
            await asyncio.sleep(0.01)


class HostProcess:
    """A host in a process of its own, which knows no hand-over and says so when it can."""

    @classmethod
    @asynccontextmanager
    async def running(cls):
        command = [require_tool("setpriv"), "--pdeathsig", "KILL", sys.executable, "-m", "tests.telephony.host_process"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            host = cls()
            host.pid = process.pid
            port, key = (await process.stdout.readline()).decode().split()
            host.address = Address("127.0.0.1", int(port), key)
            yield host
        finally:
            process.kill()
            await process.wait()


async def test_a_process_that_hangs_is_noticed_and_left_for_the_next_one():
    async with HostProcess.running() as first, HostProcess.running() as second:
        serves = [first]

        async def find():
            return [host.address for host in serves]

        hand_overs = HostReplicas(ReplicaPool("CallCenter", find, expected=1, is_single=True, delays=QUICK))
        followed = hand_overs.follow_hand_over("h-1")
        assert (await anext(followed)).transfer_id == "h-1"
        assert await hand_overs.exchange_stream_key("h-1", 0, "a") == f"{first.pid} a"

        os.kill(first.pid, signal.SIGSTOP)
        hung_at = time.monotonic()
        asked = asyncio.create_task(hand_overs.exchange_stream_key("h-1", 0, "b"))
        await silent(hand_overs)
        serves[:] = [second]
        with pytest.raises(HandOversUnavailable):
            await anext(followed)
        assert await asked == f"{second.pid} b"
        assert time.monotonic() - hung_at < NOTICED_WITHIN_S
        os.kill(first.pid, signal.SIGCONT)
        followed = hand_overs.follow_hand_over("h-1")
        assert (await anext(followed)).department == str(second.pid)
        await followed.aclose()
        await hand_overs.close()


async def test_without_any_host_it_is_said_in_time():
    async def find():
        return []

    hand_overs = HostReplicas(
        ReplicaPool("CallCenter", find, expected=1, is_single=True, delays=QUICK), call_timeout_s=0.3
    )
    with pytest.raises(HandOversUnavailable):
        await hand_overs.leave_hand_over("h-1", hung_up=True)
    with pytest.raises(HandOversUnavailable):
        await anext(hand_overs.follow_hand_over("h-1"))
    await hand_overs.close()


async def test_two_people_hear_each_other_while_the_host_is_away_for_long(call_center):
    async with call_center() as center, cut_off(center) as way, center.caller() as client:
        desk = await center.desk().ready()
        leg = await center.connected(client, desk)
        way.vanish()
        await silent(center.hand_overs)
        await hear_each_other(client, leg)
        way.come_back()
        leg.hang_up()
        await client.until("transfer_status", state="ended")
