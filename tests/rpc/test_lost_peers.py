"""A replica that stops answering in the middle of a stream, and a machine that vanishes."""

import asyncio
import subprocess
import sys
import time
from contextlib import aclosing

import pytest

from convonet.rpc.calls import stream_from
from convonet.rpc.keepalive import PEER_TIMEOUT_S
from convonet.rpc.pool import PoolDelays, ReplicaPool
from convonet.rpc.replica import ReplicaUnavailable, SilenceTimeouts
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from tests.fixtures.black_hole import Way
from tests.fixtures.servers import require_tool

QUICK = PoolDelays(silence=SilenceTimeouts(0.1, 0.1), retry_s=0.02, max_retry_s=0.05)
NOTICED_WITHIN_S = 3.0
"""It takes 0.2 s; the machine may be busy."""


class Counting:
    """Sends a number or ends on demand."""

    def __init__(self):
        self.port = RpcServer(self.answer, stop_timeout_s=0)
        self.may_say = asyncio.Semaphore(0)
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def answer(self, request):
        self.began.set()
        try:
            for number in range(request.params["until"]):
                await self.may_say.acquire()
                request.emit({"number": number})
            await self.may_say.acquire()
        finally:
            self.ended.set()
        return {}


@pytest.fixture
async def counting():
    counting = Counting()
    counting.address = await counting.port.start("127.0.0.1")
    yield counting
    await counting.port.stop()


@pytest.fixture
def way(counting):
    with Way.to(counting.address.port) as way:
        yield way


@pytest.fixture
async def pool(counting, way):
    async def find():
        return [Address("127.0.0.1", way.port, counting.address.key)]

    pool = ReplicaPool("Counting", find, expected=1, delays=QUICK)
    pool.start_discovery()
    async with asyncio.timeout(5):
        while pool.choose_ready() is None:
            await asyncio.sleep(0.01)
    yield pool
    await pool.close()


def counted(pool, until=3, **options):
    options.setdefault("may_switch", lambda: False)
    return stream_from(pool, pool.choose(), "count", {"until": until}, **options)


async def test_a_stream_goes_on_when_a_silence_ends_as_often_as_there_is_one(pool, counting, way):
    async with aclosing(counted(pool)) as stream:
        for number in range(3):
            replica = pool.choose()
            told = asyncio.create_task(anext(stream))
            await counting.began.wait()
            way.vanish()
            await replica.silence
            counting.may_say.release()
            await asyncio.sleep(0.05)
            assert not told.done()
            way.come_back()
            assert await told == {"number": number}
        counting.may_say.release()
        assert await anext(stream) == {}


async def test_a_stream_fails_after_its_longest_allowed_silence(pool, way):
    async with aclosing(counted(pool, max_silence_s=0.3)) as stream:
        told = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        way.vanish()
        began = time.monotonic()
        with pytest.raises(ReplicaUnavailable):
            await told
        assert 0.4 < time.monotonic() - began < NOTICED_WITHIN_S


async def test_a_second_silence_is_noticed_like_the_first(pool, counting, way):
    leaves = []
    async with aclosing(counted(pool, may_switch=lambda: bool(leaves))) as stream:
        told = asyncio.create_task(anext(stream))
        await counting.began.wait()
        way.vanish()
        await pool.choose().silence
        way.come_back()
        async with asyncio.timeout(5):
            while pool.choose_ready() is None:
                await asyncio.sleep(0.01)
        leaves.append(True)
        way.vanish()
        async with asyncio.timeout(NOTICED_WITHIN_S):
            with pytest.raises(ReplicaUnavailable):
                await told
        way.come_back()


async def test_a_stream_that_is_closed_ends_at_its_source(pool, counting):
    async with aclosing(counted(pool)) as stream:
        counting.may_say.release()
        assert await anext(stream) == {"number": 0}
    async with asyncio.timeout(5):
        await counting.ended.wait()


