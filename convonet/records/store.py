"""Where turn records are kept: in Redis under the keys that other tools read, or in the memory of one process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from convonet.records.record import TurnRecord
from convonet.storage.redis_client import ScriptRunner

KEPT_S = 7 * 86_400
MOST = 1000
"""Of all, and of one provider; an older record still has its own key for a week."""
MOST_OF_A_USER = 100


class RecordStore(Protocol):
    """Keeps records. Each method raises `StorageError` when the store is away."""

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """Keep the records; one that is there already is replaced."""
        ...

    async def recent(self, limit: int) -> list[TurnRecord]:
        """The newest records, newest first."""
        ...


class MemoryRecords:
    """`RecordStore` in this process: the newest thousand."""

    def __init__(self) -> None:
        self._records: dict[str, TurnRecord] = {}

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """See `RecordStore.write`."""
        for record in records:
            self._records.pop(record.request_id, None)
            self._records[record.request_id] = record
        for oldest in list(self._records)[:-MOST]:
            del self._records[oldest]

    async def recent(self, limit: int) -> list[TurnRecord]:
        """See `RecordStore.recent`."""
        return list(reversed(self._records.values()))[:limit]


_WRITE = """
local id = ARGV[1]
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
for list = 2, #KEYS do
  -- a record that is written again, because nobody heard that it was, is in no list twice
  redis.call('LREM', KEYS[list], 0, id)
  redis.call('LPUSH', KEYS[list], id)
  redis.call('LTRIM', KEYS[list], 0, ARGV[2 + list] - 1)
  redis.call('EXPIRE', KEYS[list], ARGV[3])
end
"""
_RECENT = """
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local body = redis.call('GET', 'agent_interaction:' .. id)
  if body then table.insert(found, body) end
end
return found
"""


class RedisRecords:
    """`RecordStore` in Redis: `agent_interaction:{id}` and the lists `agent_interactions:*` of ids."""

    def __init__(self, url: str) -> None:
        scripts = ScriptRunner(url)
        self._write = scripts.register(_WRITE)
        self._recent = scripts.register(_RECENT)

    async def write(self, records: Sequence[TurnRecord]) -> None:
        """See `RecordStore.write`."""
        for record in records:
            keys = [
                f"agent_interaction:{record.request_id}",
                "agent_interactions:recent",
                f"agent_interactions:provider:{record.provider}",
                f"agent_interactions:user:{record.user_id}",
            ]
            body = record.model_dump_json()
            await self._write(keys, [record.request_id, body, KEPT_S, MOST, MOST, MOST_OF_A_USER])

    async def recent(self, limit: int) -> list[TurnRecord]:
        """See `RecordStore.recent`."""
        found = await self._recent(["agent_interactions:recent"], [limit])
        return [TurnRecord.model_validate(json.loads(body)) for body in found]  # type: ignore[attr-defined]
