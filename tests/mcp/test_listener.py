"""A replica's own port: whom it answers, what it refuses, and how it stops."""

import asyncio
import contextlib

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from structlog.testing import capture_logs

from convonet.auth.tokens import mint_caller_token
from convonet.mcp import wire
from convonet.mcp.client import SLOW, ToolBox
from convonet.mcp.listener import ToolListener
from convonet.mcp.port import NOBODY
from convonet.mcp.replica import Lost, Patience, Replica
from convonet.mcp.server import MAX_BODY_BYTES
from tests.domains.conftest import ALICE, SECRET
from tests.mcp.conftest import on_own_port

CALL = {"name": "say", "arguments": {"text": "hello"}}


@pytest.fixture
async def listener(server):
    listener = ToolListener({"odd": server}, secret=SECRET, first_message_timeout_s=0.3)
    yield listener
    await listener.stop()


@pytest.fixture
async def address(listener):
    return await listener.start("127.0.0.1")


@pytest.fixture
async def replica(address):
    replica = await Replica.connect(address, SECRET, Patience(), lambda: None)
    yield replica
    replica.close()
    await asyncio.gather(replica.closed, return_exceptions=True)


async def heard_after(address, *lines):
    """All that the port says to these lines until it closes the connection."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    heard = b""
    with contextlib.suppress(ConnectionError):
        writer.writelines(lines)
        async with asyncio.timeout(5):
            heard = await reader.read()
    writer.close()
    return heard


def request(token, method="tools/call", **params):
    meta = {wire.SERVER: "odd", wire.CALLER_TOKEN: token}
    return wire._line({"id": 1, "method": method, "params": {**(params or CALL), "_meta": meta}})


@pytest.mark.parametrize(
    "line",
    [
        request(None),
        request("nonsense"),
        request(mint_caller_token(ALICE, secret=b"another secret of 32 characters!")),
        request(mint_caller_token(ALICE, secret=SECRET, lifetime_s=-1)),
        request("nonsense", method="ping"),
        b"GET / HTTP/1.1\r\n",
        b"[]\n",
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}\n',
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n',
        b"x" * (3 * MAX_BODY_BYTES),
        b"",
    ],
    ids=["no token", "nonsense", "forged", "expired", "ping", "http", "list", "no params", "notice", "long", "silent"],
)
async def test_who_does_not_speak_as_an_agent_hears_nothing(address, server, line):
    assert await heard_after(address, line) == b""
    assert server.calls == 0


async def test_a_refusal_is_logged_without_a_word_of_what_was_said(address):
    with capture_logs() as logs:
        await heard_after(address, request("nonsense"))
    assert logs == [{"event": "tool_connection_refused", "error": "AuthRefused", "log_level": "warning"}]


@pytest.mark.parametrize(
    ("server_name", "method", "params", "code"),
    [
        ("even", "tools/call", CALL, INVALID_PARAMS),
        ("odd", "tools/dance", {}, METHOD_NOT_FOUND),
        ("odd", "tools/call", {"arguments": {}}, INVALID_PARAMS),
        ("odd", "tools/call", {"name": "fly", "arguments": {}}, INVALID_PARAMS),
        ("odd", "tools/call", {"name": "repeat", "arguments": {"text": "x" * 1000, "times": 4001}}, INTERNAL_ERROR),
    ],
)
async def test_what_can_not_be_answered_is_an_error_of_the_protocol_and_the_connection_stays(
    replica, server_name, method, params, code
):
    with pytest.raises(MCPError) as caught:
        await replica.ask(server_name, method, params, ALICE).answer
    assert caught.value.code == code
    answer = await replica.ask("odd", "tools/call", CALL, ALICE).answer
    assert answer["structuredContent"] == {"result": "hello"}


async def test_calls_of_one_connection_do_not_wait_for_each_other(replica, server):
    slow = replica.ask("odd", "tools/call", {"name": "wait", "arguments": {"seconds": 30}}, ALICE)
    await server.began.wait()
    await replica.ask("odd", "tools/call", CALL, ALICE).answer
    assert not slow.answer.done()
    replica.give_up(slow)
    async with asyncio.timeout(5):
        await server.given_up.wait()


async def test_a_stop_answers_what_is_being_done_and_closes(listener, replica, server):
    slow = replica.ask("odd", "tools/call", {"name": "wait", "arguments": {"seconds": 0.3}}, ALICE)
    await server.began.wait()
    await listener.stop()
    assert (await slow.answer)["structuredContent"] == {"result": "waited"}
    async with asyncio.timeout(5):
        await replica.closed
    with pytest.raises(Lost):
        await replica.ask("odd", "tools/list", {}, NOBODY).answer


async def test_what_would_be_done_too_late_is_not_done(server):
    async with on_own_port(server) as servers:
        box = ToolBox(servers, timeout_s=0.3)
        answer = await box.call("odd", "wait", {"seconds": 30}, claims=ALICE, idempotency_key="k")
        assert (answer.ok, answer.text) == (False, SLOW)
        async with asyncio.timeout(5):
            await server.given_up.wait()
        await box.close()


async def test_the_work_of_a_turn_that_is_cancelled_is_stopped(server):
    async with on_own_port(server) as servers:
        box = ToolBox(servers, timeout_s=30)
        calling = asyncio.create_task(box.call("odd", "wait", {"seconds": 30}, claims=ALICE, idempotency_key="k"))
        await server.began.wait()
        calling.cancel()
        async with asyncio.timeout(5):
            await server.given_up.wait()
        await box.close()
