"""Health check of a process's database connections, for deployments that Serve should replace when they hang."""

from __future__ import annotations

import time
from typing import Protocol

import structlog
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError

log = structlog.get_logger(__name__)

SILENT_AFTER_S = 20.0
"""An unreachable database fails within fifteen seconds: ten for a statement, then five for a new connection."""


class Pingable(Protocol):
    """A database, or a file of one."""

    async def ping(self) -> None: ...


class DatabaseWatch:
    """Pings the database in the background, whenever `check` is called. `close` it at the end."""

    def __init__(self, database: Pingable, *, silent_after_s: float = SILENT_AFTER_S) -> None:
        self._database = database
        self._silent_after_s = silent_after_s
        self._unanswered_since: float | None = None
        """Time of the first ping since the last answer. The time of the answer itself would mislead: without Serve's
        controller nobody calls `check`."""
        self._pings = BackgroundTasks()

    def check(self) -> None:
        """Ping again. Raises `StorageError` when the pings have had no answer for too long.

        A failure counts as an answer: a down database would fail another process too.
        """
        if self._unanswered_since is None:
            self._unanswered_since = time.monotonic()
        if not self._pings:
            self._pings.spawn(self._ping(), own_context=True)
        silent_for = time.monotonic() - self._unanswered_since
        if silent_for > self._silent_after_s:
            raise StorageError(f"this process has had no answer from the database for {silent_for:.0f} s")

    async def close(self) -> None:
        """Stop pinging."""
        await self._pings.cancel_and_wait()

    async def _ping(self) -> None:
        try:
            await self._database.ping()
        except StorageError as error:
            log.warning("database_unavailable", error=str(error))
            if isinstance(error.__cause__, PoolTimeoutError):
                # this process's connections are all busy or leaked
                return
        self._unanswered_since = None
