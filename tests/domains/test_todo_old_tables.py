"""Teams, reminders and events of the deployment that is replaced, and the demo caller's data."""

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import func, select

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.events.models import EventRow
from convonet.domains.todo.events.service import EventService
from convonet.domains.todo.reminders.models import ReminderRow
from convonet.domains.todo.reminders.service import ReminderService
from convonet.domains.todo.seed import seed
from convonet.domains.todo.teams.permissions import Role
from convonet.domains.todo.teams.service import TeamService
from convonet.domains.todo.todos.schemas import TodoChange
from convonet.domains.todo.todos.service import TodoService
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from convonet.storage.users import UserRow
from tests.domains.conftest import ALICE

OLD = Owner(uuid.UUID("6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a001"), ZoneInfo("UTC"))
OTHER = Owner(uuid.UUID("6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a002"), ZoneInfo("UTC"))
OLD_TEAM = "6f8f57b0-93c2-4b58-8a3c-7fb9c3a6c001"

OLD_TABLES = f"""
CREATE TABLE users_anthropic (id uuid PRIMARY KEY, email varchar(255) UNIQUE, username varchar(100) UNIQUE,
  password_hash varchar(255), first_name varchar(100), last_name varchar(100), voice_pin varchar(10) UNIQUE,
  is_active boolean, is_verified boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz);
INSERT INTO users_anthropic (id, email, first_name, is_active) VALUES
  ('{OLD.user_id}', 'old@example.com', NULL, true), ('{OTHER.user_id}', 'other@example.com', 'Otto', true);
CREATE TABLE todos_anthropic (id uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz, title varchar,
  description text, completed boolean, priority varchar, due_date timestamptz, google_calendar_event_id varchar,
  creator_id uuid, assignee_id uuid, team_id uuid, is_private boolean);
CREATE TABLE reminders_anthropic (id uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz,
  reminder_text varchar, importance varchar, reminder_date timestamptz, google_calendar_event_id varchar);
INSERT INTO reminders_anthropic (id, reminder_text, importance) VALUES (gen_random_uuid(), 'of nobody', 'high');
CREATE TABLE calendar_events_anthropic (id uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz,
  title varchar, description text, event_from timestamptz, event_to timestamptz, google_calendar_event_id varchar);
INSERT INTO calendar_events_anthropic (id, title, event_from, event_to)
  VALUES (gen_random_uuid(), 'of nobody', '2126-01-01', '2126-01-02');
CREATE TABLE teams_anthropic (id uuid PRIMARY KEY, name varchar(200), description text, is_active boolean,
  created_at timestamptz, updated_at timestamptz);
CREATE TABLE team_memberships_anthropic (id uuid PRIMARY KEY, team_id uuid, user_id uuid, role varchar(20),
  joined_at timestamptz, updated_at timestamptz);
INSERT INTO teams_anthropic (id, name, is_active) VALUES
  ('{OLD_TEAM}', 'Old Team', true), (gen_random_uuid(), 'Closed Team', false);
INSERT INTO team_memberships_anthropic (id, team_id, user_id, role, joined_at)
  SELECT gen_random_uuid(), id, '{OLD.user_id}', 'owner', now() FROM teams_anthropic;
INSERT INTO team_memberships_anthropic (id, team_id, user_id, role, joined_at)
  VALUES (gen_random_uuid(), '{OLD_TEAM}', '{OTHER.user_id}', 'boss', now());
INSERT INTO todos_anthropic (id, created_at, title, completed, team_id, is_private)
  VALUES (gen_random_uuid(), now(), 'of the old team', false, '{OLD_TEAM}', false);
INSERT INTO todos_anthropic (id, created_at, title, completed) VALUES (gen_random_uuid(), now(), 'of nobody', false);
"""


@pytest.fixture
async def old_database(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_TABLES)
    await connection.close()
    url = Settings(DB_URI=fresh_database).storage.database_url
    await migrate(url)
    await migrate(url)
    database = Database(url)
    yield database
    await database.close()


async def test_old_reminders_and_events_stay_without_an_owner_and_new_ones_have_one(old_database):
    reminders, events = ReminderService(old_database), EventService(old_database)
    everything = {"due": None, "due_from": None, "due_to": None, "limit": 100}
    assert await reminders.find(OLD, **everything) == []
    assert await events.find(OLD, when=None, date_from=None, date_to=None, limit=100) == []
    mine = await reminders.create(OLD, "mine", Priority.HIGH, None)
    assert await reminders.find(OLD, **everything) == [mine]
    assert await reminders.find(OTHER, **everything) == []
    meeting = await events.create(OLD, "mine", "2126-01-01", "2126-01-01", None)
    assert await events.find(OLD, when=None, date_from=None, date_to=None, limit=100) == [meeting]
    async with old_database.transaction() as session:
        assert await session.scalar(select(func.count()).where(ReminderRow.user_id.is_(None))) == 1
        assert await session.scalar(select(func.count()).where(EventRow.user_id.is_(None))) == 1


async def test_old_teams_are_used_and_an_unknown_role_only_looks_on(old_database):
    teams, todos = TeamService(old_database), TodoService(old_database)
    (team,) = await teams.teams(OLD)
    assert (team.name, team.role, team.members) == ("Old Team", Role.OWNER, 2)
    assert {(member.name, member.role) for member in await teams.members(OLD, OLD_TEAM)} == {
        ("old@example.com", Role.OWNER),
        ("Otto", Role.VIEWER),
    }
    (todo,) = await todos.find(OTHER, team_id=OLD_TEAM)
    with pytest.raises(DomainError, match="may not change"):
        await todos.change(OTHER, todo.id, TodoChange(completed=True))
    await teams.change_role(OLD, "Old Team", "other@example.com", Role.MEMBER)
    given = await todos.create(OLD, "new", None, Priority.LOW, None, team_id=OLD_TEAM, assignee_id=str(OTHER.user_id))
    assert given.assignee == "Otto"
    assert [todo.title for todo in await todos.find(OTHER)] == ["new"]
    assert [person.name for person in await teams.search("OTHER@")] == ["Otto"]
    assert [person.name for person in await teams.search("otto")] == ["Otto"]


async def test_the_demo_data_is_added_once_and_holds_no_todo(database):
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    alice = Owner(uuid.UUID(ALICE.user_id), ZoneInfo("UTC"))
    for _ in range(2):
        async with database.transaction() as session:
            await seed(session, alice.user_id, now)
    (team,) = await TeamService(database).teams(alice)
    assert (team.name, team.role, team.members) == ("Office Party", Role.OWNER, 3)
    reminders = await ReminderService(database, clock=lambda: now).find(
        alice, due=None, due_from=None, due_to=None, limit=10
    )
    assert [reminder.reminder_date for reminder in reminders] == ["2026-11-24T17:00:00+00:00"]
    events = await EventService(database, clock=lambda: now).find(
        alice, when=None, date_from=None, date_to=None, limit=10
    )
    assert [event.event_from for event in events] == ["2026-11-25T18:00:00+00:00"]
    assert await TodoService(database).find(alice) == []
    async with database.transaction() as session:
        made_up = (await session.scalars(select(UserRow).where(UserRow.password_hash == "!"))).all()
    assert all(person.email.endswith("@example.com") and person.voice_pin is None for person in made_up)
