"""The tool servers with another vendor's client: the TypeScript SDK of the Model Context Protocol."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import pytest

from convonet.auth.tokens import mint_caller_token
from convonet.domains.discovery import all_servers, seed_all
from convonet.settings import Settings
from tests.domains.conftest import ALICE, SECRET, serving
from tests.fixtures.ports import free_port
from tests.fixtures.servers import require_tool

CALLS = {
    "todo": ("create_todo", {"title": "buy ink"}, "buy ink"),
    "mortgage": ("get_missing_documents", {}, "Still missing"),
    "healthcare": ("get_deductible_status", {}, "count towards your deductible"),
    "hanok": ("list_menu_items", {}, "Bulgogi"),
    "crm": ("check_patient_exists", {"phone": "415 555 0100"}, "no patient of yours"),
}


@pytest.fixture(params=["sqlite"])
def database_url(migrated_sqlite, tmp_path):
    path = tmp_path / "test.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return f"sqlite+aiosqlite:///{path}"


async def run_client(url, *arguments, token=None):
    token = token or mint_caller_token(ALICE, secret=SECRET)
    process = await asyncio.create_subprocess_exec(
        require_tool("node", "/usr/bin/node"),
        "ui/scripts/mcp-client.mjs",
        url,
        token,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_it_lists_and_calls_the_tools_of_every_domain(database):
    async with database.transaction() as session:
        await seed_all(session, uuid.UUID(ALICE.user_id), datetime.now(UTC))
    servers = all_servers(database, Settings())
    assert set(servers) == set(CALLS)
    async with serving(database, free_port()) as base:
        for domain, (tool, arguments, said) in CALLS.items():
            code, output, errors = await run_client(f"{base}/{domain}", tool, json.dumps(arguments))
            assert code == 0, errors
            answer = json.loads(output)
            assert set(answer["tools"]) == {known.name for known in await servers[domain].list_tools()}
            assert said in answer["result"]["content"][0]["text"]


async def test_without_a_valid_token_it_gets_nothing(database):
    async with serving(database, free_port()) as base:
        code, output, errors = await run_client(f"{base}/todo", "get_todos", token="forged")
    assert (code, output) == (1, "")
    assert "401" in errors or "invalid_token" in errors


async def test_no_two_tools_share_a_name_and_each_says_what_it_is_for(database):
    tools = [tool for server in all_servers(database, Settings()).values() for tool in await server.list_tools()]
    assert len({tool.name for tool in tools}) == len(tools)
    assert not [tool.name for tool in tools if len(tool.description or "") < 40]
    forbidden = {"user_id", "member_id", "caller_id", "owner_id"}
    assert not [tool.name for tool in tools if forbidden & tool.input_schema.get("properties", {}).keys()]
