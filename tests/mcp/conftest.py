"""A tool server whose tools do odd things, on a replica's own port and over HTTP."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from mcp.shared.exceptions import MCPError

from convonet.mcp.client import ToolBox
from convonet.mcp.http import http_app
from convonet.mcp.local import local_tools
from convonet.mcp.server import DomainServer
from convonet.mcp.streamable_http import HttpToolServers
from tests.domains.conftest import ALICE, SECRET, database, database_url
from tests.fixtures.ports import free_port

__all__ = ["database", "database_url"]


class OddServer(DomainServer):
    """A server whose tools echo, raise a protocol error, are late, or answer at great length."""

    def __init__(self):
        super().__init__("odd", "Say something.")
        self.began = asyncio.Event()
        self.given_up = asyncio.Event()

        @self.tool()
        async def say(text: str) -> str:
            return text

        @self.tool()
        async def fail(code: int) -> str:
            raise MCPError(code=code, message="no such thing")

        @self.tool()
        async def crash() -> str:
            raise ValueError("secret")

        @self.tool()
        async def repeat(text: str, times: int) -> str:
            return text * times

        @self.tool()
        async def wait(seconds: float) -> str:
            self.began.set()
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.given_up.set()
                raise
            return "waited"


@asynccontextmanager
async def over_http(server):
    port = free_port()
    running = uvicorn.Server(
        uvicorn.Config(http_app({"odd": server}, secret=SECRET), port=port, log_config=None, lifespan="on")
    )
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    yield HttpToolServers(f"http://127.0.0.1:{port}", secret=SECRET, timeout_s=20)
    running.should_exit = True
    await task


def on_own_port(server):
    return local_tools({"odd": server}, secret=SECRET)


@pytest.fixture
def server():
    return OddServer()


@pytest.fixture(params=[on_own_port, over_http])
async def box(request, server):
    """A tool box for that server, over either transport."""
    async with request.param(server) as servers:
        box = ToolBox(servers, timeout_s=20)
        yield box
        await box.close()


@pytest.fixture
def call(box):
    """`call(tool, …)` on that server."""

    async def made(tool, **arguments):
        return await box.call("odd", tool, arguments, claims=ALICE, idempotency_key="k")

    return made
