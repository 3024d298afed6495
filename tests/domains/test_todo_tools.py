"""Every todo tool through a real MCP client over HTTP, on SQLite and PostgreSQL."""

import asyncio
import itertools

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from convonet.auth.tokens import mint_caller_token, mint_resume_token
from convonet.core.ids import SessionId
from convonet.domains.todo.agent import DOMAIN
from convonet.domains.todo.todos.models import TodoRow
from tests.domains.conftest import ALICE, BOB, SECRET, http_box, serving
from tests.fixtures.ports import free_port

_numbers = itertools.count()


async def call(toolbox, tool, claims=ALICE, key=None, **arguments):
    return await toolbox.call("todo", tool, arguments, claims=claims, idempotency_key=key or f"k:{next(_numbers)}")


async def titles(toolbox, claims=ALICE, **filters):
    return [todo["title"] for todo in (await call(toolbox, "get_todos", claims, **filters)).data["todos"]]


async def test_a_created_todo_is_on_the_list_with_its_due_date_in_the_callers_zone(toolbox):
    made = await call(toolbox, "create_todo", title="  buy milk ", priority="high", due_date="2026-12-01T17:00")
    assert made.ok
    assert made.text == "I added buy milk to your list, due Tuesday, December 1 at 5 pm."
    assert made.data["todo"]["due_date"] == "2026-12-01T17:00:00-08:00"
    listed = await call(toolbox, "get_todos")
    assert listed.data["todos"] == [made.data["todo"]]
    assert listed.text == "You have one thing on your list: buy milk."


async def test_an_empty_list_is_said_to_be_empty(toolbox):
    assert (await call(toolbox, "get_todos")).text == "There is nothing on your list."


async def test_what_is_due_comes_first_and_can_be_asked_for_alone(toolbox):
    await call(toolbox, "create_todo", title="some day")
    await call(toolbox, "create_todo", title="later", due_date="2027-02-01")
    await call(toolbox, "create_todo", title="soon", due_date="2026-12-01")
    assert await titles(toolbox) == ["soon", "later", "some day"]
    assert await titles(toolbox, due_before="2026-12-31") == ["soon"]


async def test_a_todo_is_completed_changed_and_deleted(toolbox):
    todo = (await call(toolbox, "create_todo", title="buy milk")).data["todo"]
    assert (await call(toolbox, "complete_todo", id=todo["id"])).data["todo"]["completed"] is True
    assert await titles(toolbox, completed=False) == []
    changed = await call(toolbox, "update_todo", id=todo["id"], title="buy bread", completed=False, priority="urgent")
    assert (changed.data["todo"]["title"], changed.data["todo"]["priority"]) == ("buy bread", "urgent")
    assert await titles(toolbox, completed=False) == ["buy bread"]
    assert (await call(toolbox, "delete_todo", id=todo["id"])).text == "I deleted buy bread."
    assert await titles(toolbox) == []


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("create_todo", {}),
        ("create_todo", {"title": ""}),
        ("create_todo", {"title": "   "}),
        ("create_todo", {"title": "x" * 201}),
        ("create_todo", {"title": "x", "priority": "whenever"}),
        ("create_todo", {"title": "x", "due_date": "the day after never"}),
        ("create_todo", {"title": 7}),
        ("get_todos", {"limit": 0}),
        ("get_todos", {"due_before": "x"}),
        ("complete_todo", {"id": "not-an-id"}),
        ("update_todo", {"id": "00000000-0000-4000-8000-000000000009", "title": "x"}),
        ("delete_todo", {"id": "00000000-0000-4000-8000-000000000009"}),
        ("no_such_tool", {}),
    ],
)
async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(toolbox, tool, arguments):
    await call(toolbox, "create_todo", title="untouched")
    answer = await call(toolbox, tool, **arguments)
    assert not answer.ok
    assert answer.text.endswith(".")
    assert "Traceback" not in answer.text
    assert "validation error" not in answer.text
    assert await titles(toolbox) == ["untouched"]


