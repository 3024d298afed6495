"""Cost of a turn with a hosted model in the agent's process, with all of our code.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python -m bench.models --turns 30

That variable is as ray.env has it. The vendors stream 40 tokens over the loopback at the pace of a fast model. They and
the tool servers run in a process of their own, so that the CPU time is the agent's alone: route, graph, request, stream
and events.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace

import structlog
import uvloop

from convonet.agents.base import ChatMessage, TurnRequest
from convonet.agents.service import AgentService
from convonet.core.caller import Caller
from convonet.core.ids import DEMO_USER_ID, TurnId, new_session_id
from convonet.demo import seed_demo
from convonet.domains.discovery import all_domains, all_servers
from convonet.mcp.remote_tools import STOP_TIMEOUT_S, ToolReplicas
from convonet.mcp.requests import ToolRequests
from convonet.rpc.pool import ReplicaPool
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.vendors import anthropic, google, openai
from tests.vendors.chat import Asked, ChatServer, Reply, Wire

SAID = "what is on my list for today please"
ANSWER = (
    "You have three things on your list for today, and all of them are small. First buy milk and bread at the market "
    "on your way home. Then call the dentist before noon to move your appointment, and at last water the plants in "
    "the kitchen and on the balcony tonight, as every Wed."
)
"""40 pieces of 7 characters, as the vendors of the tests cut it."""

FIRST_TOKEN_S = 0.1
TOKEN_S = 0.01
PAUSE_S = 0.2
"""Between two turns: a process that answers a call now and then does not have the last one in its caches."""

AT_ONCE = 10
SIGNING_KEY = "k" * 32
CALLER = Caller(DEMO_USER_ID, "Demo", "America/Los_Angeles")
HISTORY = tuple(
    message
    for number in range(10)
    for message in (
        ChatMessage("user", f"please add thing number {number} to my list for tomorrow"),
        ChatMessage("assistant", f"I added thing number {number} to your list. What else can I do for you?"),
    )
)


@dataclass(frozen=True, slots=True)
class Vendor:
    """Connection of a vendor of the tests."""

    wire: Wire
    address: str
    """The setting."""
    path: str = ""
    settings: dict[str, str] = field(default_factory=dict)


VENDORS = {
    "compatible": Vendor(openai.WIRE, "LLM_BASE_URL", "/v1", {"LLM_MODEL": "qwen"}),
    "openai": Vendor(openai.WIRE, "OPENAI_BASE_URL", "/v1", {"OPENAI_API_KEY": "k"}),
    "anthropic": Vendor(anthropic.WIRE, "ANTHROPIC_BASE_URL", "", {"ANTHROPIC_API_KEY": "k"}),
    "google": Vendor(google.WIRE, "GOOGLE_BASE_URL", "", {"GOOGLE_API_KEY": "k"}),
}


@dataclass
class Times:
    """Times of one vendor's turns in milliseconds; CPU is that of the agent's process."""

    cpu: list[float] = field(default_factory=list)
    until_asked: list[float] = field(default_factory=list)
    """From the request to the agent until its own request was at the vendor."""
    cpu_until_asked: list[float] = field(default_factory=list)
    events: list[float] = field(default_factory=list)


async def play_vendors() -> None:
    """Serve the vendors and the tools until the parent closes the pipe; write a line for each request."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="convonet-bench-"))
        url = f"sqlite+aiosqlite:///{folder}/bench.db"
        await migrate(url)
        await seed_demo(url)
        settings = Settings(CONVONET_DATA_DIR=folder, CONVONET_SIGNING_KEY=SIGNING_KEY)
        requests = ToolRequests(all_servers(Database(url), settings), secret=settings.signing_secret)
        port = RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S)
        tools = await port.start("127.0.0.1")
        stack.push_async_callback(port.stop)
        urls = {}
        for name, vendor in VENDORS.items():
            server = ChatServer(replace(vendor.wire, check=_telling(vendor.wire.check)))
            server.replies = [Reply(ANSWER, delay_s=FIRST_TOKEN_S, pace_s=TOKEN_S)]
            urls[name] = (await stack.enter_async_context(server)).url + vendor.path
        print(json.dumps({"urls": urls, "tools": asdict(tools)}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _telling(check: Callable[[Asked], int]) -> Callable[[Asked], int]:
    def checked(asked: Asked) -> int:
        print(time.monotonic(), flush=True)
        return check(asked)

    return checked


@asynccontextmanager
async def vendors() -> AsyncGenerator[tuple[dict[str, str], Address, asyncio.StreamReader], None]:
    """The process of the vendors: their URLs, where the tools listen, and a line for each request as it arrives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.models", "--vendors", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        started = json.loads(await process.stdout.readline())
        yield started["urls"], Address(**started["tools"]), process.stdout
    finally:
        process.stdin.close()
        await process.wait()


async def measure(turns: int, chosen: list[str]) -> None:
    """Run the turns of each vendor and print its row."""
    async with vendors() as (urls, address, asked):

        async def find() -> list[Address]:
            return [address]

        print(
            f"| vendor | CPU ms of a turn p50 / p95 | with {AT_ONCE} at once | ms until the vendor is asked p50 / p95 "
            "| CPU ms of it p50 | events |\n| --- | --- | --- | --- | --- | --- |"
        )
        for vendor in chosen:
            settings = _settings(vendor, urls)
            tools = ToolReplicas(ReplicaPool("Tools", find), secret=settings.signing_secret)
            agent = AgentService(settings, all_domains(), tools=tools)
            await agent.warm_up()
            await asked.readline()
            for _ in range(3):
                await one_turn(agent, asked, Times())
            times = Times()
            for _ in range(turns):
                await one_turn(agent, asked, times)
            shared = await side_by_side(agent, asked)
            await agent.close()
            print(
                f"| {vendor} | {_p(times.cpu, 50)} / {_p(times.cpu, 95)} | {shared:.1f} "
                f"| {_p(times.until_asked, 50)} / {_p(times.until_asked, 95)} | {_p(times.cpu_until_asked, 50)} "
                f"| {_p(times.events, 50)} |",
                flush=True,
            )


def _settings(vendor: str, urls: dict[str, str]) -> Settings:
    known = VENDORS[vendor]
    return Settings(
        CONVONET_SIGNING_KEY=SIGNING_KEY,
        LLM_PROVIDER=vendor,
        **known.settings,
        **{known.address: urls[vendor]},
    )


async def one_turn(agent: AgentService, asked: asyncio.StreamReader, times: Times) -> None:
    """Run a turn and note what it took."""
    arrival = asyncio.create_task(_arrival(asked))
    await asyncio.sleep(PAUSE_S)
    began, cpu = time.monotonic(), time.process_time()
    times.events.append(await _talk(agent))
    times.cpu.append(1000 * (time.process_time() - cpu))
    arrived, cpu_then = await arrival
    times.until_asked.append(1000 * (arrived - began))
    times.cpu_until_asked.append(1000 * (cpu_then - cpu))


async def side_by_side(agent: AgentService, asked: asyncio.StreamReader) -> float:
    """CPU of a turn when there are more at the same time."""
    cpu = time.process_time()
    for _ in range(3):
        await asyncio.gather(*(_talk(agent) for _ in range(AT_ONCE)))
    spent = time.process_time() - cpu
    for _ in range(3 * AT_ONCE):
        await asked.readline()
    return 1000 * spent / (3 * AT_ONCE)


async def _talk(agent: AgentService) -> int:
    request = TurnRequest(new_session_id(), TurnId(f"t-{uuid.uuid4().hex}"), CALLER, SAID, HISTORY, "todo")
    return len([event async for event in agent.turn(request)])


async def _arrival(asked: asyncio.StreamReader) -> tuple[float, float]:
    at = float(await asked.readline())
    return at, time.process_time()


def _p(values: list[float], percent: int) -> str:
    return f"{statistics.quantiles(values, n=100)[percent - 1]:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--only", nargs="+", choices=list(VENDORS), default=list(VENDORS))
    parser.add_argument("--vendors", action="store_true", help="be the vendors: what this starts in another process")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # as Ray's workers have it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play_vendors() if arguments.vendors else measure(arguments.turns, arguments.only))
