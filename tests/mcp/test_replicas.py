"""Tool replicas die, hang, are late and come back; calls are answered, and nothing is done twice."""

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import text

from convonet.core.errors import ToolsUnavailable
from convonet.mcp.client import TIMED_OUT, UNREACHABLE, ToolBox
from convonet.mcp.remote_tools import ToolReplicas
from convonet.mcp.requests import ToolRequests
from convonet.rpc.pool import PoolDelays, ReplicaPool
from convonet.rpc.replica import SilenceTimeouts
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from tests.domains.conftest import ALICE, SECRET
from tests.fixtures.ports import free_port
from tests.fixtures.servers import require_tool
from tests.mcp.conftest import OddServer

QUICK = PoolDelays(
    silence=SilenceTimeouts(0.1, 0.1),
    replacement_timeout_s=0.4,
    retry_s=0.02,
    max_retry_s=0.05,
    refresh_s=0.1,
)
CALLERS = 8


class Process:
    """A tool replica that can be killed or paused."""

    def __init__(self, process, address):
        self.address = address
        self._process = process

    @classmethod
    @asynccontextmanager
    async def on(cls, database_url):
        command = [require_tool("setpriv"), "--pdeathsig", "KILL", sys.executable, "-m", "tests.mcp.tool_process"]
        process = await asyncio.create_subprocess_exec(*command, database_url, stdout=asyncio.subprocess.PIPE)
        try:
            port, key = (await process.stdout.readline()).decode().split()
            yield cls(process, Address("127.0.0.1", int(port), key))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def signal(self, number):
        os.kill(self._process.pid, number)


@pytest.fixture
async def two(database, database_url):
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(Process.on(database_url)) for _ in range(2))
        yield await asyncio.gather(*starting)


class Writers:
    """Callers who make one todo after the other, each once."""

    def __init__(self, box):
        self._box = box
        self._ends = False
        self.answers = []
        self.longest_s = 0.0

    @asynccontextmanager
    async def writing(self):
        tasks = [asyncio.create_task(self._write(number)) for number in range(CALLERS)]
        yield self
        self._ends = True
        await asyncio.gather(*tasks)

    async def until(self, count):
        """Wait for so many more answers."""
        wanted = len(self.answers) + count
        async with asyncio.timeout(30):
            while len(self.answers) < wanted:
                await asyncio.sleep(0.01)

    async def _write(self, number):
        count = 0
        while not self._ends:
            count += 1
            title = f"todo {number}.{count}"
            began = time.monotonic()
            answer = await self._box.call(
                "todo", "create_todo", {"title": title}, claims=ALICE, idempotency_key=f"{number}.{count}"
            )
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.answers.append((title, answer))


async def titles(database):
    async with database.reading() as session:
        return sorted(row.title for row in await session.execute(text("SELECT title FROM todos_anthropic")))


@asynccontextmanager
async def box_for(replicas, timeout_s=20, **options):
    async def find():
        return [replica.address for replica in replicas]

    box = ToolBox(ToolReplicas(ReplicaPool("Tools", find, **options), secret=SECRET), timeout_s=timeout_s)
    yield box
    await box.close()


async def test_a_replica_that_is_killed_during_calls_fails_none(two, database):
    async with box_for(two) as box, Writers(box).writing() as writers:
        await writers.until(40)
        two[0].signal(signal.SIGKILL)
        await writers.until(40)
    assert {answer.ok for _, answer in writers.answers} == {True}
    assert await titles(database) == sorted(title for title, _ in writers.answers)
    assert writers.longest_s < 2


async def test_a_replica_that_is_paused_during_calls_does_nothing_twice(two, database):
    async with box_for(two) as box, Writers(box).writing() as writers:
        await writers.until(40)
        two[0].signal(signal.SIGSTOP)
        # whatever transaction it was stopped in is open for as long
        await asyncio.sleep(2.5)
        two[0].signal(signal.SIGCONT)
        await writers.until(40)
    assert {answer.ok for _, answer in writers.answers} == {True}
    assert await titles(database) == sorted(title for title, _ in writers.answers)


async def test_a_replica_that_hangs_costs_its_callers_a_second_and_gets_no_more_calls(two, database):
    async def ask(box):
        began = time.monotonic()
        answer = await box.call("todo", "get_todos", {}, claims=ALICE, idempotency_key="k")
        assert answer.ok
        return time.monotonic() - began

    async with box_for(two) as box:
        while len(box._servers.pool._replicas) < 2:
            await ask(box)
        two[0].signal(signal.SIGSTOP)
        first = await asyncio.gather(*(ask(box) for _ in range(20)))
        assert 0.8 < max(first) < 2
        assert max(await asyncio.gather(*(ask(box) for _ in range(20)))) < 0.8
        two[0].signal(signal.SIGCONT)
        hung = box._servers.pool._replicas[two[0].address]
        async with asyncio.timeout(10):
            while hung.is_silent:
                await asyncio.sleep(0.01)


