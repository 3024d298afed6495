"""Gives Redis the records of the monitor's file that it does not have; the monitor's host calls it.

Those of a process that ended while Redis was away are in the file only, and all are when Redis has lost its data.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from convonet.core.errors import StorageRefused
from convonet.monitor.turn_index import TurnIndex
from convonet.records.store import RETENTION_S, RedisRecords

log = structlog.get_logger(__name__)

ABOUT_TO_EXPIRE_S = 3600.0
"""Before a week is over. What Redis has just dropped because of its age is not given back."""


async def give_back(index: TurnIndex, redis: RedisRecords, now: float) -> int:
    """Write what Redis lacks, oldest first; returns how many. Raises `StorageError`."""
    given = 0
    async for ids in index.ids(now - RETENTION_S + ABOUT_TO_EXPIRE_S):
        given += await _write(index, redis, await redis.missing_ids(ids))
    return given


async def _write(index: TurnIndex, redis: RedisRecords, ids: Sequence[str]) -> int:
    given = 0
    for request_id in ids:
        record = await index.get(request_id)
        if record is None:
            continue  # forgotten in the meantime
        try:
            await redis.write([record])
            given += 1
        except StorageRefused as error:
            log.warning("turn_record_not_given_back", request_id=request_id, why=str(error))
    return given
