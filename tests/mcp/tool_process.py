"""A tool replica without Ray, as a process that a test can stop and kill; it writes its port and key, and serves."""

import asyncio
import sys

from convonet.core.logs import configure
from convonet.domains.todo.tools import server
from convonet.mcp.requests import ToolRequests
from convonet.rpc.server import RpcServer
from convonet.settings import Settings
from convonet.storage.database import Database
from tests.domains.conftest import SECRET


async def serve(database_url):
    configure("warning")
    requests = ToolRequests({"todo": server(Database(database_url), Settings())}, secret=SECRET)
    address = await RpcServer(requests.answer, stop_timeout_s=1).start("127.0.0.1")
    sys.stdout.write(f"{address.port} {address.key}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
