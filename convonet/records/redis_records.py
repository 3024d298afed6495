"""Turn records in Redis, under the keys that other tools read, for the monitor and the agent API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import structlog
from pydantic import ValidationError

from convonet.records.legacy import legacy_record
from convonet.records.record import TurnRecord
from convonet.storage.redis_client import ScriptRunner

log = structlog.get_logger(__name__)

RETENTION_S = 7 * 86_400
MAX_LISTED = 1000
"""Length of the lists of all and of one provider's records that other tools read; each record has its own key."""
MAX_LISTED_PER_USER = 100

MAX_CLOCK_DIFFERENCE_S = 86_400.0
"""A record from further in the future has an invalid time, such as milliseconds."""

BY_TIME = "agent_interactions:by_time"
"""Sorted set of all ids of the week, beyond those in the lists."""


class RecordSink(Protocol):
    """Permanent store of records."""

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """Write records, replacing those with the same ids.

        Raises:
            StorageError: The store is down.
            StorageRefused: The store refuses one of the records; those before it are written.
        """
        ...


_WRITE = """
local id = ARGV[1]
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[4], id)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[3])
for list = 3, #KEYS do
  -- a record that is written again is in no list twice
  redis.call('LREM', KEYS[list], 0, id)
  redis.call('LPUSH', KEYS[list], id)
  redis.call('LTRIM', KEYS[list], 0, ARGV[4 + list] - 1)
  redis.call('EXPIRE', KEYS[list], ARGV[3])
end
"""
_NEWEST_IDS = "return redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)"
_COUNT = "return redis.call('ZCARD', KEYS[1])"
_RECENT_IDS = "return redis.call('LRANGE', KEYS[1], 0, -1)"
_READ = """
local found = {}
for _, key in ipairs(KEYS) do
  local body = redis.call('GET', key)
  if body then table.insert(found, body) end
end
return found
"""
_MISSING_IDS = """
local missing = {}
for number, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 0 then table.insert(missing, ARGV[number]) end
end
return missing
"""
_PING = "return 1"


class RedisRecords:
    """`RecordSink` in Redis: `agent_interaction:{id}` and the lists `agent_interactions:*` of ids."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        scripts = ScriptRunner(url)
        self._clock = clock
        self._write = scripts.register(_WRITE)
        self._newest_ids = scripts.register(_NEWEST_IDS)
        self._count = scripts.register(_COUNT)
        self._recent_ids = scripts.register(_RECENT_IDS)
        self._read = scripts.register(_READ)
        self._missing_ids = scripts.register(_MISSING_IDS)
        self._ping = scripts.register(_PING)

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """See `RecordSink.write`."""
        for record in records:
            keys = [
                _key(record.request_id),
                BY_TIME,
                "agent_interactions:recent",
                f"agent_interactions:provider:{record.provider}",
                f"agent_interactions:user:{record.user_id}",
            ]
            oldest = self._clock() - RETENTION_S
            # a late record expires with the others of its time
            ttl_s = min(RETENTION_S, max(1, round(record.timestamp - oldest)))
            body = record.model_dump_json()
            of_time = [record.timestamp, oldest, ttl_s]
            await self._write(
                keys, [record.request_id, body, RETENTION_S, *of_time, MAX_LISTED, MAX_LISTED, MAX_LISTED_PER_USER]
            )

    async def recent_ids(self) -> list[str]:
        """List the ids of the newest thousand records, newest first, including those of other programs."""
        return _texts(await self._recent_ids(["agent_interactions:recent"], []))

    async def newest_ids(self, offset: int, count: int) -> list[str]:
        """List the ids of this product's records of the week, newest first, from `offset` on."""
        return _texts(await self._newest_ids([BY_TIME], [offset, count]))

    async def count(self) -> int:
        """Return the number of ids that `newest_ids` can list."""
        return cast("int", await self._count([BY_TIME], []))

    async def read(self, request_ids: Sequence[str]) -> list[TurnRecord]:
        """Read the records with these ids, without those that are missing or invalid."""
        bodies = cast("list[bytes]", await self._read([_key(id_) for id_ in request_ids], []))
        latest = self._clock() + MAX_CLOCK_DIFFERENCE_S
        records = (_record(body) for body in bodies)
        return [record for record in records if record is not None and 0 <= record.timestamp <= latest]

    async def missing_ids(self, request_ids: Sequence[str]) -> list[str]:
        """List those of the ids without a record, in the same order."""
        return _texts(await self._missing_ids([_key(id_) for id_ in request_ids], request_ids))

    async def ping(self) -> None:
        """Raise `StorageError` when Redis is down."""
        await self._ping([], [])


def _key(request_id: str) -> str:
    return f"agent_interaction:{request_id}"


def _texts(answer: object) -> list[str]:
    return [text.decode(errors="replace") for text in cast("list[bytes]", answer)]


def _record(body: bytes) -> TurnRecord | None:
    try:
        return TurnRecord.model_validate_json(body)
    except ValidationError:
        try:
            return legacy_record(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # another program may write there too
            log.warning("turn_record_unreadable", bytes=len(body))
            return None
