"""Calls that every tool server rejects: they differ from calls to an unreachable server, and disturb no others."""

import asyncio

import pytest
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND
from structlog.testing import capture_logs

from convonet.core.errors import ConvonetError
from convonet.mcp.client import BAD_CALL, UNREACHABLE, no_such_tool
from convonet.mcp.server import MAX_BODY_BYTES
from convonet.tracing.spans import span


@pytest.mark.parametrize("code", [INVALID_PARAMS, METHOD_NOT_FOUND])
async def test_the_model_gets_the_reason_of_a_call_that_the_server_rejects(call, code):
    with capture_logs() as logs:
        result = await call("fail", code=code)
    assert (result.ok, result.text, result.data) == (False, BAD_CALL, {"error": "no such thing"})
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["tool_call_wrong"]


async def test_any_other_protocol_error_counts_as_an_unreachable_server(call):
    assert (await call("fail", code=INTERNAL_ERROR)).text == UNREACHABLE


@pytest.mark.parametrize("text", ["half a pair: \ud83d", "x" * MAX_BODY_BYTES, "é" * (MAX_BODY_BYTES // 2)])
async def test_a_call_that_cannot_be_sent_does_not_disturb_other_calls(call, text):
    waiting = asyncio.create_task(call("wait", seconds=0.3))
    await asyncio.sleep(0.1)
    with capture_logs() as logs:
        result = await call("say", text=text)
        assert (result.ok, result.text) == (False, BAD_CALL)
        assert (await waiting).text == "waited"
    assert not [line for line in logs if line["event"] == "tool_server_away"]


async def test_the_largest_call_is_sent(call):
    text = "é" * (MAX_BODY_BYTES // 2 - 1500)
    assert (await call("say", text=text)).text == text


def test_a_made_up_tool_is_answered_with_the_list_of_tools():
    told = no_such_tool("fly", ["walk", "run"])
    assert (told.ok, told.text, told.data) == (
        False,
        BAD_CALL,
        {"error": "There is no tool named fly; there are walk, run."},
    )
    assert no_such_tool("fly", []).data == {"error": "There is no tool named fly; there are none."}


async def test_a_crash_is_excused_without_its_details(call):
    answer = await call("crash")
    assert (answer.ok, answer.text) == (False, ConvonetError.spoken)
    assert "secret" not in str(answer.data)


async def test_tools_are_listed_once_and_again_when_the_server_has_changed(box, server, call):
    listed = await box.list_tools("odd")
    assert {tool.name for tool in listed} == {"say", "fail", "crash", "repeat", "wait"}
    assert listed[0].parameters["properties"]["text"]["type"] == "string"
    server.remove_tool("say")
    assert await box.list_tools("odd") is listed
    answer = await call("say", text="hello")
    assert (answer.ok, answer.text, answer.data) == (False, BAD_CALL, {"error": "There is no tool named say."})
    assert {tool.name for tool in await box.list_tools("odd")} == {"fail", "crash", "repeat", "wait"}


async def test_a_call_is_one_trace_on_both_sides(traced, collector, call):
    tracing = traced()
    with span("turn", begins_trace=True):
        await call("say", text="hello")
    tracing.flush()
    (trace,) = collector.traces()
    assert trace.paths() == {"turn": 1, "turn > execute_tool": 1}
