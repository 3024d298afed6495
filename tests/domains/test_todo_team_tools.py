"""Teams, assignment and the search for users through a real MCP client over HTTP, on SQLite and PostgreSQL."""

import asyncio
import itertools
import uuid

import pytest
from sqlalchemy import update

from convonet.auth.tokens import CallerClaims
from convonet.core.ids import TurnId, UserId
from convonet.domains.todo.teams.repository import TeamRepository
from convonet.domains.todo.todos.models import TodoRow
from convonet.storage.users import UserRow
from tests.domains.conftest import ALICE, BOB, user

CAROL, DAVE, EVE = (
    CallerClaims(UserId(str(uuid.uuid4())), name, "UTC", TurnId(f"t-{name}")) for name in ("Carol", "Dave", "Eve")
)
"""In the team of these tests Alice is owner, Bob admin, Carol member, Dave viewer; Eve is not in it."""

_numbers = itertools.count()


async def call(toolbox, tool, claims=ALICE, key=None, **arguments):
    return await toolbox.call("todo", tool, arguments, claims=claims, idempotency_key=key or f"k:{next(_numbers)}")


async def done(toolbox, tool, claims=ALICE, **arguments):
    answer = await call(toolbox, tool, claims, **arguments)
    assert answer.ok, answer.text
    return answer


async def refused(toolbox, tool, claims=ALICE, **arguments):
    answer = await call(toolbox, tool, claims, **arguments)
    assert not answer.ok, answer.text
    assert "something went wrong" not in answer.text
    return answer.text


async def titles(toolbox, claims, **filters):
    return {todo["title"] for todo in (await done(toolbox, "get_todos", claims, **filters)).data["todos"]}


async def roles(toolbox, team_id, claims=ALICE):
    members = (await done(toolbox, "get_team_members", claims, team_id=team_id)).data["members"]
    return {member["name"].removesuffix(" Example"): member["role"] for member in members}


def email(claims):
    return f"{claims.user_name}@example.com"


@pytest.fixture
async def team(toolbox, database):
    """The id of Alice's team "Garden"."""
    async with database.transaction() as session:
        session.add_all([user(CAROL), user(DAVE), user(EVE)])
    team_id = (await done(toolbox, "create_team", name="Garden")).data["team"]["id"]
    for claims, role in ((BOB, "admin"), (CAROL, "member"), (DAVE, "viewer")):
        await done(toolbox, "add_team_member", team_name="garden", email=email(claims).upper(), role=role)
    return team_id


async def test_a_team_is_made_shown_and_left(toolbox, team):
    assert (await done(toolbox, "get_teams")).text == "You are in one team: Garden, as owner."
    assert (await done(toolbox, "get_teams", EVE)).text == "You are not in any team."
    (shown,) = (await done(toolbox, "get_teams", CAROL)).data["teams"]
    assert shown == {"id": team, "name": "Garden", "description": None, "role": "member", "members": 4}
    members = await done(toolbox, "get_team_members", DAVE, team_id=team)
    assert members.text.startswith("The team has 4 members: Alice Example, owner; Bob Example, admin; Carol Example")
    assert members.data["members"][0] == {
        "id": ALICE.user_id,
        "name": "Alice Example",
        "email": "Alice@example.com",
        "role": "owner",
    }
    left = await done(toolbox, "remove_team_member", DAVE, team_name="Garden", email=email(DAVE))
    assert left.text == "You are no longer in Garden."
    assert await roles(toolbox, team) == {"Alice": "owner", "Bob": "admin", "Carol": "member"}
    assert (await done(toolbox, "get_teams", DAVE)).data["teams"] == []


async def test_for_somebody_outside_a_team_does_not_exist(toolbox, team):
    unknown = await refused(toolbox, "get_team_members", EVE, team_id=str(uuid.uuid4()))
    assert await refused(toolbox, "get_team_members", EVE, team_id=team) == unknown
    assert await refused(toolbox, "get_todos", EVE, team_id=team) == unknown
    assert await refused(toolbox, "create_team_todo", EVE, title="x", team_id=team) == unknown
    no_such = "I can't find a team called Garden among yours."
    for tool, arguments in (
        ("add_team_member", {"email": email(EVE), "role": "owner"}),
        ("remove_team_member", {"email": email(BOB)}),
        ("change_member_role", {"email": email(BOB), "new_role": "viewer"}),
    ):
        assert await refused(toolbox, tool, EVE, team_name="Garden", **arguments) == no_such
    todo = (await done(toolbox, "create_team_todo", title="mow", team_id=team)).data["todo"]
    for tool, extra in (("complete_todo", {}), ("update_todo", {"title": "x"}), ("delete_todo", {})):
        assert await refused(toolbox, tool, EVE, id=todo["id"], **extra) == "I can't find that on your list."
    assert await titles(toolbox, EVE) == set()
    assert (await roles(toolbox, team))["Bob"] == "admin"


