"""Migration of a database to the newest schema, at startup; no replica imports Alembic for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text

from convonet.storage.database import WRITES, database_errors, new_engine

MIGRATIONS = Path(__file__).with_name("migrations")

MIGRATION_LOCK = 5_021_960
"""Key of the advisory lock that lets one process migrate a PostgreSQL database at a time."""


async def migrate(url: str) -> None:
    """Migrate the database to the newest schema; quick and harmless when it is up to date."""
    if make_url(url).get_backend_name() == "sqlite":
        database = make_url(url).database
        await asyncio.to_thread(Path(database or ".").parent.mkdir, parents=True, exist_ok=True)
    engine = new_engine(url, command_timeout_s=None).execution_options(**{WRITES: True})
    try:
        with database_errors():
            async with engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