async def test_when_all_replicas_hang_a_call_times_out_until_they_go_on(two, database):
    async with box_for(two, timeout_s=2.5) as box:
        assert await box.list_tools("todo")
        for process in two:
            process.signal(signal.SIGSTOP)
        lost = await box.call("todo", "create_todo", {"title": "tea"}, claims=ALICE, idempotency_key="1")
        assert (lost.ok, lost.text) == (False, TIMED_OUT)
        waiting = asyncio.create_task(
            box.call("todo", "create_todo", {"title": "milk"}, claims=ALICE, idempotency_key="2")
        )
        await asyncio.sleep(0.2)
        for process in two:
            process.signal(signal.SIGCONT)
        assert (await waiting).ok
    # the call that was given up was taken back before they could read it
    assert await titles(database) == ["milk"]


class Listening:
    """A replica in this process."""

    def __init__(self, server):
        self.server = server
        self.address = None
        self._port = None

    async def start(self):
        self._port = RpcServer(ToolRequests({"odd": self.server}, secret=SECRET).answer, stop_timeout_s=1)
        self.address = await self._port.start("127.0.0.1")

    async def stop(self):
        await self._port.stop()


@pytest.fixture
async def replicas():
    replicas = [Listening(OddServer()) for _ in range(2)]
    for replica in replicas:
        await replica.start()
    yield replicas
    for replica in replicas:
        await replica.stop()


def call(box, tool="say", **arguments):
    return box.call("odd", tool, arguments or {"text": "hello"}, claims=ALICE, idempotency_key="k")


async def test_a_slow_tool_is_called_once(replicas):
    async with box_for(replicas, delays=QUICK) as box:
        assert (await call(box, "wait", seconds=0.8)).text == "waited"
    assert sum(replica.server.calls for replica in replicas) == 1


async def test_calls_are_spread_over_the_replicas(replicas):
    async with box_for(replicas, delays=QUICK) as box:
        while len(box._servers.pool._replicas) < 2:
            await call(box)
        for _ in range(20):
            await call(box)
        await asyncio.gather(*(call(box) for _ in range(20)))
    assert min(replica.server.calls for replica in replicas) >= 20


async def test_a_replica_that_stops_gets_no_more_calls(replicas):
    async with box_for(replicas, delays=QUICK) as box:
        await call(box)
        await replicas[0].stop()
        assert {(await call(box)).ok for _ in range(10)} == {True}


async def test_a_new_replica_is_found(replicas):
    there = replicas[:1]
    async with box_for(there, delays=QUICK) as box:
        await call(box)
        there.append(replicas[1])
        async with asyncio.timeout(5):
            while not replicas[1].server.calls:
                await call(box)


async def test_a_call_waits_for_a_replica_that_is_starting(replicas):
    there = []
    async with box_for(there, delays=QUICK) as box:
        waiting = asyncio.create_task(call(box))
        await asyncio.sleep(0.2)
        there.append(replicas[0])
        assert (await waiting).ok


@pytest.mark.parametrize("there", ["nobody", "a port that nobody listens on", "somebody who says nothing", "no answer"])
async def test_without_any_replica_a_call_fails_soon_and_the_next_at_once(there):
    silent = socket.create_server(("127.0.0.1", 0))

    async def find():
        match there:
            case "nobody":
                return []
            case "no answer":
                raise ToolsUnavailable("Serve does not say")
            case "somebody who says nothing":
                return [Address(*silent.getsockname(), "key")]
        return [Address("127.0.0.1", free_port(), "key")]

    box = ToolBox(ToolReplicas(ReplicaPool("Tools", find, delays=QUICK), secret=SECRET), timeout_s=5)
    assert (await call(box)).text == UNREACHABLE
    began = time.monotonic()
    assert (await call(box)).text == UNREACHABLE
    with pytest.raises(ConnectionError):
        await box.list_tools("odd")
    assert time.monotonic() - began < 0.3
    await box.close()
    silent.close()


async def test_with_another_signing_key_nobody_answers(replicas):
    async def find():
        return [replica.address for replica in replicas]

    pool = ReplicaPool("Tools", find, delays=QUICK)
    box = ToolBox(ToolReplicas(pool, secret=b"another secret of 32 characters!"), timeout_s=5)
    assert (await call(box)).text == UNREACHABLE
    await box.close()
    assert sum(replica.server.calls for replica in replicas) == 0