async def test_admins_look_after_those_below_them_only(toolbox, team):
    who = {"team_name": "Garden"}
    for claims in (CAROL, DAVE):
        said = await refused(toolbox, "add_team_member", claims, **who, email=email(EVE), role="viewer")
        assert said.startswith("As ")
        await refused(toolbox, "remove_team_member", claims, **who, email=email(BOB))
        await refused(toolbox, "change_member_role", claims, **who, email=email(claims), new_role="admin")
    assert await refused(toolbox, "add_team_member", BOB, **who, email=email(EVE), role="admin") == (
        "As admin of Garden you may not do that."
    )
    await refused(toolbox, "change_member_role", BOB, **who, email=email(CAROL), new_role="admin")
    await refused(toolbox, "change_member_role", BOB, **who, email=email(BOB), new_role="owner")
    await refused(toolbox, "change_member_role", BOB, **who, email=email(ALICE), new_role="viewer")
    await refused(toolbox, "remove_team_member", BOB, **who, email=email(ALICE))
    before = {"Alice": "owner", "Bob": "admin", "Carol": "member", "Dave": "viewer"}
    assert await roles(toolbox, team) == before
    added = await done(toolbox, "add_team_member", BOB, **who, email=email(EVE))
    assert added.text == "Eve Example is now a member of Garden."
    changed = await done(toolbox, "change_member_role", BOB, **who, email=email(DAVE), new_role="member")
    assert changed.data["membership"] == {
        "team": "Garden",
        "member": {"name": "Dave Example", "email": "Dave@example.com"},
        "role": "member",
    }
    await done(toolbox, "remove_team_member", BOB, **who, email=email(EVE))
    assert await roles(toolbox, team) == {**before, "Dave": "member"}


async def test_the_last_owner_can_neither_leave_nor_be_demoted(toolbox, team, database):
    who = {"team_name": "Garden", "email": email(ALICE)}
    needed = "Garden needs an owner. Make somebody else its owner first."
    assert await refused(toolbox, "remove_team_member", **who) == needed
    assert await refused(toolbox, "change_member_role", **who, new_role="admin") == needed
    await done(toolbox, "change_member_role", team_name="Garden", email=email(BOB), new_role="owner")
    async with database.transaction() as session:
        await session.execute(update(UserRow).where(UserRow.email == email(BOB)).values(is_active=False))
    assert await refused(toolbox, "remove_team_member", **who) == needed
    async with database.transaction() as session:
        await session.execute(update(UserRow).where(UserRow.email == email(BOB)).values(is_active=True))
    await done(toolbox, "change_member_role", **who, new_role="viewer")
    assert (await roles(toolbox, team))["Alice"] == "viewer"


async def test_two_owners_who_leave_at_once_do_not_leave_the_team_without_one(toolbox, team, database):
    await done(toolbox, "change_member_role", team_name="Garden", email=email(BOB), new_role="owner")
    async with database.transaction() as session:
        leaving = TeamRepository(session, uuid.UUID(ALICE.user_id))
        await leaving.hold(uuid.UUID(team))
        await leaving.remove(uuid.UUID(team), uuid.UUID(ALICE.user_id))
        bob = asyncio.create_task(
            call(toolbox, "remove_team_member", BOB, team_name="Garden", email=email(BOB)),
        )
        finished, _ = await asyncio.wait({bob}, timeout=0.3)
        assert not finished
    assert not (await bob).ok
    assert await roles(toolbox, team, CAROL) == {"Bob": "owner", "Carol": "member", "Dave": "viewer"}


async def test_team_todos_are_seen_by_all_and_changed_by_role(toolbox, team):
    made = await done(toolbox, "create_team_todo", CAROL, title="mow the lawn", team_id=team, due_date="2026-12-01")
    assert made.text == "I added mow the lawn to the list of Garden, due Tuesday, December 1."
    todo = made.data["todo"]
    for claims in (ALICE, BOB, CAROL, DAVE):
        assert await titles(toolbox, claims, team_id=team) == {"mow the lawn"}
    listed = await done(toolbox, "get_todos", DAVE, team_id=team)
    assert listed.text == "There is one thing on the team's list: mow the lawn."
    assert await titles(toolbox, CAROL) == {"mow the lawn"}
    assert await titles(toolbox, ALICE) == set()
    may_not = "You may see that, but not change it."
    assert await refused(toolbox, "complete_todo", DAVE, id=todo["id"]) == may_not
    assert await refused(toolbox, "create_team_todo", DAVE, title="x", team_id=team) == (
        "You may look at what Garden does, but not add to it."
    )
    await done(toolbox, "update_todo", BOB, id=todo["id"], priority="high")
    await done(toolbox, "change_member_role", team_name="Garden", email=email(DAVE), new_role="member")
    assert await refused(toolbox, "update_todo", DAVE, id=todo["id"], title="x") == may_not
    assert await refused(toolbox, "delete_todo", DAVE, id=todo["id"]) == "You may see that, but not delete it."
    await done(toolbox, "change_member_role", team_name="Garden", email=email(CAROL), new_role="viewer")
    assert await refused(toolbox, "update_todo", CAROL, id=todo["id"], title="x") == may_not
    assert await refused(toolbox, "delete_todo", CAROL, id=todo["id"]) == "You may see that, but not delete it."
    await done(toolbox, "delete_todo", ALICE, id=todo["id"])
    assert await titles(toolbox, ALICE, team_id=team) == set()


