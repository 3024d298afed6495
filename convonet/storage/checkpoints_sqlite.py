"""Checkpoints in a SQLite file of the data folder, for all processes of one machine; they survive any of these.

Each call writes with a single SQL statement, which is one transaction that ends before SQLite returns. A transaction of
several statements would keep the file locked while its thread waits for the interpreter between them: next to a busy
event loop, another process waited up to 230 ms (26 ms this way), and forever for a process that was stopped there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from convonet.core.ids import SessionId
from convonet.storage.checkpoints import GRACE_AFTER_LEASE_S, Checkpoint, Held, fenced, require_valid_size
from convonet.storage.embedded_file import embedded_file
from convonet.storage.sqlite_thread import Sqlite, SqliteThread

FILE = "calls.db"

MAX_TOTAL_BYTES = 512_000_000
"""A full file refuses new sessions and keeps its old ones."""

SWEEP_DELAY_S = 10.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, saved_at REAL NOT NULL, expires_at REAL NOT NULL, held_until REAL
) WITHOUT ROWID;
-- a table of its own, so that renewing a lease does not write the body; a session without a body has ended
CREATE TABLE IF NOT EXISTS bodies (
  id TEXT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE, body BLOB NOT NULL
) WITHOUT ROWID;

-- INSERT INTO saving saves a session; a temporary view, so that each release has its own
CREATE TEMP VIEW saving AS
  SELECT id, epoch, saved_at, expires_at, held_until, body FROM main.sessions JOIN main.bodies USING (id);
CREATE TEMP TRIGGER save INSTEAD OF INSERT ON saving BEGIN
  SELECT RAISE(ABORT, 'fenced') FROM sessions LEFT JOIN bodies USING (id)
    WHERE id = NEW.id AND expires_at > NEW.saved_at AND (epoch > NEW.epoch OR body IS NULL);
  INSERT INTO sessions VALUES (NEW.id, NEW.epoch, NEW.saved_at, NEW.expires_at, NEW.held_until)
    ON CONFLICT DO UPDATE SET epoch = excluded.epoch, saved_at = excluded.saved_at,
      expires_at = excluded.expires_at, held_until = excluded.held_until;
  INSERT INTO bodies VALUES (NEW.id, NEW.body) ON CONFLICT DO UPDATE SET body = excluded.body;
END;
"""

_CLAIM = """
UPDATE sessions SET epoch = epoch + 1, held_until = :held_until, expires_at = max(expires_at, :kept_until)
  WHERE id = :id AND expires_at > :now AND (held_until <= :now OR NOT :only_abandoned)
    AND EXISTS (SELECT 1 FROM bodies WHERE bodies.id = sessions.id)
  RETURNING epoch, (SELECT body FROM bodies WHERE id = sessions.id) AS body
"""

_DELETE = """
DELETE FROM bodies WHERE id = :id AND EXISTS (SELECT 1 FROM sessions WHERE id = :id AND epoch <= :epoch)
"""

_IS_NEWER = """
SELECT 1 FROM sessions WHERE id = :id AND epoch > :epoch AND expires_at > :now
"""

_RENEW = """
UPDATE sessions SET held_until = :held_until, expires_at = max(expires_at, :kept_until) FROM json_each(:held) AS held
  WHERE sessions.id = held.key AND epoch = held.value AND expires_at > :now
    AND EXISTS (SELECT 1 FROM bodies WHERE bodies.id = sessions.id)
"""

_NOT_HELD = """
SELECT held.key AS id, epoch IS NOT NULL AND (epoch > held.value OR body IS NULL) AS claimed
  FROM json_each(:held) AS held
  LEFT JOIN sessions ON sessions.id = held.key AND expires_at > :now
  LEFT JOIN bodies ON bodies.id = sessions.id
  WHERE epoch IS NOT held.value OR body IS NULL
"""

_ABANDONED = """
SELECT id FROM sessions JOIN bodies USING (id)
  WHERE held_until <= :now AND expires_at > :now ORDER BY held_until LIMIT :limit
"""


