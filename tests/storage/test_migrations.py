"""Migrations: repeatable, safe beside the tables of the deployment that is replaced."""

import asyncio

import asyncpg

from convonet.settings import Settings
from convonet.storage.database import migrate
from convonet.storage.users import seed_demo_user

OLD_TABLES = """
CREATE TABLE users_anthropic (id uuid PRIMARY KEY, email varchar(255) UNIQUE, username varchar(100) UNIQUE,
  password_hash varchar(255), first_name varchar(100), last_name varchar(100), voice_pin varchar(10) UNIQUE,
  is_active boolean, is_verified boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz);
INSERT INTO users_anthropic (id, email, voice_pin, is_active)
  VALUES ('6f8f57b0-93c2-4b58-8a3c-7fb9c3a6a001', 'old@example.com', '778899', true);
"""


async def test_migrating_twice_and_at_once_changes_nothing(fresh_database):
    url = Settings(DB_URI=fresh_database).database_url
    await asyncio.gather(migrate(url), migrate(url))
    await migrate(url)


async def test_tables_and_rows_of_the_old_deployment_stay(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_TABLES)
    await migrate(Settings(DB_URI=fresh_database).database_url)
    assert await connection.fetchval("SELECT voice_pin FROM users_anthropic") == "778899"
    assert await connection.fetchval("SELECT count(*) FROM todos_anthropic") == 0
    await connection.close()


async def test_the_demo_caller_is_seeded_once(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'deep' / 'folder' / 'x.db'}"
    await migrate(url)
    await seed_demo_user(url)
    await seed_demo_user(url)