async def test_nobody_reads_or_changes_another_callers_todos(toolbox):
    mine = (await call(toolbox, "create_todo", title="alice's secret")).data["todo"]
    assert await titles(toolbox, BOB) == []
    for tool, extra in (("complete_todo", {}), ("update_todo", {"title": "stolen"}), ("delete_todo", {})):
        answer = await call(toolbox, tool, BOB, id=mine["id"], **extra)
        assert not answer.ok
        assert answer.text == "I can't find that on your list."
    assert await titles(toolbox) == ["alice's secret"]


async def test_an_identity_among_the_arguments_is_not_believed(toolbox):
    await call(toolbox, "create_todo", BOB, title="mine", user_id=ALICE.user_id, creator_id=ALICE.user_id)
    assert await titles(toolbox, ALICE) == []


async def test_a_repeated_call_has_its_effect_once_and_the_same_answer(toolbox):
    first = await call(toolbox, "create_todo", title="buy milk", key="t-1:1")
    again = await call(toolbox, "create_todo", title="buy milk", key="t-1:1")
    assert again == first
    assert await titles(toolbox) == ["buy milk"]
    await call(toolbox, "delete_todo", id=first.data["todo"]["id"], key="t-2:1")
    assert (await call(toolbox, "delete_todo", id=first.data["todo"]["id"], key="t-2:1")).ok


async def test_another_callers_key_is_another_key(toolbox):
    await call(toolbox, "create_todo", title="alice's", key="t-1:1")
    assert (await call(toolbox, "create_todo", BOB, title="bob's", key="t-1:1")).data["todo"]["title"] == "bob's"


@pytest.mark.parametrize(
    "token",
    [
        None,
        "nonsense",
        mint_caller_token(ALICE, secret=b"another secret of 32 characters!"),
        mint_caller_token(ALICE, secret=SECRET, lifetime_s=-1),
        mint_resume_token(SessionId("s"), secret=SECRET, lifetime_s=60),
    ],
    ids=["none", "nonsense", "forged", "expired", "of another kind"],
)
async def test_without_a_valid_token_there_is_no_answer(tools_url, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{tools_url}/todo", json=body, headers=headers)
    assert answer.status_code == 401
    assert "todo" not in answer.text


async def test_any_mcp_client_with_a_token_can_use_the_tools(tools_url):
    headers = {"Authorization": f"Bearer {mint_caller_token(ALICE, secret=SECRET)}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{tools_url}/todo", http_client=http)) as client,
    ):
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == set(DOMAIN.labels)
        assert {"create_todo", "get_todos", "complete_todo", "update_todo", "delete_todo", "search_users"} <= names
        assert not (await client.call_tool("create_todo", {"title": "from elsewhere"})).is_error


async def test_a_server_that_was_away_is_found_again_without_being_asked_twice(database):
    port = free_port()
    box = http_box(f"http://127.0.0.1:{port}", timeout_s=2)
    away = await call(box, "get_todos")
    assert not away.ok
    assert away.text.endswith(".")
    for _ in range(2):
        async with serving(database, port):
            assert (await call(box, "get_todos")).ok
    await box.close()


async def test_stored_moments_are_utc(toolbox, database):
    await call(toolbox, "create_todo", title="x", due_date="2026-07-01T09:00")
    async with database.transaction() as session:
        row = (await session.scalars(TodoRow.__table__.select().with_only_columns(TodoRow.due_date))).one()
    assert (row.month, row.day, row.hour) == (7, 1, 16)


async def test_calls_at_once_survive_a_restart_of_the_server(database):
    port = free_port()
    box = http_box(f"http://127.0.0.1:{port}")
    for _ in range(3):
        async with serving(database, port):
            made = await asyncio.gather(*(call(box, "create_todo", title="buy milk") for _ in range(20)))
            assert all(answer.ok for answer in made)
    assert len({answer.data["todo"]["id"] for answer in made}) == 20
    await box.close()
