"""What a turn with a hosted model costs the agent's process, everything of ours included.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python -m bench.models --turns 30

That variable is as ray.env has it. The vendors stream 40 tokens over the loopback at the pace of a fast model; they
and the tool servers run in a process of their own, so that the CPU time is the agent's alone: route, graph, request,
stream, events.
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
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
import uvloop

from convonet.agents.base import Caller, ChatMessage, TextDelta, TurnRequest
from convonet.agents.service import AgentService
from convonet.demo import seed_demo
from convonet.evals.runner import tool_servers
from convonet.ids import DEMO_USER_ID, TurnId, new_session_id
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.vendors import anthropic, google, openai
from tests.vendors.chat import Asked, ChatServer, Reply

SAID = "what is on my list for today please"
ANSWER = (
    "You have three things on your list for today, and all of them are small. First buy milk and bread at the market "
    "on your way home. Then call the dentist before noon to move your appointment, and at last water the plants in "
    "the kitchen and on the balcony tonight, as every Wed."
)
"""40 pieces of 7 characters, as the vendors of the tests cut it."""

FIRST_TOKEN_S = 0.1
TOKEN_S = 0.01
IDLE_S = 0.2
"""Between two turns: a model's connection stays open, but nothing of the turn before is still at work."""

CALLER = Caller(DEMO_USER_ID, "Demo", "America/Los_Angeles")
HISTORY = tuple(
    message
    for number in range(10)
    for message in (
        ChatMessage("user", f"please add thing number {number} to my list for tomorrow"),
        ChatMessage("assistant", f"I added thing number {number} to your list. What else can I do for you?"),
    )
)
WIRES = {"compatible": openai.WIRE, "openai": openai.WIRE, "anthropic": anthropic.WIRE, "google": google.WIRE}
SETTINGS = {
    "compatible": {"LLM_MODEL": "qwen"},
    "openai": {"OPENAI_API_KEY": "k"},
    "anthropic": {"ANTHROPIC_API_KEY": "k"},
    "google": {"GOOGLE_API_KEY": "k"},
}
ADDRESSES = {
    "compatible": "LLM_BASE_URL",
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "google": "GOOGLE_BASE_URL",
}


@dataclass
class Taken:
    """What the turns of one vendor took, in milliseconds; CPU is that of the agent's process."""

    cpu: list[float] = field(default_factory=list)
    until_asked: list[float] = field(default_factory=list)
    """From the request until its bytes were at the vendor."""
    cpu_until_asked: list[float] = field(default_factory=list)
    first_text: list[float] = field(default_factory=list)
    """From the vendor's first token until the first words left the agent."""
    messages: list[int] = field(default_factory=list)
    """Events of the turn."""


async def play_vendors() -> None:
    """Be the vendors and the tools until whoever started this closes the pipe."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="convonet-bench-"))
        url = f"sqlite+aiosqlite:///{folder}/bench.db"
        await migrate(url)
        await seed_demo(url)
        settings = Settings(CONVONET_DATA_DIR=folder, CONVONET_SIGNING_KEY=SIGNING_KEY)
        tools_url = await stack.enter_async_context(tool_servers(Database(url), settings))
        urls = {}
        for vendor, wire in WIRES.items():
            server = ChatServer(replace(wire, check=_telling(wire.check)))
            server.replies = [Reply(ANSWER, delay_s=FIRST_TOKEN_S, pace_s=TOKEN_S)]
            urls[vendor] = (await stack.enter_async_context(server)).url
        print(json.dumps({"tools": tools_url, **urls}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


SIGNING_KEY = "k" * 32


def _telling(check: Any) -> Any:
    def checked(asked: Asked) -> int:
        print(time.monotonic(), flush=True)
        return int(check(asked))

    return checked


@asynccontextmanager
async def vendors() -> AsyncGenerator[tuple[dict[str, str], asyncio.StreamReader], None]:
    """The process of the vendors: their addresses, and a line for each request when it has arrived."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.models", "--vendors", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline()), process.stdout
    finally:
        process.stdin.close()
        await process.wait()


async def one_turn(agent: AgentService, asked: asyncio.StreamReader, taken: Taken) -> None:
    """Run a turn and note what it took."""
    request = TurnRequest(new_session_id(), TurnId(f"t-{uuid.uuid4().hex}"), CALLER, SAID, HISTORY, "todo")
    arrived = asyncio.create_task(_arrival(asked))
    await asyncio.sleep(IDLE_S)
    began, cpu, first, count = time.monotonic(), time.process_time(), 0.0, 0
    async for event in agent.turn(request):
        count += 1
        if isinstance(event, TextDelta):
            first = first or time.monotonic()
    taken.cpu.append(1000 * (time.process_time() - cpu))
    at, cpu_then = await arrived
    taken.until_asked.append(1000 * (at - began))
    taken.cpu_until_asked.append(1000 * (cpu_then - cpu))
    taken.first_text.append(1000 * (first - at - FIRST_TOKEN_S))
    taken.messages.append(count)


async def _arrival(asked: asyncio.StreamReader) -> tuple[float, float]:
    at = float(await asked.readline())
    return at, time.process_time()


async def measure(turns: int, at_once: int, chosen: list[str]) -> None:
    """Run the turns of each vendor and print its row."""
    async with vendors() as (urls, asked):
        print(
            "| vendor | CPU ms a turn, p50 | p95 | ms until asked, p50 | CPU of it "
            "| ms from first token to first text | events |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for vendor in chosen:
            path = "/v1" if vendor in ("compatible", "openai") else ""
            settings = Settings(
                CONVONET_TOOLS_URL=urls["tools"],
                CONVONET_SIGNING_KEY=SIGNING_KEY,
                LLM_PROVIDER=vendor,
                **SETTINGS[vendor],
                **{ADDRESSES[vendor]: urls[vendor] + path},
            )
            agent = AgentService(settings)
            await agent.warm_up()
            await asked.readline()
            await asyncio.sleep(1)
            for _ in range(3):
                await one_turn(agent, asked, Taken())
            taken = Taken()
            for _ in range(turns):
                await one_turn(agent, asked, taken)
            shared = await _side_by_side(agent, at_once, asked)
            await agent.close()
            print(
                f"| {vendor} | {_p(taken.cpu, 50)} | {_p(taken.cpu, 95)} | {_p(taken.until_asked, 50)} "
                f"| {_p(taken.cpu_until_asked, 50)} | {_p(taken.first_text, 50)} | {max(taken.messages)} |"
                f" {at_once} at once: {shared:.1f}",
                flush=True,
            )


async def _side_by_side(agent: AgentService, at_once: int, asked: asyncio.StreamReader) -> float:
    """CPU of a turn when there are more at the same time."""

    async def talk() -> None:
        request = TurnRequest(new_session_id(), TurnId(f"t-{uuid.uuid4().hex}"), CALLER, SAID, HISTORY, "todo")
        async for _ in agent.turn(request):
            pass

    cpu = time.process_time()
    for _ in range(3):
        await asyncio.gather(*(talk() for _ in range(at_once)))
    spent = time.process_time() - cpu
    for _ in range(3 * at_once):
        await asked.readline()
    return 1000 * spent / (3 * at_once)


def _p(values: list[float], percent: int) -> str:
    return f"{statistics.quantiles(values, n=100)[percent - 1]:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=list(WIRES), default=list(WIRES))
    parser.add_argument("--vendors", action="store_true", help="be the vendors: what this starts in another process")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # as Ray's workers have it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play_vendors() if chosen.vendors else measure(chosen.turns, chosen.at_once, chosen.only))
