"""The monitor's host: reports and records in, pages out; lost and started again; with a Redis that comes and goes."""

import asyncio
import time
from contextlib import aclosing

from convonet.monitor.messages import MonitorLines, MonitorSnapshot
from convonet.monitor.reporter import Reporter
from convonet.monitor.turn_filter import TurnFilter
from convonet.monitor.viewer import Viewer
from convonet.records.queue import RecordQueue
from convonet.records.redis_records import RETENTION_S, RedisRecords
from convonet.storage.redis_client import redis_client
from tests.monitor.conftest import turn
from tests.monitor.hosts import OneProcess, monitor, now_turn, reporting
from tests.sessions.doubles import World


async def until(messages, wanted):
    """The first message of which `wanted` is true."""
    async with asyncio.timeout(10):
        async for message in messages:
            if wanted(message):
                return message
    raise AssertionError("the monitor ended the page's stream")


async def test_a_call_is_on_the_page_within_a_second_and_its_transcript_too(tmp_path):
    world, port = World(), OneProcess()
    async with monitor(tmp_path) as port.host, world.client() as client:
        reporter = Reporter("voice", "host-1", port, world.calls.gauges, world.calls)
        viewer = Viewer()
        async with reporting(reporter), aclosing(port.host.follow(viewer, "Sue")) as messages:
            first = await anext(messages)
            assert isinstance(first, MonitorSnapshot)
            assert (first.staff_name, first.calls, first.today.turns) == ("Sue", [], 0)
            ok = await client.log_in()
            viewer.watch_call(ok["session_id"])
            shown = await until(messages, lambda m: getattr(m, "calls", None))
            assert shown.calls[0].session_id == ok["session_id"]
            client.say("text_input", text="add buy milk")
            began = time.monotonic()
            said = await until(
                messages, lambda m: isinstance(m, MonitorLines) and any(x.text == "add buy milk" for x in m.lines)
            )
            assert said is not None
            assert time.monotonic() - began < 1
    await world.end()


async def test_a_new_monitor_gets_complete_reports(tmp_path):
    world, port = World(), OneProcess()
    async with world.client() as client:
        reporter = Reporter("voice", "host-1", port, world.calls.gauges, world.calls)
        async with reporting(reporter):
            async with monitor(tmp_path) as port.host:
                viewer = Viewer()
                viewer.watch_call((await client.log_in())["session_id"])
            port.host = None
            client.say("text_input", text="nobody watches this")
            await client.answer()
            async with monitor(tmp_path) as port.host, aclosing(port.host.follow(viewer, "Sue")) as messages:
                shown = await until(messages, lambda m: m.calls)
                assert shown.calls[0].last_words == "You said nobody watches this."
                # and no empty transcript before
                watched = await until(messages, lambda m: isinstance(m, MonitorLines))
                assert watched.lines[-1].text == "You said nobody watches this."
                port.host = None
    await world.end()


async def test_turns_are_pushed_counted_and_kept_over_a_restart(tmp_path):
    async with monitor(tmp_path) as host, aclosing(host.follow(Viewer(), "Sue")) as messages:
        await anext(messages)
        await host.write([now_turn(1), now_turn(2, status="failed")])
        await host.write([now_turn(2, status="failed")])
        pushed = await until(messages, lambda m: m.turns)
        assert [row.status for row in pushed.turns] == ["success", "failed"]
        counted = await until(messages, lambda m: m.today)
        assert counted.today.turns == 2
    async with monitor(tmp_path) as host, aclosing(host.follow(Viewer(), "Sue")) as messages:
        assert (await anext(messages)).today.turns == 2


async def test_a_background_task_that_crashes_starts_again(tmp_path):
    async with monitor(tmp_path) as host, aclosing(host.follow(Viewer(), "Sue")) as messages:
        await anext(messages)
        count = host._update_totals
        host._update_totals = iter(()).__next__
        await asyncio.sleep(2.5)
        host._update_totals = count
        await host.write([now_turn(1)])
        assert await until(messages, lambda m: m.today)


async def test_a_write_whose_sender_gave_up_is_counted_too(tmp_path):
    async with monitor(tmp_path) as host:
        writing = asyncio.create_task(host.write([now_turn(1)]))
        await asyncio.sleep(0)
        writing.cancel()
        async with asyncio.timeout(5):
            while host._today.view().turns == 0:
                await asyncio.sleep(0.01)
        assert len((await host.index.page(TurnFilter(), None, 5)).turns) == 1


