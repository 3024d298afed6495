"""Toolsets of the domains: made once, and again when a server lists other tools."""

from dataclasses import replace

import orjson
import pytest

from convonet.agents.departments import Department, Departments
from convonet.agents.models.base import ToolCall
from convonet.agents.models.tools import PreparedTools
from convonet.agents.toolsets import Toolsets
from convonet.domains.discovery import all_domains
from convonet.mcp.client import ToolBox
from convonet.mcp.local import local_tools
from convonet.mcp.remote_tools import ToolReplicas
from convonet.rpc.pool import PoolDelays, ReplicaPool
from tests.domains.conftest import ALICE, SECRET
from tests.mcp.conftest import OddServer

ODD = replace(all_domains()[0], name="odd")


@pytest.fixture
def server():
    return OddServer()


@pytest.fixture
async def box(server):
    async with local_tools({"odd": server}, secret=SECRET) as servers:
        yield ToolBox(servers, timeout_s=20)


def toolsets_of(box, *, steers=False):
    return Toolsets(box, [ODD], Departments(Department("support", "2001")), steers=steers)


def names(toolset):
    return {tool.name for tool in toolset.tools}


async def test_a_model_gets_a_new_toolset_when_the_server_lists_other_tools(box, server):
    toolsets, prepared = toolsets_of(box), PreparedTools(lambda tool: {"name": tool.name})
    before = await toolsets.toolset(ODD)
    assert await toolsets.toolset(ODD) is before
    assert b"say" in orjson.dumps(prepared.json_of(before))
    server.remove_tool("say")
    await box.call("odd", "say", {"text": "hello"}, claims=ALICE, idempotency_key="k")
    after = await toolsets.toolset(ODD)
    assert names(before) - names(after) == {"say"}
    assert b"say" not in orjson.dumps(prepared.json_of(after))


async def test_a_tool_that_does_not_exist_is_refused_with_the_names_of_those_that_do(box):
    toolsets = toolsets_of(box)
    assert not toolsets.are_complete()
    await toolsets.toolset(ODD)
    assert toolsets.are_complete()
    unknown, known = ToolCall("1", "fly", {}), ToolCall("2", "say", {"text": "hello"})
    refused = await toolsets.call_tool(ODD, unknown, claims=ALICE, idempotency_key="a")
    assert "There is no tool named fly; there are say, " in refused.data["error"]
    assert (await toolsets.call_tool(ODD, known, claims=ALICE, idempotency_key="b")).ok
    assert (toolsets.calls, toolsets.failures) == (2, 1)


async def test_while_no_server_is_reached_a_model_can_only_steer():
    async def find():
        return []

    pool = ReplicaPool("Tools", find, delays=PoolDelays(replacement_timeout_s=0.05))
    box = ToolBox(ToolReplicas(pool, secret=SECRET), timeout_s=5)
    toolsets = toolsets_of(box, steers=True)
    assert names(await toolsets.toolset(ODD)) == {"transfer_to_agent", "ask_call_back"}
    assert not toolsets.are_complete()
    await box.close()
