"""The database of the domains: SQLite by default, PostgreSQL with DB_URI; one engine per process.

Only the Alembic migrations beside this module create and change tables. The SQL is in the domains' repositories.
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
"""Timeout of one PostgreSQL statement, including its locks; a healthy one takes milliseconds."""

WRITES = "convonet_writes"
"""Execution option of a connection for a transaction that writes."""

_REFUSALS = (InvalidAuthorizationSpecificationError, InvalidCatalogNameError)

_TRANSIENT = ("08", "53", "57P", "40001", "40P01", "55P03", "57014")
"""SQLSTATE prefixes of transient errors: no connection, no resources, shutting down, serialization conflicts."""


class Base(DeclarativeBase):
    """Base of all tables."""


class Database:
    """Opens transactions. Create one per process and `close` it."""

    def __init__(self, url: str, *, command_timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self._engine = new_engine(url, command_timeout_s=command_timeout_s)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession, None]:
        """Open a transaction: committed at the end of the block, rolled back by an exception.

        On SQLite it has the write lock from the start, so that what it has read can't change before it writes.
        Raises `StorageError` when the database does not answer, and SQLAlchemy's errors for violated constraints.
        """
        with database_errors():
            async with self._sessions.begin() as session:
                await session.connection(execution_options={WRITES: True})
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession, None]:
        """Open a transaction that only reads and waits for no lock. Raises `StorageError`."""
        with database_errors():
            async with self._sessions.begin() as session:
                yield session

    async def ping(self) -> None:
        """Raise `StorageError` when the database does not answer."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


@contextmanager
def database_errors() -> Generator[None, None, None]:
    """Turn errors of a database that is unavailable or refuses us into `StorageError`; others are bugs of ours."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.driver_exception, _REFUSALS):
            raise StorageError(f"the database refuses the connection: {error.orig}") from error
        is_transient = str(getattr(error.driver_exception, "sqlstate", None)).startswith(_TRANSIENT)
        if (
            is_transient
            or error.connection_invalidated
            or type(error).__name__ in {"OperationalError", "InterfaceError"}
        ):
            raise StorageError(f"the database failed: {error.orig}") from error
        raise
    except PoolTimeoutError as error:
        raise StorageError("all connections to the database are busy") from error
    except OSError as error:
        raise StorageError(f"the database can't be reached: {error.strerror or error!r}") from error


def new_engine(url: str, *, command_timeout_s: float | None) -> AsyncEngine:
    """Create an engine for either database; `dispose` it. Without a timeout a statement may take any time."""
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
    """Roll back a transaction that was left open."""
    if not state.terminate_only and connection.driver_connection.has_begun:
        connection.rollback()


def _begin(connection: Connection) -> None:
    driver = cast("EmbeddedConnection", connection.connection.driver_connection)
    driver.begin("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")
