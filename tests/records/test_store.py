"""Turn records in a real Redis, and the queue that outlasts a store that is down."""

import asyncio
import json

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from convonet.core.errors import StorageError, StorageRefused
from convonet.records import queue as queues
from convonet.records.queue import RecordQueue
from convonet.records.record import ToolCallRecord, TurnMetadata, TurnRecord, serializable
from convonet.records.redis_records import BY_TIME, MAX_LISTED, MAX_LISTED_PER_USER, RETENTION_S, RedisRecords
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


@pytest.fixture
def store(redis_url):
    return RedisRecords(redis_url, clock=lambda: 1000.0)


async def everything(store):
    """All records, newest first."""
    return await store.read(await store.newest_ids(0, 5000))


async def test_the_newest_records_come_first(store):
    await store.write([record(1), record(2)])
    await store.write([record(3)])
    assert await store.newest_ids(0, 2) == ["s-1:t-3", "s-1:t-2"]
    assert await store.newest_ids(2, 2) == ["s-1:t-1"]
    assert await everything(store) == [record(3), record(2), record(1)]
    assert await store.count() == 3


async def test_a_record_that_is_written_again_is_there_once(store):
    await store.write([record(1), record(2)])
    again = record(1, agent_response="Done twice.")
    await store.write([again])
    assert await everything(store) == [record(2), again]
    assert await store.recent_ids() == ["s-1:t-1", "s-1:t-2"]


async def test_a_thousand_are_listed_and_all_of_the_week_are_found(store):
    await store.write([record(number) for number in range(MAX_LISTED + 10)])
    assert len(await store.recent_ids()) == MAX_LISTED
    assert len(await store.newest_ids(0, 5000)) == MAX_LISTED + 10


async def test_records_older_than_a_week_are_not_found(redis_url):
    await RedisRecords(redis_url, clock=lambda: 1000.0).write([record(0)])
    await RedisRecords(redis_url, clock=lambda: 1005.0 + RETENTION_S).write([record(10)])
    assert await redis_client(redis_url).zrange(BY_TIME, 0, -1) == [b"s-1:t-10"]


OLDER = {
    "request_id": "r-old",
    "user_id": "u-1",
    "user_name": None,
    "timestamp": 900.5,
    "datetime": "2026-04-01T10:00:00",
    "provider": "claude",
    "model": "claude-haiku",
    "user_prompt": "what are my todos",
    "agent_response": "You have none.",
    "tool_calls": [
        {"tool_name": "get_todos", "tool_id": "1", "arguments": {}, "result": "[]", "status": "success"},
        {"tool_name": "get_user", "tool_id": "2", "arguments": "x", "error": "away", "status": "success"},
    ],
    "status": "processing",
    "duration_ms": None,
    "metadata": {"agent_type": "todo", "source": "voice", "t0": 900.0, "voice_timing": {"stt_ms": 700, "note": "x"}},
}


FAR_AHEAD = OLDER | {"timestamp": 1_795_780_800_000}
"""In milliseconds."""


async def test_records_of_the_replaced_deployment_are_listed_and_read(store, redis_url):
    client = redis_client(redis_url)
    await client.set("agent_interaction:r-old", json.dumps(OLDER))
    await client.set("agent_interaction:broken", "{")
    await client.lpush("agent_interactions:recent", "r-old", "broken", "gone")
    await store.write([record(1)])
    assert await store.recent_ids() == ["s-1:t-1", "gone", "broken", "r-old"]
    for number, odd in enumerate(([1], {**OLDER, "metadata": "x"}, {**OLDER, "tool_calls": ["x"]}, FAR_AHEAD)):
        await client.set(f"agent_interaction:odd-{number}", json.dumps(odd))
        await client.rpush("agent_interactions:recent", f"odd-{number}")
    await client.set("agent_interaction:no-text", b"\xff{}")
    await client.rpush("agent_interactions:recent", "no-text")
    new, old = await store.read(await store.recent_ids())
    assert new == record(1)
    assert (old.status, old.user_name, old.metadata.voice_timing) == ("failed", "", {"stt_ms": 700})
    assert [call.status for call in old.tool_calls] == ["success", "failed"]