async def test_a_callers_own_todos_stay_their_own_whatever_team_they_are_in(toolbox, team):
    todo = (await done(toolbox, "create_todo", CAROL, title="secret")).data["todo"]
    assert await titles(toolbox, ALICE, team_id=team) == set()
    assert await refused(toolbox, "complete_todo", ALICE, id=todo["id"]) == "I can't find that on your list."


async def test_a_todo_is_given_to_a_member_who_then_has_it(toolbox, team):
    made = await done(toolbox, "create_todo", title="plant roses", team_id=team, assignee_id=CAROL.user_id)
    assert made.text == "I added plant roses to the list of Garden, for Carol Example."
    todo_id = made.data["todo"]["id"]
    assert await titles(toolbox, CAROL) == {"plant roses"}
    assert await titles(toolbox, ALICE) == set()
    (seen,) = (await done(toolbox, "get_todos", CAROL)).data["todos"]
    assert (seen["team"], seen["assignee"], seen["assignee_id"]) == ("Garden", "Carol Example", CAROL.user_id)
    await done(toolbox, "complete_todo", CAROL, id=todo_id)
    assert await refused(toolbox, "delete_todo", CAROL, id=todo_id) == "You may see that, but not delete it."
    given = await done(toolbox, "update_todo", CAROL, id=todo_id, assignee_id=BOB.user_id)
    assert given.text == "I changed it: plant roses, for Bob Example."
    assert await titles(toolbox, CAROL) == set()
    assert await refused(toolbox, "update_todo", CAROL, id=todo_id, title="x") == "You may see that, but not change it."
    taken = await done(toolbox, "update_todo", BOB, id=todo_id, assignee_id="nobody")
    assert taken.data["todo"]["assignee"] is None
    assert taken.text == "I changed it: plant roses, for nobody in particular."
    assert await titles(toolbox, ALICE) == {"plant roses"}


async def test_a_todo_is_given_to_nobody_outside_the_team_and_to_no_viewer(toolbox, team):
    todo = (await done(toolbox, "create_team_todo", title="mow", team_id=team)).data["todo"]
    for assignee in (EVE.user_id, str(uuid.uuid4()), "x"):
        said = "I can't find that person in Garden."
        assert await refused(toolbox, "update_todo", id=todo["id"], assignee_id=assignee, title="x") == said
        assert await refused(toolbox, "create_team_todo", title="x", team_id=team, assignee_id=assignee) == said
    said = "Dave Example only looks on in Garden, and can't be given a todo."
    assert await refused(toolbox, "update_todo", id=todo["id"], assignee_id=DAVE.user_id) == said
    (seen,) = (await done(toolbox, "get_todos", team_id=team)).data["todos"]
    assert seen == todo


async def test_who_leaves_or_becomes_a_viewer_keeps_no_todo_of_the_team(toolbox, team):
    for claims in (BOB, CAROL):
        await done(toolbox, "create_team_todo", title=claims.user_name, team_id=team, assignee_id=claims.user_id)
    await done(toolbox, "remove_team_member", team_name="Garden", email=email(BOB))
    await done(toolbox, "change_member_role", team_name="Garden", email=email(CAROL), new_role="viewer")
    todos = (await done(toolbox, "get_todos", team_id=team)).data["todos"]
    assert {(todo["title"], todo["assignee"]) for todo in todos} == {("Bob", None), ("Carol", None)}
    assert await titles(toolbox, BOB) == await titles(toolbox, CAROL) == set()


async def test_a_private_todo_of_a_team_is_seen_by_those_involved_only(toolbox, team, database):
    todo = (await done(toolbox, "create_team_todo", CAROL, title="gift", team_id=team)).data["todo"]
    async with database.transaction() as session:
        await session.execute(update(TodoRow).where(TodoRow.id == uuid.UUID(todo["id"])).values(is_private=True))
    assert await titles(toolbox, ALICE, team_id=team) == set()
    assert await refused(toolbox, "complete_todo", ALICE, id=todo["id"]) == "I can't find that on your list."
    assert await titles(toolbox, CAROL, team_id=team) == {"gift"}
    await done(toolbox, "remove_team_member", team_name="Garden", email=email(CAROL))
    assert await titles(toolbox, CAROL) == set()


