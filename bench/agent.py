"""Time of the graph itself in a turn: routing, offline model, LangGraph and the tools' client, without the tools.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python -m bench.agent

That variable is as ray.env has it.
The real agent with the offline model, the tools in the same process, a fresh caller for each turn.
From each turn the time that its tools took is taken off, as `ToolFinished` tells it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
import uuid

import structlog

from convonet.agents.base import ToolFinished, TurnRequest
from convonet.agents.service import AgentService
from convonet.core.caller import Caller
from convonet.core.ids import DEMO_USER_ID, TurnId, new_session_id
from convonet.demo import seed_demo
from convonet.domains.discovery import all_domains, all_servers
from convonet.mcp.local import local_tools
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate

CALLER = Caller(DEMO_USER_ID, "Demo", "America/Los_Angeles")
TURNS = {
    "small talk": "hello",
    "hand-over": "let me talk to a person",
    "sure by rule, no tool": "book a table for four on friday at seven",
    "sure by rule, one tool": "what's on my list",
    "guessed, one tool": "could you read out everything that i noted down",
    "two wishes, two tools": "what's on my list and what's on the menu",
    "out of scope": "how tall is the tower in paris",
}


async def own_and_tools(agent: AgentService, said: str) -> tuple[float, float]:
    """Milliseconds of one turn: the graph's own, and those of its tools."""
    request = TurnRequest(new_session_id(), TurnId(f"t-{uuid.uuid4().hex}"), CALLER, said)
    tools = 0.0
    begun = time.perf_counter()
    async for event in agent.turn(request):
        if isinstance(event, ToolFinished):
            tools += event.duration_ms
    return 1000 * (time.perf_counter() - begun) - tools, tools


async def measure(turns: int) -> None:
    """Run each kind of turn and print its row."""
    with tempfile.TemporaryDirectory(prefix="convonet-bench-") as folder:
        url = f"sqlite+aiosqlite:///{folder}/bench.db"
        await migrate(url)
        await seed_demo(url)
        database, settings = Database(url), Settings(CONVONET_DATA_DIR=folder)
        async with local_tools(all_servers(database, settings), secret=settings.signing_secret) as tools:
            agent = AgentService(settings, all_domains(), tools=tools)
            await agent.warm_up()
            print("| turn | graph's own ms p50 / p99 | tools ms p50 / p99 |\n| --- | --- | --- |")
            all_kinds: list[tuple[float, float]] = []
            for kind, said in TURNS.items():
                await own_and_tools(agent, said)
                taken = [await own_and_tools(agent, said) for _ in range(turns)]
                all_kinds += taken
                print(f"| {kind} | {_row([own for own, _ in taken])} | {_row([tools for _, tools in taken])} |")
            print(
                f"| all of them | {_row([own for own, _ in all_kinds])} | {_row([tools for _, tools in all_kinds])} |"
            )
            await agent.close()
        await database.close()


def _row(values: list[float]) -> str:
    if max(values) == 0:
        return "-"
    cuts = statistics.quantiles(values, n=100)
    return f"{cuts[49]:.1f} / {cuts[98]:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=300)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(measure(parser.parse_args().turns))
