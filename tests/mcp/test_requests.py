"""A tool replica's own port: tokens, errors and cancellation."""

import asyncio

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND

from convonet.auth.tokens import mint_caller_token
from convonet.mcp.client import TIMED_OUT, ToolBox
from convonet.mcp.requests import CALLER_TOKEN, SERVER, ToolRequests
from convonet.rpc.replica import Replica, SilenceTimeouts
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import RpcError
from tests.domains.conftest import ALICE, SECRET
from tests.mcp.conftest import on_own_port

CALL = {"name": "say", "arguments": {"text": "hello"}}


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {CALLER_TOKEN: None},
        {CALLER_TOKEN: "nonsense"},
        {CALLER_TOKEN: mint_caller_token(ALICE, secret=b"another secret of 32 characters!")},
        {CALLER_TOKEN: mint_caller_token(ALICE, secret=SECRET, lifetime_s=-1)},
    ],
    ids=["no metadata", "empty", "no token", "nonsense", "forged", "expired"],
)
async def test_nothing_is_done_without_a_valid_token_of_a_caller(server, meta):
    port = RpcServer(ToolRequests({"odd": server}, secret=SECRET).answer, stop_timeout_s=1)
    replica = await Replica.connect(await port.start("127.0.0.1"), SilenceTimeouts(), lambda: None)
    params = CALL if meta is None else {**CALL, "_meta": {SERVER: "odd", **meta}}
    with pytest.raises(RpcError) as refused:
        await replica.send_request("tools/call", params).answer
    assert refused.value.code == INVALID_REQUEST
    assert server.calls == 0
    await port.stop()


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
async def test_a_request_that_can_not_be_answered_is_a_protocol_error_and_the_connection_stays(
    server, server_name, method, params, code
):
    async with on_own_port(server) as servers:
        with pytest.raises(MCPError) as caught:
            await servers._request(server_name, method, params, ALICE)
        assert caught.value.code == code
        answer = await servers._request("odd", "tools/call", CALL, ALICE)
        assert answer["structuredContent"] == {"result": "hello"}


async def test_a_call_that_is_cancelled_before_it_begins_is_not_done(server):
    async with on_own_port(server) as servers:
        box = ToolBox(servers, timeout_s=0.3)
        answer = await box.call("odd", "wait", {"seconds": 30}, claims=ALICE, idempotency_key="k")
        assert (answer.ok, answer.text) == (False, TIMED_OUT)
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