async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(toolbox, team):
    garden = {"team_name": "Garden"}
    before = await roles(toolbox, team)
    for tool, arguments in (
        ("create_team", {"name": " "}),
        ("create_team", {"name": "x" * 201}),
        ("create_team", {"name": "GARDEN"}),
        ("get_team_members", {"team_id": "x"}),
        ("add_team_member", {**garden, "email": "nobody@example.com"}),
        ("add_team_member", {**garden, "email": email(BOB)}),
        ("add_team_member", {**garden, "email": email(EVE), "role": "emperor"}),
        ("add_team_member", {"team_name": "%", "email": email(EVE)}),
        ("remove_team_member", {**garden, "email": email(EVE)}),
        ("change_member_role", {**garden, "email": email(EVE), "new_role": "member"}),
        ("change_member_role", {**garden, "email": email(BOB), "new_role": "king"}),
        ("search_users", {"search_term": "a"}),
        ("search_users", {"search_term": " a "}),
        ("search_users", {"search_term": "x" * 101}),
    ):
        said = await refused(toolbox, tool, **arguments)
        assert said.endswith("."), said
    assert await roles(toolbox, team) == before
    assert len((await done(toolbox, "get_teams")).data["teams"]) == 1


async def test_a_team_is_meant_by_a_part_of_its_name_when_only_one_fits(toolbox, team):
    await done(toolbox, "create_team", name="Garden Party")
    await done(toolbox, "add_team_member", team_name="party", email=email(EVE))
    await done(toolbox, "create_team", name="Party Games")
    said = await refused(toolbox, "add_team_member", team_name="party", email=email(CAROL))
    assert said == "You have several teams that party could mean. Which one is it?"
    assert (await done(toolbox, "get_teams", EVE)).text == "You are in one team: Garden Party, as member."


async def test_a_repeated_call_acts_once(toolbox, team):
    for _ in range(2):
        assert (await call(toolbox, "create_team", name="Kitchen", key="t:1")).ok
        assert (await call(toolbox, "add_team_member", team_name="Kitchen", email=email(EVE), key="t:2")).ok
        assert (await call(toolbox, "create_team_todo", title="cook", team_id=team, key="t:3")).ok
        again = await call(
            toolbox, "change_member_role", team_name="Kitchen", email=email(EVE), new_role="admin", key="t:4"
        )
        assert again.ok
    assert len((await done(toolbox, "get_teams")).data["teams"]) == 2
    assert len((await done(toolbox, "get_todos", team_id=team)).data["todos"]) == 1
    for _ in range(2):
        assert (await call(toolbox, "remove_team_member", team_name="Kitchen", email=email(EVE), key="t:5")).ok


async def test_search_tells_name_and_email_of_active_users_and_nothing_else(toolbox, database):
    async with database.transaction() as session:
        session.add_all(
            _person(*person)
            for person in (
                ("Percy", "100% Real", True, "4711"),
                ("Una", "Under_Score", True, "4712"),
                ("Ulla", "UnderScore", True, "4713"),
                ("Ivo", "Inactive", False, "4714"),
            )
        )
    found = await done(toolbox, "search_users", search_term="percy 100")
    assert found.data == {"users": [{"name": "Percy 100% Real", "email": "percy@example.com"}]}
    assert found.text == "I found one person: Percy 100% Real."
    for term, names in (
        ("0%", ["Percy 100% Real"]),
        ("%%", []),
        ("__", []),
        ("r_s", ["Una Under_Score"]),
        ("//", []),
        ("\\\\", []),
        ("ULLA@EX", ["Ulla UnderScore"]),
        ("ivo", []),
        ("4711", []),
        ("user-percy", []),
        ("secret-hash", []),
        ("' OR '1'='1", []),
    ):
        users = (await done(toolbox, "search_users", search_term=term)).data["users"]
        assert [person["name"] for person in users] == names, term


async def test_search_shows_ten_users_at_most(toolbox, database):
    async with database.transaction() as session:
        session.add_all(_person(f"Clone{number}", "Many", True, None) for number in range(15))
    assert len((await done(toolbox, "search_users", search_term="many")).data["users"]) == 10


def _person(first, last, is_active, pin):
    row = user(CallerClaims(UserId(str(uuid.uuid4())), first, "UTC", TurnId("t")))
    row.email, row.username, row.last_name = f"{first.lower()}@example.com", f"user-{first.lower()}", last
    row.password_hash, row.voice_pin, row.is_active = "secret-hash", pin, is_active
    return row
