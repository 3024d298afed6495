"""Cost of a tool call on both sides: over a replica's own port, and over streamable HTTP as for other clients.

    .venv/bin/python -m bench.tools

The servers of all domains run in a process of their own, as in the product, on the embedded database with its demo
data; the calls go over open connections, one at a time and twenty at once. The two ways take turns, call blocks of one
after those of the other, since the machine's speed changes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import uvicorn
import uvloop

from bench.harness.meter import process_cpu_seconds
from convonet.auth.tokens import CallerClaims
from convonet.core.ids import DEMO_USER_ID, TurnId
from convonet.core.logs import configure
from convonet.demo import seed_demo
from convonet.domains.discovery import all_servers
from convonet.mcp.client import ToolBox
from convonet.mcp.http import http_app
from convonet.mcp.remote_tools import STOP_TIMEOUT_S, ToolReplicas
from convonet.mcp.requests import ToolRequests
from convonet.mcp.streamable_http import HttpToolServers
from convonet.rpc.pool import ReplicaPool
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate

CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("todo", "get_todos", {"due": "this_week"}),
    ("mortgage", "get_mortgage_application_status", {}),
    ("healthcare", "get_deductible_status", {}),
    ("hanok", "list_menu_items", {}),
)
SECRET = b"a secret of the bench that is long enough"
CALLER = CallerClaims(DEMO_USER_ID, "Demo", "America/Los_Angeles", TurnId("bench"))
AT_ONCE = (1, 20)
ROUNDS = 5


@dataclass
class Cost:
    """Of the calls of one kind."""

    milliseconds: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    agent_cpu_s: float = 0.0
    server_cpu_s: float = 0.0

    def row(self, *names: object) -> str:
        """A line of the table."""
        taken = sorted(self.milliseconds)
        p50, p95 = statistics.median(taken), taken[int(0.95 * len(taken))]
        agent, server = (1000 * spent / len(taken) for spent in (self.agent_cpu_s, self.server_cpu_s))
        rate = len(taken) / self.wall_s
        values = (f"{p50:.1f}", f"{p95:.1f}", f"{agent:.2f}", f"{server:.2f}", f"{rate:.0f}")
        return f"| {' | '.join(map(str, (*names, *values)))} |"


async def serve() -> None:
    """The tool servers, until the process is ended; tells both ports."""
    settings = Settings.load()
    servers = all_servers(Database(settings.storage.database_url), settings)
    requests = ToolRequests(servers, secret=SECRET)
    own = await RpcServer(requests.answer, stop_timeout_s=STOP_TIMEOUT_S).start("127.0.0.1")
    http = uvicorn.Server(uvicorn.Config(http_app(servers, secret=SECRET), log_level="warning"))
    listening = socket.create_server(("127.0.0.1", 0))
    # what listens already is answered as soon as it is served
    print(own.port, own.key, listening.getsockname()[1], flush=True)
    await http.serve([listening])


async def spend(cost: Cost, server_pid: int, work: Callable[[], Awaitable[object]], calls: int, at_once: int) -> None:
    """Make `calls` calls by `at_once` workers and add what they cost."""

    async def worker() -> None:
        for _ in range(calls // at_once):
            begun = time.perf_counter()
            await work()
            cost.milliseconds.append(1000 * (time.perf_counter() - begun))

    wall, agent, server = time.perf_counter(), time.process_time(), process_cpu_seconds(server_pid)
    await asyncio.gather(*(worker() for _ in range(at_once)))
    cost.wall_s += time.perf_counter() - wall
    cost.agent_cpu_s += time.process_time() - agent
    cost.server_cpu_s += process_cpu_seconds(server_pid) - server


async def measure(boxes: dict[str, ToolBox], server_pid: int, calls: int) -> None:
    """Print the table."""
    print("| tool | at once | way | p50 ms | p95 ms | CPU ms, agent | CPU ms, server | calls/s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for server, tool, arguments in CALLS:

        async def call(box: ToolBox) -> None:
            result = await box.call(server, tool, arguments, claims=CALLER, idempotency_key="bench")  # noqa: B023
            if not result.ok:
                raise RuntimeError(result.text)

        for at_once in AT_ONCE:
            costs: dict[str, Cost] = defaultdict(Cost)
            for number in range(1 + ROUNDS):
                for way, box in boxes.items():
                    cost = costs[way] if number else Cost()  # the first round warms up
                    await spend(cost, server_pid, lambda box=box: call(box), calls // ROUNDS, at_once)
            for way, cost in costs.items():
                print(cost.row(f"{server} {tool}", at_once, way), flush=True)


async def run(calls: int) -> None:
    """Prepare the data, start the servers, measure, stop."""
    configure("warning")
    settings = Settings.load()
    await migrate(settings.storage.database_url)
    await seed_demo(settings.storage.database_url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.tools", "--serve", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        own, key, http = (await process.stdout.readline()).decode().split()

        async def find() -> list[Address]:
            return [Address("127.0.0.1", int(own), key)]

        async with AsyncExitStack() as stack:
            boxes = {
                "own": ToolBox(ToolReplicas(ReplicaPool("Tools", find), secret=SECRET), timeout_s=10),
                "HTTP": ToolBox(HttpToolServers(f"http://127.0.0.1:{http}", secret=SECRET, timeout_s=10), timeout_s=10),
            }
            for box in boxes.values():
                stack.push_async_callback(box.close)
            await measure(boxes, process.pid, calls)
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    """Measure; or, as the child process, serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    # the loop that Serve's replicas run on
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if arguments.serve:
            configure("warning")
            runner.run(serve())
            return
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            os.environ["CONVONET_DATA_DIR"] = folder
            runner.run(run(arguments.calls))


if __name__ == "__main__":
    main()
