"""Calls that no tool server can do as they are: told as that, not as a server that is away, and in nobody's way."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from structlog.testing import capture_logs

from convonet.mcp.client import AWAY, WRONG, ToolBox, no_such_tool
from convonet.mcp.server import MAX_BODY_BYTES, DomainServer, http_app
from tests.domains.conftest import ALICE, SECRET
from tests.fixtures.ports import free_port


def odd_server():
    """Its tools answer with what they are given, or with an error of the protocol."""
    server = DomainServer("odd", "Say something.")

    @server.tool()
    async def say(text: str) -> str:
        return text

    @server.tool()
    async def fail(code: int) -> str:
        raise MCPError(code=code, message="no such thing")

    @server.tool()
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "waited"

    return server


@asynccontextmanager
async def serving(server):
    port = free_port()
    app = http_app({"odd": server}, secret=SECRET)
    running = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    await task


@pytest.fixture
async def call():
    """`call(tool, …)` on that server."""
    async with serving(odd_server()) as url:
        box = ToolBox(url, secret=SECRET, timeout_s=5)

        async def made(tool, **arguments):
            return await box.call("odd", tool, arguments, claims=ALICE, idempotency_key="k")

        yield made
        await box.close()


@pytest.mark.parametrize("code", [INVALID_PARAMS, METHOD_NOT_FOUND])
async def test_what_the_protocol_calls_a_wrong_call_is_told_to_the_model(call, code):
    with capture_logs() as logs:
        result = await call("fail", code=code)
    assert (result.ok, result.text, result.data) == (False, WRONG, {"error": "no such thing"})
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["tool_call_wrong"]


async def test_any_other_error_of_the_protocol_is_that_of_a_server_that_is_away(call):
    assert (await call("fail", code=INTERNAL_ERROR)).text == AWAY


@pytest.mark.parametrize("text", ["half a pair: \ud83d", "x" * MAX_BODY_BYTES, "é" * (MAX_BODY_BYTES // 2)])
async def test_what_cannot_be_sent_leaves_the_calls_of_others_alone(call, text):
    waiting = asyncio.create_task(call("wait", seconds=0.3))
    await asyncio.sleep(0.1)
    with capture_logs() as logs:
        result = await call("say", text=text)
        assert (result.ok, result.text) == (False, WRONG)
        assert (await waiting).text == "waited"
    assert not [line for line in logs if line["event"] == "tool_server_away"]


async def test_what_can_just_be_sent_is_sent(call):
    text = "é" * (MAX_BODY_BYTES // 2 - 1500)
    assert (await call("say", text=text)).text == text


def test_a_tool_that_is_made_up_is_told_with_those_that_there_are():
    told = no_such_tool("fly", ["walk", "run"])
    assert (told.ok, told.text, told.data) == (
        False,
        WRONG,
        {"error": "There is no tool named fly; there are walk, run."},
    )
    assert no_such_tool("fly", []).data == {"error": "There is no tool named fly; there are none."}