async def test_redis_has_them_under_the_keys_that_other_tools_read(redis_url):
    store = RedisRecords(redis_url, clock=lambda: 1000.0)
    await store.write([record(number) for number in range(MAX_LISTED_PER_USER + 1)])
    redis = redis_client(redis_url)
    newest = f"s-1:t-{MAX_LISTED_PER_USER}"
    assert TurnRecord.model_validate_json(await redis.get(f"agent_interaction:{newest}")) == record(MAX_LISTED_PER_USER)
    for key, count in (("recent", 101), ("provider:offline", 101), ("user:u-1", 100)):
        ids = await redis.lrange(f"agent_interactions:{key}", 0, -1)
        assert (len(ids), ids[0].decode()) == (count, newest)
        assert RETENTION_S - 60 < await redis.ttl(f"agent_interactions:{key}") <= RETENTION_S
    assert RETENTION_S - 60 < await redis.ttl(f"agent_interaction:{newest}") <= RETENTION_S


async def test_a_record_that_comes_late_is_kept_no_longer_than_any_other(redis_url):
    await RedisRecords(redis_url, clock=lambda: 1000.0 + RETENTION_S - 60).write([record(0)])
    assert 50 < await redis_client(redis_url).ttl("agent_interaction:s-1:t-0") <= 60


async def test_missing_records_are_listed(store):
    await store.write([record(1), record(3)])
    assert await store.missing_ids([f"s-1:t-{n}" for n in (4, 3, 2, 1)]) == ["s-1:t-4", "s-1:t-2"]


async def test_one_record_that_redis_refuses_does_not_block_the_others(store, redis_url):
    await redis_client(redis_url).set("agent_interactions:user:u-2", "no list")
    queue = RecordQueue(store)
    with capture_logs() as logs:
        for number in range(5):
            queue.add(record(number, user_id="u-2" if number == 2 else "u-1"))
        async with asyncio.timeout(5):
            while len(queue) > 0:
                await asyncio.sleep(0.05)
    assert not queue.store_is_down
    assert await redis_client(redis_url).lrange("agent_interactions:user:u-1", 0, -1) == [
        f"s-1:t-{n}".encode() for n in (4, 3, 1, 0)
    ]
    (line,) = logs
    assert (line["event"], line["request_id"]) == ("turn_record_lost", "s-1:t-2")
    assert line["why"] == "redis refuses it: WRONGTYPE"
    await queue.close()


async def test_records_outlast_a_redis_that_dies_and_comes_back(redis_server, redis_url):
    store = RedisRecords(redis_url, clock=lambda: 1000.0)
    queue = RecordQueue(store)
    redis_server.kill()
    for number in range(5):
        queue.add(record(number))
    await asyncio.sleep(0.5)
    redis_server.restart()
    async with asyncio.timeout(10):
        while await store.count() < 5:
            await asyncio.sleep(0.1)
    await queue.close()
    assert await store.newest_ids(0, 10) == [f"s-1:t-{n}" for n in (4, 3, 2, 1, 0)]


class Away:
    """A store that is down until `back`."""

    def __init__(self):
        self.kept = []
        self.back = False
        self.hangs = False

    async def write(self, records):
        if self.hangs:
            await asyncio.Event().wait()
        if not self.back:
            raise StorageError("away")
        self.kept += [record.request_id for record in records]


@virtual_time
async def test_a_store_that_is_down_for_a_minute_loses_nothing():
    store = Away()
    queue = RecordQueue(store)
    for number in range(120):
        queue.add(record(number))
        await asyncio.sleep(0.5)
    store.back = True
    await asyncio.sleep(queues.MAX_RETRY_DELAY_S)
    assert store.kept == [f"s-1:t-{n}" for n in range(120)]
    assert len(queue) == 0
    await queue.close()


@virtual_time
async def test_too_many_records_without_a_store_lose_the_oldest():
    store = Away()
    queue = RecordQueue(store)
    for number in range(queues.MAX_WAITING + 3):
        queue.add(record(number))
    store.back = True
    await asyncio.sleep(60)
    assert store.kept[-1] == f"s-1:t-{queues.MAX_WAITING + 2}"
    assert len(queue) == 0
    await queue.close()


