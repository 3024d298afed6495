"""The database: one engine per process, SQLite when nothing is set, PostgreSQL with DB_URI.

Tables are made and changed by the Alembic migrations beside this module only. SQL lives in the repositories of the
domains.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast

from asyncpg.exceptions import InvalidAuthorizationSpecificationError, InvalidCatalogNameError
from sqlalchemy import Connection, PoolResetState, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from convonet.core.errors import StorageError
from convonet.storage.sqlite_connection import EmbeddedConnection, connect

POOL_SIZE = 10
"""Connections to PostgreSQL per process; a tool call holds one for a few milliseconds."""

COMMAND_TIMEOUT_S = 10.0
"""Longest wait for one statement in PostgreSQL, for its locks too; a healthy one takes milliseconds."""

WRITES = "convonet_writes"
"""Execution option of a connection whose transaction will write."""

_REFUSALS = (InvalidAuthorizationSpecificationError, InvalidCatalogNameError)

_AWAY = ("08", "53", "57P", "40001", "40P01", "55P03", "57014")
"""How the SQLSTATE of an error begins that is over in a moment: no connection, no room, shutting down, lost a race."""


class Base(DeclarativeBase):
    """Base of all tables."""


class Database:
    """Hands out transactions. Make one per process and `close` it."""

    def __init__(self, url: str, *, command_timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self._engine = new_engine(url, command_timeout_s=command_timeout_s)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession, None]:
        """One transaction: committed at the end of the block, rolled back by an exception.

        On SQLite it has the write lock from its beginning, so that nothing it has read changes before it writes.
        Raises `StorageError` when the database does not answer; violated constraints pass as SQLAlchemy raises them.
        """
        with database_errors():
            async with self._sessions.begin() as session:
                await session.connection(execution_options={WRITES: True})
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession, None]:
        """A transaction that writes nothing and waits for nobody. Raises `StorageError`."""
        with database_errors():
            async with self._sessions.begin() as session:
                yield session

    async def ping(self) -> None:
        """Raises `StorageError` when the database does not answer."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


@contextmanager
def database_errors() -> Generator[None, None, None]:
    """Turn what says that the database is away, or refuses us, into `StorageError`; the rest is an error of ours."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.driver_exception, _REFUSALS):
            raise StorageError(f"the database refuses the connection: {error.orig}") from error
        passing = str(getattr(error.driver_exception, "sqlstate", None)).startswith(_AWAY)
        if passing or error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}:
            raise StorageError(f"the database failed: {error.orig}") from error
        raise
    except PoolTimeoutError as error:
        raise StorageError("all connections to the database are busy") from error
    except OSError as error:
        raise StorageError(f"the database can't be reached: {error.strerror or error!r}") from error


def new_engine(url: str, *, command_timeout_s: float | None) -> AsyncEngine:
    """An engine for either database; `dispose` it. Without a timeout a statement may take as long as it needs."""
    if make_url(url).get_backend_name() != "sqlite":
        waits = {"timeout": 5, "command_timeout": command_timeout_s}
        return create_async_engine(
            url, pool_size=POOL_SIZE, pool_pre_ping=True, connect_args=waits, hide_parameters=True
        )
    path = make_url(url).database or ""
    engine = create_async_engine(
        url, hide_parameters=True, async_creator=partial(connect, path), pool_reset_on_return=None
    )
    event.listen(engine.sync_engine, "reset", _reset)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _reset(connection: Any, _: object, state: PoolResetState) -> None:
    """Roll back what was left open; after a transaction that has ended there is nothing to be done."""
    if not state.terminate_only and connection.driver_connection.has_begun:
        connection.rollback()


def _begin(connection: Connection) -> None:
    driver = cast("EmbeddedConnection", connection.connection.driver_connection)
    driver.begin("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")
