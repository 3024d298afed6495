"""Reports of a process to the monitor: gauges, calls and turns, in as few reports as possible."""

import asyncio
import time
from contextlib import aclosing

import pytest

from convonet.core.errors import StorageError, StorageRefused
from convonet.monitor.reporter import Reporter
from convonet.monitor.viewer import Viewer
from tests.monitor.hosts import OneProcess, monitor, now_turn, reporting, stored, until
from tests.sessions.doubles import World


async def test_a_component_whose_gauges_fail_once_is_seen_again(tmp_path):
    port, fails = OneProcess(), [True]

    def gauges():
        if fails.pop() if fails else False:
            raise ZeroDivisionError
        return {"sockets": 1.0}

    async with monitor(tmp_path) as port.host, reporting(Reporter("voice", "voice-1", port, gauges)):
        async with asyncio.timeout(10):
            while not port.host._board.total("sockets", time.time()):
                await asyncio.sleep(0.05)


async def test_a_turn_is_reported_together_with_the_changes_of_its_call(tmp_path):
    world, port = World(), OneProcess()
    async with monitor(tmp_path) as port.host, world.client() as client:
        reporter = Reporter("voice", "host-1", port, world.calls.gauges, world.calls)
        await reporter.write([])
        ok = await client.log_in()
        await reporter.write([now_turn(1)])
        assert [call.session_id for call in port.reports[-1].calls] == [ok["session_id"]]
        assert await stored(port.host) == 1
    await world.end()


async def test_gathered_records_go_with_the_report_that_is_due(tmp_path, monkeypatch):
    monkeypatch.setattr("convonet.records.queue.GATHER_DELAY_S", 60.0)
    world, port = World(), OneProcess()
    async with monitor(tmp_path) as port.host, world.client() as client:
        reporter = Reporter("voice", "host-1", port, world.calls.gauges, world.calls)
        records = reporter.record_queue(is_copy=False)
        async with reporting(reporter):
            records.add(now_turn(1))
            ok = await client.log_in()
            await until(lambda: not len(records))
            (with_record,) = [report for report in port.reports if report.records]
            assert [call.session_id for call in with_record.calls] == [ok["session_id"]]
    await world.end()


async def test_records_that_come_during_a_slow_report_are_gathered_too(tmp_path):
    port = OneProcess()
    async with monitor(tmp_path) as port.host:
        port.delay_s = 0.05
        reporter = Reporter("voice", "host-1", port, dict)
        records = reporter.record_queue(is_copy=False)
        for number in range(60):
            records.add(now_turn(number))
            await asyncio.sleep(0.05)
        await records.close()
        # they come for three seconds
        assert len(port.reports) <= 10
        assert await stored(port.host) == 60


async def test_no_report_waits_behind_a_slow_one(tmp_path):
    port = OneProcess()
    async with monitor(tmp_path) as port.host:
        reporter = Reporter("voice", "host-1", port, dict)
        async with reporting(reporter):
            await until(lambda: port.reports)
            port.delay_s = 3.0
            told = len(port.reports)
            await reporter.write([now_turn(1)])
            assert len(port.reports) == told + 1


async def test_calls_are_shown_while_the_file_takes_no_turn(tmp_path):
    world, port = World(), OneProcess()
    async with monitor(tmp_path) as port.host, world.client() as client:
        reporter = Reporter("voice", "host-1", port, world.calls.gauges, world.calls)
        async with reporting(reporter):
            await until(lambda: port.reports)
            write = port.host.index.write

            async def full(_):
                raise StorageError("the disk is full")

            port.host.index.write = full
            records = reporter.record_queue(is_copy=False)
            records.add(now_turn(1))
            ok = await client.log_in()
            await until(lambda: records.store_is_down)
            await until(lambda: [call.session_id for call in port.host._board.calls()] == [ok["session_id"]])
            # everything is told once, at the start
            assert sum(report.complete for report in port.reports) == 1
            port.host.index.write = write
            await until(lambda: not len(records))
            assert await stored(port.host) == 1
    await world.end()