async def test_a_pool_knows_whether_a_replica_answers(pool, way):
    assert await pool.is_answering()
    way.vanish()
    began = time.monotonic()
    assert not await pool.is_answering()
    assert time.monotonic() - began < NOTICED_WITHIN_S
    way.come_back()
    async with asyncio.timeout(5):
        while not await pool.is_answering():
            await asyncio.sleep(0.01)


async def test_in_a_deployment_with_one_replica_a_new_one_replaces_the_old_ones_connection(counting):
    other = Counting()
    addresses = [counting.address]

    async def find():
        return addresses

    pool = ReplicaPool(
        "Counting",
        find,
        is_single=True,
        delays=PoolDelays(refresh_s=0.05, retry_s=0.02, max_retry_s=0.05),
    )
    pool.start_discovery()
    async with asyncio.timeout(5):
        while (first := pool.choose_ready()) is None:
            await asyncio.sleep(0.01)
        asked = first.send_request("count", {"until": 1})
        addresses[:] = [await other.port.start("127.0.0.1")]
        with pytest.raises(ReplicaUnavailable):
            await asked.answer
        assert pool.choose() not in (None, first)
    await pool.close()
    await other.port.stop()


# -- a machine that vanishes


ASK = """
import asyncio, sys
from convonet.rpc.replica import ReplicaUnavailable, SilenceTimeouts, Replica
from convonet.rpc.wire import Address

async def ask():
    # pings would find it sooner
    address = Address("10.77.7.1", int(sys.argv[1]), sys.argv[2])
    replica = await Replica.connect(address, SilenceTimeouts(60, 60), lambda: None)
    try:
        await replica.send_request("count", {"until": 1}).answer
    except ReplicaUnavailable:
        print("lost", flush=True)

asyncio.run(ask())
"""


class OtherMachine:
    """A network of its own, whose cable can be pulled."""

    def __init__(self, name):
        self._ours, self._theirs, self._there = f"v{name}", "eth0", ["-n", name]
        self.name = name

    def __enter__(self):
        ip("netns", "add", self.name)
        ip("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs, "netns", self.name)
        ip("address", "add", "10.77.7.1/24", "dev", self._ours)
        ip(*self._there, "address", "add", "10.77.7.2/24", "dev", self._theirs)
        ip("link", "set", self._ours, "up")
        ip(*self._there, "link", "set", self._theirs, "up")
        # without them the kernel would say after a while that there is no way
        near, far = mac(ip("-o", "link", "show", self._ours)), mac(ip(*self._there, "-o", "link", "show", self._theirs))
        ip("neigh", "replace", "10.77.7.2", "lladdr", far, "dev", self._ours, "nud", "permanent")
        ip(*self._there, "neigh", "replace", "10.77.7.1", "lladdr", near, "dev", self._theirs, "nud", "permanent")
        return self

    def __exit__(self, *_):
        ip("netns", "delete", self.name)

    def run(self, program, *arguments):
        command = [require_tool("ip"), "netns", "exec", self.name, sys.executable, "-c", program, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def pull_cable(self):
        ip(*self._there, "link", "set", self._theirs, "down")


def ip(*command):
    return subprocess.run([require_tool("ip"), *command], check=True, capture_output=True, text=True).stdout


def mac(shown):
    return shown.split("link/ether ")[1].split()[0]


@pytest.mark.cluster
async def test_both_sides_notice_that_the_other_machine_has_vanished():
    counting = Counting()
    with OtherMachine("cvnlost") as machine:
        address = await counting.port.start("10.77.7.1")
        with machine.run(ASK, str(address.port), address.key) as client:
            await counting.began.wait()
            machine.pull_cable()
            began = time.monotonic()
            async with asyncio.timeout(15):
                await counting.ended.wait()
                assert await asyncio.to_thread(client.stdout.readline) == "lost\n"
            assert time.monotonic() - began < 2 * PEER_TIMEOUT_S
        await counting.port.stop()
