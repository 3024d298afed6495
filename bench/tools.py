"""What a tool call costs: MCP, HTTP, the caller's token, and the query.

    .venv/bin/python -m bench.tools

The servers of all domains run in a process of their own, as in the product, on the embedded database with its demo
data; the calls go over one open connection, one at a time and twenty at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable

import uvicorn

from convonet.auth.tokens import CallerClaims
from convonet.demo import seed_demo
from convonet.domains.discovery import all_servers
from convonet.ids import DEMO_USER_ID, TurnId
from convonet.mcp.client import ToolBox
from convonet.mcp.server import http_app
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.fixtures.ports import free_port

CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("todo", "get_todos", {"due": "this_week"}),
    ("mortgage", "get_mortgage_application_status", {}),
    ("healthcare", "get_deductible_status", {}),
    ("hanok", "list_menu_items", {}),
)
SECRET = b"a secret of the bench that is long enough"
CALLER = CallerClaims(DEMO_USER_ID, "Demo", "America/Los_Angeles", TurnId("bench"))


def serve(port: int) -> None:
    """The tool servers, until the process is ended."""
    settings = Settings()
    servers = all_servers(Database(settings.database_url), settings)
    uvicorn.run(http_app(servers, secret=SECRET), port=port, log_level="warning")


async def milliseconds(work: Callable[[], Awaitable[object]], calls: int, at_once: int) -> list[float]:
    """Durations of `calls` calls by `at_once` workers."""
    taken: list[float] = []

    async def worker() -> None:
        for _ in range(calls // at_once):
            begun = time.perf_counter()
            await work()
            taken.append(1000 * (time.perf_counter() - begun))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return sorted(taken)


async def measure(port: int, calls: int) -> None:
    """Print the table."""
    box = ToolBox(f"http://127.0.0.1:{port}", secret=SECRET, timeout_s=10)
    print("| tool | at once | over MCP ms p50 | p95 | calls/s |")
    print("| --- | --- | --- | --- | --- |")
    for server, tool, arguments in CALLS:

        async def call() -> None:
            result = await box.call(server, tool, arguments, claims=CALLER, idempotency_key="bench")  # noqa: B023
            if not result.ok:
                raise RuntimeError(result.text)

        await milliseconds(call, 50, 1)
        for at_once in (1, 20):
            begun = time.perf_counter()
            taken = await milliseconds(call, calls, at_once)
            rate = len(taken) / (time.perf_counter() - begun)
            p50, p95 = statistics.median(taken), taken[int(0.95 * len(taken))]
            print(f"| {server} {tool} | {at_once} | {p50:.1f} | {p95:.1f} | {rate:.0f} |", flush=True)
    await box.close()


async def wait_for(port: int) -> None:
    """Until the server accepts connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


async def run(calls: int) -> None:
    """Prepare the data, start the servers, measure, stop."""
    settings = Settings()
    await migrate(settings.database_url)
    await seed_demo(settings.database_url)
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.tools", "--serve", str(port))
    try:
        await wait_for(port)
        await measure(port, calls)
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    """Measure; or, as the child process, serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--serve", type=int)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ["CONVONET_DATA_DIR"] = folder
        asyncio.run(run(arguments.calls))


if __name__ == "__main__":
    main()
