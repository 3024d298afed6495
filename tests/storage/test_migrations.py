"""Migrations: repeatable, and safe on the tables of the replaced deployment."""

import asyncio
import uuid
from zoneinfo import ZoneInfo

import asyncpg

from convonet.core.owner import Owner
from convonet.demo import seed_demo
from convonet.domains.todo.todos.schemas import TodoChange
from convonet.domains.todo.todos.service import TodoService
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate

OLD_TABLES = """
CREATE TABLE users_anthropic (id uuid PRIMARY KEY, email varchar(255) UNIQUE, username varchar(100) UNIQUE,
  password_hash varchar(255), first_name varchar(100), last_name varchar(100), voice_pin varchar(10) UNIQUE,
  is_active boolean, is_verified boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz);
INSERT INTO users_anthropic (id, email, voice_pin, is_active)
  VALUES ('6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a001', 'old@example.com', '778899', true);
CREATE TABLE todos_anthropic (id uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz, title varchar,
  description text, completed boolean, priority varchar, due_date timestamptz, google_calendar_event_id varchar,
  creator_id uuid, assignee_id uuid, team_id uuid, is_private boolean);
INSERT INTO todos_anthropic (id, created_at, title, completed, creator_id) VALUES
  ('6f8f57b0-93c2-4b58-8a3c-7fb9c3a6b001', now(), 'an old todo', false, '6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a001');
"""
OLD_USER = Owner(uuid.UUID("6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a001"), ZoneInfo("UTC"))


async def test_migrating_twice_and_at_once_changes_nothing(fresh_database):
    url = Settings(DB_URI=fresh_database).storage.database_url
    await asyncio.gather(migrate(url), migrate(url))
    await migrate(url)


async def test_tables_and_rows_of_the_old_deployment_stay(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_TABLES)
    url = Settings(DB_URI=fresh_database).storage.database_url
    await migrate(url)
    await migrate(url)
    assert await connection.fetchval("SELECT voice_pin FROM users_anthropic") == "778899"
    assert await connection.fetchval("SELECT title FROM todos_anthropic") == "an old todo"
    await connection.close()


async def test_todos_of_the_old_deployment_are_listed_and_changed(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_TABLES)
    await connection.close()
    url = Settings(DB_URI=fresh_database).storage.database_url
    await migrate(url)
    database = Database(url)
    todos = TodoService(database)
    (old,) = await todos.find(OLD_USER, completed=False, due_before=None, limit=10)
    assert (old.title, old.priority) == ("an old todo", "medium")
    assert (await todos.change(OLD_USER, old.id, TodoChange(completed=True))).completed
    await database.close()


async def test_the_demo_caller_is_seeded_once(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'deep' / 'folder' / 'x.db'}"
    await migrate(url)
    await seed_demo(url)
    await seed_demo(url)
