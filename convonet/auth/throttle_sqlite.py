"""The attempts of all processes of one machine, in a SQLite file of the data folder.

An attempt is read, decided and written without a lock: the only statement that writes does nothing if another process
has written meanwhile, and the attempt is decided again. So a process that is stopped in between blocks nobody.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from convonet.auth.attempt_limits import KNOWN_S, AttemptLimits, network_of
from convonet.auth.attempts import Attempts, Lane, Scopes
from convonet.core.errors import StorageError
from convonet.storage.embedded_file import embedded_file
from convonet.storage.sqlite_thread import Sqlite, SqliteThread

FILE = "attempts.db"

MAX_BYTES = 64_000_000
MAX_KNOWN = 20_000
"""Known addresses, some 100 bytes each; those whose last right PIN is oldest are dropped first."""

SWEEP_DELAY_S = 60.0

MAX_TRIES = 100
"""An attempt is decided again only when another one was written, which takes 0.2 ms."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
  ledger TEXT NOT NULL, scope TEXT NOT NULL, state TEXT NOT NULL, written_at REAL NOT NULL, counts_until REAL,
  PRIMARY KEY (ledger, scope)
) WITHOUT ROWID;
"""

_READ = "SELECT scope, state FROM attempts WHERE ledger = ? AND scope IN (?, ?, ?, ?, ?, 'version')"

_WRITE = """
INSERT OR REPLACE INTO attempts
  SELECT :ledger, value ->> 0, value ->> 1, :now, value ->> 2 FROM json_each(:changes)
  WHERE (SELECT state FROM attempts WHERE ledger = :ledger AND scope = 'version') IS :version
"""

_SWEEP = """
DELETE FROM attempts WHERE counts_until <= :now OR (ledger, scope) IN (
  SELECT ledger, scope FROM attempts WHERE scope GLOB 'known:*' ORDER BY written_at DESC LIMIT -1 OFFSET :max_known
)
"""


class SqliteAttempts:
    """`AttemptStore` in a SQLite file."""

    def __init__(
        self,
        sqlite: Sqlite,
        clock: Callable[[], float],
        limits: AttemptLimits,
        of: str,
        *,
        max_known: int = MAX_KNOWN,
    ) -> None:
        """`sqlite` must have `SCHEMA`; `of` (pin or staff) names these attempts in the file."""
        self._sqlite = sqlite
        self._clock = clock
        self._limits = limits
        self._of = of
        self._max_known = max_known
        self._next_sweep = 0.0

    @classmethod
    def in_folder(cls, folder: Path, limits: AttemptLimits, of: str) -> SqliteAttempts:
        """Create a store in that data folder; the file is opened at first use."""
        return cls(*_in_folder(folder.absolute()), limits, of)

    async def check(self, session_id: str, address: str) -> None:
        """See `AttemptStore.check`."""
        await self._change(session_id, address, lambda scopes, now: scopes.check(session_id, now, self._limits))

    async def failed(self, session_id: str, address: str) -> None:
        """See `AttemptStore.failed`."""
        await self._change(session_id, address, lambda scopes, now: scopes.failed(session_id, now))

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `AttemptStore.succeeded`."""
        await self._change(session_id, address, lambda scopes, now: scopes.succeeded(session_id, now))

    async def _change(self, session_id: str, address: str, decide: Callable[[Scopes, float], None]) -> None:
        keys = _keys(session_id, network_of(address))

        def change(connection: sqlite3.Connection) -> None:
            self._sweep(connection)
            for _ in range(MAX_TRIES):
                before = dict(connection.execute(_READ, [self._of, *keys]).fetchall())
                now = self._clock()
                scopes = _scopes(before, keys)
                decide(scopes, now)
                if self._write(connection, before, _rows(scopes, keys), now):
                    return
            raise StorageError(f"{FILE} is too busy")

        await self._sqlite.run(change)

    def _write(
        self, connection: sqlite3.Connection, before: dict[str, str], rows: dict[str, tuple[str, float]], now: float
    ) -> bool:
        version = before.get("version")
        changes: list[tuple[str, str, float | None]] = [
            (key, state, until) for key, (state, until) in rows.items() if state != before.get(key)
        ]
        changes.append(("version", str(int(version or 0) + 1), None))
        values = {"ledger": self._of, "now": now, "changes": json.dumps(changes), "version": version}
        return connection.execute(_WRITE, values).rowcount > 0

    def _sweep(self, connection: sqlite3.Connection) -> None:
        if (now := self._clock()) >= self._next_sweep:
            self._next_sweep = now + SWEEP_DELAY_S
            connection.execute(_SWEEP, {"now": now, "max_known": self._max_known})


def attempts_file(path: Path) -> tuple[SqliteThread, Callable[[], float]]:
    """Open the file that `SqliteAttempts` takes, with its clock; other processes may use the same file."""
    latest = "SELECT max(written_at) FROM attempts"
    return embedded_file(path, schema=SCHEMA, latest=latest, max_bytes=MAX_BYTES)


@lru_cache(maxsize=4)
def _in_folder(folder: Path) -> tuple[SqliteThread, Callable[[], float]]:
    return attempts_file(folder / FILE)


def _keys(session_id: str, network: str) -> list[str]:
    return [f"session:{session_id}", f"address:{network}", f"known:{network}", "lane:strangers", "lane:known"]


def _scopes(states: dict[str, str], keys: list[str]) -> Scopes:
    session, address, let_in, strangers, known = (json.loads(states[key]) if key in states else None for key in keys)
    return Scopes(
        Attempts(**session or {}), Attempts(**address or {}), Lane(**strangers or {}), Lane(**known or {}), let_in
    )


def _rows(scopes: Scopes, keys: list[str]) -> dict[str, tuple[str, float]]:
    """Return the JSON state of each scope, and the time until which it counts."""
    session, address, let_in, strangers, known = keys
    states: dict[str, Attempts] = {
        session: scopes.session,
        address: scopes.address,
        strangers: scopes.strangers,
        known: scopes.known,
    }
    rows = {key: (json.dumps(asdict(attempts)), attempts.counts_until) for key, attempts in states.items()}
    if scopes.let_in_at is not None:
        rows[let_in] = (json.dumps(scopes.let_in_at), scopes.let_in_at + KNOWN_S)
    return rows
