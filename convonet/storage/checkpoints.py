"""Where sessions are kept between turns, so that another host can take them up: the protocol and its two stores.

Each holder of a session has an epoch. `claim` gives the next one, and from then on every older holder is fenced off: it
can neither save nor delete. Ending a session removes its body but leaves its epoch for the rest of its time, so that a
late save can't bring it back to life.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from convonet.errors import Fenced, StorageError
from convonet.ids import SessionId
from convonet.storage.redis_client import ScriptRunner

MAX_BODY_BYTES = 1_000_000
"""A session's checkpoint is its conversation, some 10 kB; far more is a fault that must not fill the store."""

MAX_TOTAL_BYTES = 512_000_000
SWEEP_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A session as it was saved last, and the epoch under which its reader may go on."""

    session_id: SessionId
    epoch: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """What became of sessions since their holder asked last."""

    claimed: frozenset[SessionId] = frozenset()
    """A newer epoch exists, or somebody has ended them: this holder must stop."""
    missing: frozenset[SessionId] = frozenset()
    """The store has lost them (emptied, evicted, expired): their holder should save them again."""


class CheckpointStore(Protocol):
    """Keeps checkpoints. Every method raises `StorageError` when the store is away."""

    async def save(self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float) -> None:
        """Keep `body` for `ttl_s` seconds. Raises `Fenced` when a newer epoch exists or the session has ended."""
        ...

    async def claim(self, session_id: SessionId) -> Checkpoint | None:
        """Take the session over under a new epoch; None when there is none (any more)."""
        ...

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """End the session. Raises `Fenced` when a newer epoch exists."""
        ...

    async def hold(self, held: Mapping[SessionId, int], lease_s: float) -> Held:
        """Confirm in one go that these sessions are still held under these epochs, and renew their leases.

        A session whose lease was not renewed for `lease_s` seconds is `abandoned`.
        """
        ...

    async def abandoned(self, most: int) -> list[SessionId]:
        """Sessions that have not ended and whose lease is over, at most so many: whoever finds them may claim them."""
        ...


@dataclass(slots=True)
class _Record:
    epoch: int
    body: bytes | None
    expires_at: float


class MemoryCheckpoints:
    """`CheckpointStore` in the memory of one process. When it is full it refuses new bodies and keeps the old."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, max_total_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._clock = clock
        self._max_total_bytes = max_total_bytes
        self._records: dict[SessionId, _Record] = {}
        self._total_bytes = 0
        self._next_sweep = 0.0

    async def save(self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float) -> None:
        """See `CheckpointStore.save`."""
        _require_reasonable(body)
        self._sweep()
        record = self._current(session_id)
        if record is not None and (record.epoch > epoch or record.body is None):
            raise Fenced(f"epoch {epoch}, store has {record.epoch}")
        growth = len(body) - (len(record.body) if record and record.body else 0)
        if growth > 0 and self._total_bytes + growth > self._max_total_bytes:
            raise StorageError("checkpoint store is full")
        self._total_bytes += growth
        self._records[session_id] = _Record(epoch, body, self._clock() + ttl_s)

    async def claim(self, session_id: SessionId) -> Checkpoint | None:
        """See `CheckpointStore.claim`."""
        record = self._current(session_id)
        if record is None or record.body is None:
            return None
        record.epoch += 1
        return Checkpoint(session_id, record.epoch, record.body)

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """See `CheckpointStore.delete`."""
        record = self._current(session_id)
        if record is None or record.body is None:
            return
        if record.epoch > epoch:
            raise Fenced(f"epoch {epoch}, store has {record.epoch}")
        self._total_bytes -= len(record.body)
        record.body = None

    def _current(self, session_id: SessionId) -> _Record | None:
        record = self._records.get(session_id)
        if record is not None and record.expires_at <= self._clock():
            self._drop(session_id)
            return None
        return record

    def _drop(self, session_id: SessionId) -> None:
        self._total_bytes -= len(self._records.pop(session_id).body or b"")

    def _sweep(self) -> None:
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY_S
            for session_id in [s for s, record in self._records.items() if record.expires_at <= now]:
                self._drop(session_id)


_SAVE = """
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
local ended = epoch > 0 and redis.call('HEXISTS', KEYS[1], 'body') == 0
if epoch > tonumber(ARGV[1]) or ended then return epoch end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'body', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 0
"""

_CLAIM = """
local body = redis.call('HGET', KEYS[1], 'body')
if not body then return nil end
return {redis.call('HINCRBY', KEYS[1], 'epoch', 1), body}
"""

_DELETE = """
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch > tonumber(ARGV[1]) and redis.call('HEXISTS', KEYS[1], 'body') == 1 then return epoch end
redis.call('HDEL', KEYS[1], 'body')
return 0
"""


class RedisCheckpoints:
    """`CheckpointStore` in Redis: survives the loss of any host of ours."""

    def __init__(self, url: str) -> None:
        runner = ScriptRunner(url)
        self._save = runner.register(_SAVE)
        self._claim = runner.register(_CLAIM)
        self._delete = runner.register(_DELETE)

    async def save(self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float) -> None:
        """See `CheckpointStore.save`."""
        _require_reasonable(body)
        newer = await self._save([_key(session_id)], [epoch, body, max(1, round(ttl_s * 1000))])
        _require_holder(epoch, newer)

    async def claim(self, session_id: SessionId) -> Checkpoint | None:
        """See `CheckpointStore.claim`."""
        found = await self._claim([_key(session_id)], [])
        if not isinstance(found, list):
            return None
        epoch, body = found
        return Checkpoint(session_id, int(epoch), bytes(body))

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """See `CheckpointStore.delete`."""
        newer = await self._delete([_key(session_id)], [epoch])
        _require_holder(epoch, newer)


def _key(session_id: SessionId) -> str:
    return f"voice:checkpoint:{session_id}"


def _require_reasonable(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        raise StorageError(f"checkpoint of {len(body)} bytes")


def _require_holder(epoch: int, newer: object) -> None:
    if newer:
        raise Fenced(f"epoch {epoch}, store has {newer!r}")
