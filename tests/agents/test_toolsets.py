"""The tools of a domain as a model gets them: made once, and anew when their server has others."""

from dataclasses import replace

import orjson
import pytest

from convonet.agents.departments import Departments
from convonet.agents.models.tools import PreparedTools
from convonet.agents.toolsets import Toolsets
from convonet.domains.discovery import all_domains
from convonet.mcp.client import ToolBox
from convonet.mcp.local import local_tools
from convonet.mcp.replicas import ToolReplicas
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
    return Toolsets(box, [ODD], Departments([]), steers=steers)


def names(toolset):
    return {tool.name for tool in toolset.tools}


async def test_a_model_is_told_its_tools_anew_when_their_server_has_others(box, server):
    toolsets, prepared = toolsets_of(box), PreparedTools(lambda tool: {"name": tool.name})
    before = await toolsets.of(ODD)
    assert await toolsets.of(ODD) is before
    assert b"say" in orjson.dumps(prepared.of(before))
    server.remove_tool("say")
    await box.call("odd", "say", {"text": "hello"}, claims=ALICE, idempotency_key="k")
    after = await toolsets.of(ODD)
    assert names(before) - names(after) == {"say"}
    assert b"say" not in orjson.dumps(prepared.of(after))


async def test_what_is_made_up_is_known_as_soon_as_the_tools_are(box):
    toolsets = toolsets_of(box)
    assert toolsets.made_up(ODD, "fly") is None
    assert not toolsets.know_all()
    await toolsets.of(ODD)
    assert toolsets.know_all()
    assert toolsets.made_up(ODD, "say") is None
    assert "There is no tool named fly; there are say, " in toolsets.made_up(ODD, "fly").data["error"]


async def test_while_no_server_is_reached_a_model_can_only_steer():
    async def find():
        return []

    pool = ReplicaPool("Tools", find, delays=PoolDelays(replacement_timeout_s=0.05))
    box = ToolBox(ToolReplicas(pool, secret=SECRET), timeout_s=5)
    toolsets = toolsets_of(box, steers=True)
    assert names(await toolsets.of(ODD)) == {"ask_call_back"}
    assert not toolsets.know_all()
    await box.close()
