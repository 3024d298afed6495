"""Turn records over the store in memory and a real Redis, and the queue that outlasts a store that is away."""

import asyncio

import pytest

from convonet.errors import StorageError
from convonet.records import queue as queues
from convonet.records.queue import RecordQueue
from convonet.records.record import TurnMetadata, TurnRecord
from convonet.records.store import KEPT_S, MOST_OF_A_USER, MemoryRecords, RedisRecords
from convonet.storage.redis_client import redis_client
from tests.virtual_time import virtual_time


def record(number, **changes):
    fields = {
        "request_id": f"s-1:t-{number}",
        "user_id": "u-1",
        "user_name": "Ann",
        "timestamp": 1000.0 + number,
        "datetime": "2026-11-23T10:00:00+00:00",
        "provider": "offline",
        "model": "rules",
        "user_prompt": "add buy milk",
        "agent_response": "Done.",
        "tool_calls": [],
        "status": "success",
        "duration_ms": 12.5,
        "metadata": TurnMetadata(session_id="s-1", turn_id=f"t-{number}", agent_type="todo", source="text", t0=1.0),
    }
    return TurnRecord(**(fields | changes))


@pytest.fixture(params=["memory", "redis"])
def store(request):
    """The same test runs over both."""
    return MemoryRecords() if request.param == "memory" else RedisRecords(request.getfixturevalue("redis_url"))


async def test_the_newest_records_come_first(store):
    await store.write([record(1), record(2)])
    await store.write([record(3)])
    assert await store.recent(2) == [record(3), record(2)]
    assert await store.recent(50) == [record(3), record(2), record(1)]


async def test_a_record_that_is_written_again_is_there_once(store):
    await store.write([record(1), record(2)])
    again = record(1, agent_response="Done twice.")
    await store.write([again])
    assert await store.recent(50) == [again, record(2)]


async def test_a_thousand_are_listed_at_most(store):
    await store.write([record(number) for number in range(1010)])
    listed = await store.recent(5000)
    assert [listed[0], listed[-1]] == [record(1009), record(10)]


async def test_redis_has_them_under_the_keys_that_other_tools_read(redis_url):
    await RedisRecords(redis_url).write([record(number) for number in range(MOST_OF_A_USER + 1)])
    redis = redis_client(redis_url)
    newest = f"s-1:t-{MOST_OF_A_USER}"
    assert TurnRecord.model_validate_json(await redis.get(f"agent_interaction:{newest}")) == record(MOST_OF_A_USER)
    for key, count in (("recent", 101), ("provider:offline", 101), ("user:u-1", 100)):
        ids = await redis.lrange(f"agent_interactions:{key}", 0, -1)
        assert (len(ids), ids[0].decode()) == (count, newest)
        assert KEPT_S - 60 < await redis.ttl(f"agent_interactions:{key}") <= KEPT_S
    assert KEPT_S - 60 < await redis.ttl(f"agent_interaction:{newest}") <= KEPT_S


async def test_records_outlast_a_redis_that_dies_and_comes_back(redis_server, redis_url):
    store = RedisRecords(redis_url)
    queue = RecordQueue(store)
    redis_server.kill()
    for number in range(5):
        queue.add(record(number))
    await asyncio.sleep(0.5)
    redis_server.restart()
    async with asyncio.timeout(10):
        while len(await store.recent(10)) < 5:
            await asyncio.sleep(0.1)
    await queue.close()
    assert [found.request_id for found in await store.recent(10)] == [f"s-1:t-{n}" for n in (4, 3, 2, 1, 0)]


class Away:
    """A store that is away until `back`."""

    def __init__(self):
        self.kept = MemoryRecords()
        self.back = False
        self.hangs = False

    async def write(self, records):
        if self.hangs:
            await asyncio.Event().wait()
        if not self.back:
            raise StorageError("away")
        await self.kept.write(records)


@virtual_time
async def test_a_store_that_is_away_for_a_minute_loses_nothing():
    store = Away()
    queue = RecordQueue(store)
    for number in range(120):
        queue.add(record(number))
        await asyncio.sleep(0.5)
    store.back = True
    await asyncio.sleep(queues.LAST_RETRY_S)
    assert [found.request_id for found in await store.kept.recent(200)] == [f"s-1:t-{n}" for n in range(119, -1, -1)]
    await queue.close()


@virtual_time
async def test_too_many_records_without_a_store_lose_the_oldest():
    store = Away()
    queue = RecordQueue(store)
    for number in range(queues.MOST_WAITING + 3):
        queue.add(record(number))
    store.back = True
    await asyncio.sleep(60)
    assert (await store.kept.recent(1))[0].request_id == f"s-1:t-{queues.MOST_WAITING + 2}"
    assert queue._waiting == {}
    await queue.close()


@virtual_time
async def test_the_end_of_a_process_does_not_wait_for_a_store_that_hangs():
    store = Away()
    store.hangs = True
    queue = RecordQueue(store)
    queue.add(record(1))
    began = asyncio.get_running_loop().time()
    await queue.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(queues.LAST_CHANCE_S)