class SqliteCheckpoints:
    """`CheckpointStore` in a SQLite file."""

    def __init__(self, sqlite: Sqlite, clock: Callable[[], float]) -> None:
        """`sqlite` must have `SCHEMA`."""
        self._sqlite = sqlite
        self._clock = clock
        self._next_sweep = 0.0

    @classmethod
    def in_folder(cls, folder: Path) -> SqliteCheckpoints:
        """Return this process's store in that data folder; the file is opened at first use."""
        return _in_folder(folder.absolute())

    async def save(
        self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float, *, lease_s: float | None = None
    ) -> None:
        """See `CheckpointStore.save`."""
        require_valid_size(body)

        def save(connection: sqlite3.Connection) -> None:
            now = self._clock()
            self._sweep(connection, now)
            held_until, kept_until = _ends(now, lease_s)
            values = [session_id, epoch, now, max(now + ttl_s, kept_until), held_until, body]
            try:
                connection.execute("INSERT INTO saving VALUES (?, ?, ?, ?, ?, ?)", values)
            except sqlite3.IntegrityError:
                raise fenced(epoch) from None

        await self._sqlite.run(save)

    async def claim(
        self, session_id: SessionId, *, lease_s: float | None = None, only_abandoned: bool = False
    ) -> Checkpoint | None:
        """See `CheckpointStore.claim`."""

        def claim(connection: sqlite3.Connection) -> Checkpoint | None:
            now = self._clock()
            held_until, kept_until = _ends(now, lease_s)
            values = {"id": session_id, "now": now, "held_until": held_until, "kept_until": kept_until}
            values["only_abandoned"] = only_abandoned
            # fetchall: the transaction ends after the last row
            for row in connection.execute(_CLAIM, values).fetchall():
                return Checkpoint(session_id, row["epoch"], row["body"])
            return None

        return await self._sqlite.run(claim)

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """See `CheckpointStore.delete`."""

        def delete(connection: sqlite3.Connection) -> None:
            values = {"id": session_id, "epoch": epoch, "now": self._clock()}
            if not connection.execute(_DELETE, values).rowcount and connection.execute(_IS_NEWER, values).fetchall():
                raise fenced(epoch)

        await self._sqlite.run(delete)

    async def hold(self, held: Mapping[SessionId, int], lease_s: float) -> Held:
        """See `CheckpointStore.hold`."""

        def hold(connection: sqlite3.Connection) -> Held:
            now = self._clock()
            held_until, kept_until = _ends(now, lease_s)
            values = {"held": json.dumps(held), "now": now, "held_until": held_until, "kept_until": kept_until}
            if connection.execute(_RENEW, values).rowcount == len(held):
                return Held()
            not_held = connection.execute(_NOT_HELD, values).fetchall()
            return Held(
                frozenset(SessionId(row["id"]) for row in not_held if row["claimed"]),
                frozenset(SessionId(row["id"]) for row in not_held if not row["claimed"]),
            )

        return await self._sqlite.run(hold) if held else Held()

    async def abandoned(self, limit: int) -> list[SessionId]:
        """See `CheckpointStore.abandoned`."""

        def abandoned(connection: sqlite3.Connection) -> list[SessionId]:
            rows = connection.execute(_ABANDONED, {"now": self._clock(), "limit": limit})
            return [SessionId(row["id"]) for row in rows]

        return await self._sqlite.run(abandoned)

    async def ping(self) -> None:
        """See `CheckpointStore.ping`."""
        # changes nothing, but needs the write lock
        await self._sqlite.run(lambda connection: connection.execute("DELETE FROM sessions WHERE false"))

    def _sweep(self, connection: sqlite3.Connection, now: float) -> None:
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_DELAY_S
            connection.execute("DELETE FROM sessions WHERE expires_at <= ?", [now])


def checkpoint_file(path: Path, *, max_bytes: int = MAX_TOTAL_BYTES) -> tuple[SqliteThread, Callable[[], float]]:
    """Open the file that `SqliteCheckpoints` takes, with its clock; other processes may use the same file."""
    latest = "SELECT max(saved_at) FROM sessions"
    return embedded_file(path, schema=SCHEMA, latest=latest, max_bytes=max_bytes)


@lru_cache(maxsize=4)
def _in_folder(folder: Path) -> SqliteCheckpoints:
    return SqliteCheckpoints(*checkpoint_file(folder / FILE))


def _ends(now: float, lease_s: float | None) -> tuple[float | None, float]:
    """Return the end of the lease and the session's earliest expiry for its sake."""
    return (None, 0.0) if lease_s is None else (now + lease_s, now + lease_s + GRACE_AFTER_LEASE_S)