async def test_a_file_that_takes_too_long_is_reported_and_has_each_turn_once(tmp_path):
    port = OneProcess()
    async with monitor(tmp_path, write_timeout_s=0.1) as port.host:
        reporter, write = Reporter("agent", "agent-1", port, dict), port.host.index.write

        async def slow(records):
            await asyncio.sleep(0.3)
            return await write(records)

        port.host.index.write = slow
        with pytest.raises(StorageError, match="too long"):
            await reporter.write([now_turn(1)])
        port.host.index.write = write
        port.host._write_timeout_s = 10
        await reporter.write([now_turn(1)])
        await asyncio.sleep(0.4)
        assert await stored(port.host) == 1
        assert port.host._today.view().turns == 1


async def test_a_turn_that_the_file_refuses_is_distinguished_from_a_file_that_fails(tmp_path):
    port = OneProcess()
    async with monitor(tmp_path) as port.host:
        reporter = Reporter("agent", "agent-1", port, dict)
        with pytest.raises(StorageRefused):
            await reporter.write([now_turn(1), now_turn(2, duration_ms=float("nan"), timings={})])
        assert await stored(port.host) == 0
        await reporter.write([now_turn(1)])
        assert await stored(port.host) == 1


async def test_gauges_that_fail_lose_no_turn(tmp_path):
    port = OneProcess()

    def gauges():
        raise ZeroDivisionError

    async with monitor(tmp_path) as port.host:
        await Reporter("agent", "agent-1", port, gauges).write([now_turn(1)])
        assert await stored(port.host) == 1


async def test_a_fault_in_the_changes_of_calls_ends_no_reports_and_loses_no_turn(tmp_path):
    world, port = World(), OneProcess()
    async with monitor(tmp_path) as port.host:
        reporter = Reporter("voice", "host-1", port, dict, world.calls)
        records, take = reporter.record_queue(is_copy=False), world.calls.take_changes
        async with reporting(reporter):
            world.calls.take_changes = iter(()).__next__
            records.add(now_turn(1))
            await until(lambda: records.store_is_down)
            world.calls.take_changes = take
            await until(lambda: not len(records))
            assert await stored(port.host) == 1
            await until(lambda: port.reports and port.reports[-1].complete)
    await world.end()


async def test_a_caller_who_waits_is_counted_within_a_second_and_other_gauges_are_not_reported_all_the_time(tmp_path):
    port, gauges = OneProcess(), {"queue.sales": 0, "messages": 0}
    async with monitor(tmp_path) as port.host:
        reporter = Reporter("call_center", "desk-1", port, lambda: dict(gauges))
        async with reporting(reporter), aclosing(port.host.follow(Viewer(), "Sue")) as messages:
            await anext(messages)
            # the monitor's answer to the first of them was that somebody looks
            await until(lambda: len(port.reports) > 2)
            told = len(port.reports)
            for _ in range(15):
                gauges["messages"] += 1
                await asyncio.sleep(0.1)
            assert len(port.reports) == told
            gauges["queue.sales"], began = 1, time.monotonic()
            async for message in messages:
                if getattr(message, "now", None) and message.now.queue:
                    break
            assert message.now.queue == {"sales": 1}
            assert time.monotonic() - began < 1


async def test_an_unwatched_component_costs_a_report_every_four_seconds(tmp_path):
    port = OneProcess()
    async with monitor(tmp_path) as port.host, reporting(Reporter("speech", "speech-1", port, dict)):
        await asyncio.sleep(6.5)
        assert len(port.reports) == 2


async def test_turns_are_stored_once_there_is_a_monitor_again(tmp_path):
    port = OneProcess()
    reporter = Reporter("agent", "agent-1", port, dict)
    records = reporter.record_queue(is_copy=False)
    async with reporting(reporter):
        for number in range(20):
            records.add(now_turn(number))
        await until(lambda: records.store_is_down)
        async with monitor(tmp_path) as port.host:
            await until(lambda: not len(records))
            assert await stored(port.host) == 20
