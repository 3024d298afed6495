"""A tool replica without Ray, as a process that a test can stop and kill; it writes its port and serves until then."""

import asyncio
import sys

from convonet.domains.todo.tools import server
from convonet.logs import configure
from convonet.mcp.listener import ToolListener
from convonet.settings import Settings
from convonet.storage.database import Database
from tests.domains.conftest import SECRET


async def serve(database_url):
    configure("warning")
    listener = ToolListener({"todo": server(Database(database_url), Settings())}, secret=SECRET)
    address = await listener.start("127.0.0.1")
    sys.stdout.write(f"{address.port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
