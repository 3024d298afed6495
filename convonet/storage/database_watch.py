"""Notices when a process does not get through to its database any more, though another process would."""

from __future__ import annotations

import time

import structlog
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from convonet.core.background import BackgroundTasks
from convonet.core.errors import StorageError
from convonet.storage.database import Database

log = structlog.get_logger(__name__)

SILENT_AFTER_S = 20.0
"""A database that can't be reached says so within fifteen: a statement's ten, then five for a new connection."""


class DatabaseWatch:
    """Asks the database now and then, without waiting for it. `close` it at the end."""

    def __init__(self, database: Database, *, silent_after_s: float = SILENT_AFTER_S) -> None:
        self._database = database
        self._silent_after_s = silent_after_s
        self._unanswered_since: float | None = None
        """When it was asked first after its last answer. Nobody checks while Serve's controller is down, so the time of
        that answer would say nothing."""
        self._asking = BackgroundTasks()

    def check(self) -> None:
        """Ask it once more. Raises `StorageError` when it has said nothing for too long.

        That it is down is an answer too: another process would be told the same.
        """
        if self._unanswered_since is None:
            self._unanswered_since = time.monotonic()
        if not self._asking:
            self._asking.spawn(self._ask(), own_context=True)
        silent_for = time.monotonic() - self._unanswered_since
        if silent_for > self._silent_after_s:
            raise StorageError(f"this process hears nothing of the database for {silent_for:.0f} s")

    async def close(self) -> None:
        """Stop asking."""
        await self._asking.cancel_and_wait()

    async def _ask(self) -> None:
        try:
            await self._database.ping()
        except StorageError as error:
            log.warning("database_unavailable", error=str(error))
            if isinstance(error.__cause__, PoolTimeoutError):
                # all connections of this process are busy, or were never given back
                return
        self._unanswered_since = None
