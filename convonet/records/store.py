"""Where turn records are kept in Redis: under the keys that other tools read, and in order of time."""

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
"""Of all, and of one provider, in the lists that other tools read; a record has its own key for a week."""
MAX_LISTED_PER_USER = 100

CLOCKS_DIFFER_S = 86_400.0
"""A record from further ahead is of no known time, such as one in milliseconds."""

BY_TIME = "agent_interactions:by_time"
"""A sorted set of all ids of the week: what the lists do not hold any more is found through it."""


class RecordSink(Protocol):
    """Takes records for good."""

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """Keep the records; one that is there already is replaced.

        Raises `StorageError` when the store is away, and `StorageRefused` at the first that it never takes.
        """
        ...


_WRITE = """
local id = ARGV[1]
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[4], id)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[3])
for list = 3, #KEYS do
  -- a record that is written again, because nobody heard that it was, is in no list twice
  redis.call('LREM', KEYS[list], 0, id)
  redis.call('LPUSH', KEYS[list], id)
  redis.call('LTRIM', KEYS[list], 0, ARGV[4 + list] - 1)
  redis.call('EXPIRE', KEYS[list], ARGV[3])
end
"""
_NEWEST = "return redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)"
_COUNT = "return redis.call('ZCARD', KEYS[1])"
_LISTED = "return redis.call('LRANGE', KEYS[1], 0, -1)"
_READ = """
local found = {}
for _, key in ipairs(KEYS) do
  local body = redis.call('GET', key)
  if body then table.insert(found, body) end
end
return found
"""
_LACKING = """
local lacking = {}
for number, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 0 then table.insert(lacking, ARGV[number]) end
end
return lacking
"""
_PING = "return 1"


class RedisRecords:
    """`RecordSink` in Redis: `agent_interaction:{id}` and the lists `agent_interactions:*` of ids."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        scripts = ScriptRunner(url)
        self._clock = clock
        self._write = scripts.register(_WRITE)
        self._newest = scripts.register(_NEWEST)
        self._count = scripts.register(_COUNT)
        self._listed = scripts.register(_LISTED)
        self._read = scripts.register(_READ)
        self._lacking = scripts.register(_LACKING)
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
            # a record that comes late is kept no longer than any other
            left = min(RETENTION_S, max(1, round(record.timestamp - oldest)))
            body = record.model_dump_json()
            of_time = [record.timestamp, oldest, left]
            await self._write(
                keys, [record.request_id, body, RETENTION_S, *of_time, MAX_LISTED, MAX_LISTED, MAX_LISTED_PER_USER]
            )

    async def listed(self) -> list[str]:
        """Ids of the newest thousand, newest first: also of those that another program has written."""
        return _texts(await self._listed(["agent_interactions:recent"], []))

    async def newest(self, offset: int, count: int) -> list[str]:
        """Ids of all records of the week that this product has written, newest first, from `offset` on."""
        return _texts(await self._newest([BY_TIME], [offset, count]))

    async def count(self) -> int:
        """How many `newest` can give."""
        return cast("int", await self._count([BY_TIME], []))

    async def read(self, request_ids: Sequence[str]) -> list[TurnRecord]:
        """The records of these ids that are still there; one that can't be read is left out."""
        bodies = cast("list[bytes]", await self._read([_key(id_) for id_ in request_ids], []))
        latest = self._clock() + CLOCKS_DIFFER_S
        records = (_record(body) for body in bodies)
        return [record for record in records if record is not None and 0 <= record.timestamp <= latest]

    async def lacking(self, request_ids: Sequence[str]) -> list[str]:
        """Those of these ids whose records are not there, in the same order."""
        return _texts(await self._lacking([_key(id_) for id_ in request_ids], request_ids))

    async def ping(self) -> None:
        """Raises `StorageError` when Redis is away."""
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
            # another program may write there as well
            log.warning("turn_record_unreadable", bytes=len(body))
            return None