@virtual_time
async def test_the_end_of_a_process_does_not_wait_for_a_store_that_hangs():
    store = Away()
    store.hangs = True
    queue = RecordQueue(store)
    queue.add(record(1))
    began = asyncio.get_running_loop().time()
    await queue.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(queues.CLOSE_TIMEOUT_S)


@virtual_time
async def test_a_store_that_fails_after_an_invalid_record_is_retried_with_a_delay():
    class Picky(Away):
        asked = 0

        async def write(self, records):
            self.asked += 1
            if len(records) > 1:
                raise StorageRefused("odd")
            await super().write(records)

    store = Picky()
    queue = RecordQueue(store)
    for number in range(5):
        queue.add(record(number))
    await asyncio.sleep(60)
    assert queue.store_is_down
    assert store.asked < 50
    store.back = True
    await asyncio.sleep(10)
    assert store.kept == [f"s-1:t-{n}" for n in range(5)]
    await queue.close()


@virtual_time
async def test_a_record_after_the_close_is_lost_once_and_not_written():
    store = Away()
    queue = RecordQueue(store)
    queue.add(record(1))
    await queue.close()
    store.back = True
    with capture_logs() as logs:
        queue.add(record(2))
        await asyncio.sleep(60)
    assert [(line["event"], line["request_id"]) for line in logs] == [("turn_record_lost", "s-1:t-2")]
    assert store.kept == []


@virtual_time
async def test_log_entries_of_records_do_not_have_the_ids_of_the_turn_that_came_first():
    queue = RecordQueue(Away())
    with structlog.contextvars.bound_contextvars(turn_id="t-1"), capture_logs([merge_contextvars]) as logs:
        queue.add(record(1))
        await asyncio.sleep(5)
    assert {line["event"] for line in logs} == {"turn_records_wait"}
    assert all("turn_id" not in line for line in logs)
    await queue.close()


@virtual_time
async def test_at_the_end_of_a_process_a_store_that_is_back_gets_what_waited():
    store = Away()
    queue = RecordQueue(store)
    for number in range(120):
        queue.add(record(number))
    await asyncio.sleep(7)
    store.back = True
    await queue.close()
    assert len(store.kept) == 120


@virtual_time
async def test_records_that_the_copy_has_written_are_not_lost_when_a_process_ends_without_its_store():
    for is_there, event in ((True, "turn_record_left_to_copy"), (False, "turn_record_lost")):
        other = Away()
        other.back = is_there
        copy = RecordQueue(other, is_copy=True)
        queues = (RecordQueue(Away(), copy=copy), copy)
        for queue in queues:
            queue.add(record(1))
        with capture_logs() as logs:
            await asyncio.gather(*(queue.close() for queue in queues))
        told = [line for line in logs if line["event"] in {"turn_record_left_to_copy", "turn_record_lost"}]
        assert [(line["event"], line["why"]) for line in told] == [(event, "the process ends")]


@virtual_time
async def test_one_record_that_cannot_be_written_does_not_block_the_others():
    class Picky(Away):
        async def write(self, records):
            if any(record.user_prompt == "odd" for record in records):
                raise TypeError("odd")
            await super().write(records)

    store = Picky()
    store.back = True
    queue = RecordQueue(store)
    for number in range(5):
        queue.add(record(number, user_prompt="odd" if number == 2 else "fine"))
    await asyncio.sleep(1)
    assert store.kept == [f"s-1:t-{n}" for n in (0, 1, 3, 4)]
    await queue.close()


def test_half_a_utf16_pair_is_replaced():
    broken = record(1, tool_calls=[])
    broken.tool_calls = [
        ToolCallRecord(tool_name="t", tool_id="1", arguments={"a": ["\ud83d"]}, elapsed_from_stop_ms=0.0)
    ]
    assert serializable(broken).tool_calls[0].arguments == {"a": ["?"]}
    whole = record(1)
    assert serializable(whole) is whole


def test_an_infinite_time_is_replaced_and_the_record_can_be_read_again():
    broken = record(1, duration_ms=float("nan"))
    broken.metadata.voice_timing["stt_ms"] = float("inf")
    written = TurnRecord.model_validate_json(serializable(broken).model_dump_json())
    assert (written.duration_ms, written.metadata.voice_timing["stt_ms"]) == (0.0, 0.0)
    assert written.user_prompt == broken.user_prompt