async def test_a_lost_file_is_rebuilt_from_redis(tmp_path, redis_url):
    redis = RedisRecords(redis_url)
    await redis.write([now_turn(number) for number in range(450)])
    async with monitor(tmp_path, redis) as host:
        async with asyncio.timeout(10):
            while host._stores[0].view().state == "reading":
                await asyncio.sleep(0.05)
        assert len((await host.index.page(TurnFilter(), None, 500)).turns) == 450


async def test_a_redis_that_is_down_is_shown_and_no_record_of_that_time_is_missing_afterwards(
    tmp_path, redis_server, redis_url
):
    redis = RedisRecords(redis_url)
    async with monitor(tmp_path, redis) as host:
        # as every process that makes records does it: one queue to Redis, one to the monitor
        queues = [RecordQueue(sink) for sink in (redis, host)]
        async with aclosing(host.follow(Viewer(), "Sue")) as messages:
            redis_server.kill()
            for number in range(20):
                for queue in queues:
                    queue.add(now_turn(number))
            away = await until(messages, lambda m: m.now and m.now.stores[0].state == "away")
            assert away.now.stores[0].kind == "redis"
            async with asyncio.timeout(10):
                while len((await host.index.page(TurnFilter(), None, 50)).turns) < 20:
                    await asyncio.sleep(0.05)
            redis_server.restart()
            await until(messages, lambda m: m.now and m.now.stores[0].state == "ok")
        async with asyncio.timeout(10):
            while await redis.count() < 20:
                await asyncio.sleep(0.1)
        for queue in queues:
            await queue.close()


async def until_redis_has(redis, count):
    async with asyncio.timeout(10):
        while await redis.count() < count:
            await asyncio.sleep(0.05)


async def test_records_of_a_process_that_ended_while_redis_was_down_are_backfilled_from_the_file(
    tmp_path, redis_server, redis_url
):
    redis = RedisRecords(redis_url)
    host_of_redis = monitor(tmp_path, redis, backfill_delay_s=0.1)
    async with host_of_redis as host, aclosing(host.follow(Viewer(), "Sue")) as messages:
        queues = [RecordQueue(redis), RecordQueue(host, is_copy=True)]
        redis_server.kill()
        await until(messages, lambda m: m.now and m.now.stores[0].state == "away")
        for number in range(20):
            for queue in queues:
                queue.add(now_turn(number))
        await asyncio.gather(*(queue.close() for queue in queues))
        redis_server.restart()
        await until_redis_has(redis, 20)
        assert await redis.recent_ids() == await redis.newest_ids(0, 50)


async def test_a_redis_that_has_lost_its_data_gets_it_back_from_the_file(tmp_path, redis_url):
    redis = RedisRecords(redis_url)
    turns = [now_turn(number) for number in range(450)]
    about_to_expire = turn(0, timestamp=time.time() - RETENTION_S + 60, turn_id="t-old")
    about_to_expire.request_id = "s-0:t-old"
    async with monitor(tmp_path) as host:
        await host.write([about_to_expire, *turns])
    # one of them can't be put in the list of its user
    await redis_client(redis_url).set("agent_interactions:user:u-2", "no list")
    async with monitor(tmp_path) as host:
        await host.write([now_turn(1000, user_id="u-2")])
    await redis.write(turns[-1:])
    async with monitor(tmp_path, redis) as host:
        await until_redis_has(redis, 451)
        await asyncio.sleep(0.2)
    assert await redis.count() == 451
    assert await redis.read([turns[0].request_id]) == turns[:1]
    assert await redis.read([about_to_expire.request_id]) == []


async def test_a_page_costs_redis_nothing(tmp_path, redis_url):
    redis = RedisRecords(redis_url)
    await redis.write([now_turn(number) for number in range(100)])
    async with monitor(tmp_path, redis) as host:
        await asyncio.sleep(0.5)
        client = redis_client(redis_url)
        before = (await client.info("stats"))["total_commands_processed"]
        for _ in range(20):
            await host.index.page(TurnFilter(text="milk"), None, 50)
            await host.index.choices()
        after = (await client.info("stats"))["total_commands_processed"]
        # the question itself, and at most one ping of the watched store
        assert after - before <= 4
