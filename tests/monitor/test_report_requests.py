"""Reports to the monitor: delivery, the key, and broken connections."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic_core import to_json
from structlog.testing import capture_logs

from actors.remote_monitor import RemoteMonitor
from convonet.core.errors import StorageError
from convonet.monitor.messages import CallState, LiveCall, LiveLine
from convonet.monitor.report_requests import REPORT, report_server
from convonet.monitor.reporter import Reporter
from convonet.monitor.reports import Attention, CallReport, Report, ReportAnswer
from convonet.rpc.replica import Replica, SilenceTimeouts
from convonet.rpc.wire import Address
from tests.fixtures.black_hole import Way
from tests.monitor.conftest import tool_call
from tests.monitor.hosts import monitor, now_turn, reporting, stored, until
from tests.sessions.doubles import World

QUIET = Report("speech", "speech-1", 1_000.0, {"busy": 1})
CALL = LiveCall(session_id="s-1", user_name="Ann", state=CallState.WITH_HUMAN, state_since=1.5, began_at=1.0)
ENTRIES = (
    LiveLine(number=0, at=1.0, who="caller", text="김치찌개 for two\n\0"),
    LiveLine(number=1, at=2.0, who="tool", text="Looking", failed=True, open=True),
)
LAST = replace(QUIET, ended=True)
FULL = Report(
    "voice",
    "host-1",
    1_000.5,
    {"sessions": 1, "loop_lag_ms": 0.5},
    (CallReport("s-1", CALL, ENTRIES), CallReport("s-2", None)),
    complete=True,
    records=(now_turn(1, tools=(tool_call(status="failed"),)), now_turn(2)),
)


class Listener:
    """Takes reports and answers when it is allowed to."""

    def __init__(self):
        self.reports = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def take(self, report):
        self.reports.append(report)
        await self.answers.wait()
        return ReportAnswer(Attention.WATCHED, f"answer {len(self.reports)}", refused=True)


@asynccontextmanager
async def serving(take):
    """A running server's address."""
    server = report_server(take)
    address = await server.start("127.0.0.1")
    try:
        yield address
    finally:
        await server.stop()


def to(address, **options):
    async def find():
        return address

    return RemoteMonitor(find, **options)


async def answer_to(address, params):
    """Send a request of another version, and return its answer."""
    replica = await Replica.connect(address, SilenceTimeouts(), lambda: None)
    try:
        return await replica.send_request(REPORT, params).answer
    finally:
        replica.close()


async def test_a_report_arrives_as_it_was_sent_and_is_answered():
    listener = Listener()
    async with serving(listener.take) as address:
        port = to(address)
        assert await port.report(FULL) == ReportAnswer(Attention.WATCHED, "answer 1", refused=True)
        assert await port.report(LAST) == ReportAnswer(Attention.WATCHED, "answer 2", refused=True)
    assert listener.reports == [FULL, LAST]


async def test_one_connection_serves_all_reports_of_a_process(monkeypatch):
    opened = []
    connect = Replica.connect
    monkeypatch.setattr(Replica, "connect", lambda *args, **options: opened.append(args) or connect(*args, **options))
    async with serving(Listener().take) as address:
        port = to(address)
        for _ in range(3):
            await port.report(QUIET)
        await port.report(LAST)
    assert len(opened) == 1


async def test_nobody_without_the_key_gets_a_report_in():
    listener = Listener()
    async with serving(listener.take) as address:
        with pytest.raises(StorageError):
            await to(replace(address, key="not the key")).report(QUIET)
    assert listener.reports == []


async def test_a_message_that_is_no_report_is_refused_and_quotes_no_caller():
    listener = Listener()
    later = {"part": "speech", "replica": "x", "since": 1, "figures": {}, "calls": [{"words": "my pin is 1234"}]}
    async with serving(listener.take) as address:
        with capture_logs() as logs:
            answer = await answer_to(address, later)
        # it may be understood by the next monitor
        assert (answer["attention"], answer["refused"]) == ("away", False)
        assert "1234" not in str(answer)
        assert [line["event"] for line in logs] == ["report_not_understood"]
        assert "1234" not in str(logs)
        assert logs[0]["wrong"] == ["calls.0.call", "calls.0.session_id"]
    assert listener.reports == []


async def test_fields_of_a_later_version_are_ignored():
    listener = Listener()
    report = {"part": "speech", "replica": "x", "since": 1, "figures": {"a": 1}, "of_later": True}
    async with serving(listener.take) as address:
        await answer_to(address, report)
    assert listener.reports == [Report("speech", "x", 1.0, {"a": 1.0})]


async def test_a_report_that_was_broken_off_leaves_no_answer_for_the_next():
    listener = Listener()
    async with serving(listener.take) as address:
        port = to(address)
        await port.report(QUIET)
        listener.answers.clear()
        first = asyncio.create_task(port.report(QUIET))
        await until(lambda: len(listener.reports) == 2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        listener.answers.set()
        assert (await port.report(LAST)).not_kept == "answer 3"


async def test_a_monitor_that_hangs_is_unavailable():
    listener = Listener()
    async with serving(listener.take) as address:
        port = to(address, report_timeout_s=0.1)
        listener.answers.clear()
        with pytest.raises(StorageError, match="in time"):
            await port.report(QUIET)
        listener.answers.set()
        port._report_timeout_s = 10
        assert (await port.report(LAST)).attention is Attention.WATCHED


@pytest.mark.parametrize("fault", [ZeroDivisionError, ValueError, OSError])
async def test_a_host_that_crashes_over_a_report_answers_and_takes_the_next(fault):
    listener, crashes = Listener(), [True]

    async def take(report):
        if crashes.pop() if crashes else False:
            raise fault
        return await listener.take(report)

    async with serving(take) as address:
        port = to(address)
        with capture_logs() as logs:
            crashed = await port.report(FULL)
        assert (crashed.attention, bool(crashed.not_kept), crashed.refused) == (Attention.UNAVAILABLE, True, False)
        assert [line["event"] for line in logs] == ["report_crashed"]
        assert (await port.report(LAST)).attention is Attention.WATCHED


async def test_a_stop_waits_for_reports_in_progress_and_takes_no_more():
    listener = Listener()
    server = report_server(listener.take)
    port = to(await server.start("127.0.0.1"))
    await port.report(QUIET)
    listener.answers.clear()
    last = asyncio.create_task(port.report(QUIET))
    await until(lambda: len(listener.reports) == 2)
    asyncio.get_running_loop().call_later(0.1, listener.answers.set)
    await server.stop()
    assert (await last).not_kept == "answer 2"
    with pytest.raises(StorageError):
        await port.report(QUIET)
    assert len(listener.reports) == 2


async def test_a_report_that_was_given_up_never_comes_late():
    """A monitor that does not read for a moment gets no more of it than what was on its way."""
    got = []

    async def slow(reader, writer):
        await reader.readline()
        ping = json.loads(await reader.readline())
        writer.write(json.dumps({"jsonrpc": "2.0", "id": ping["id"], "result": {}}).encode() + b"\n")
        await asyncio.sleep(0.3)
        got.append(len(await reader.read()))
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    entries = tuple(LiveLine(number=n, at=1.0, who="agent", text="a" * 1000) for n in range(20_000))
    big = replace(FULL, calls=(CallReport("s-1", CALL, entries),))
    given_up = asyncio.create_task(to(Address(host, port, "key")).report(big))
    await asyncio.sleep(0.1)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    await until(lambda: got)
    assert got[0] < len(to_json(big))
    server.close()


async def test_another_monitor_is_found_and_gets_complete_reports_and_no_turn_is_missing(tmp_path):
    where = []

    async def find():
        if not where:
            raise StorageError("none is there")
        return where[-1]

    reporter = Reporter("agent", "agent-1", RemoteMonitor(find), lambda: {"sessions": 3})
    records = reporter.record_queue(is_copy=False)
    async with reporting(reporter):
        for number, of_all in ((1, 1), (2, 3)):
            records.add(now_turn(number))
            async with monitor(tmp_path) as host, serving(host.report) as address:
                where.append(address)
                await until(lambda: not len(records))
                assert await stored(host) == of_all
                await until(lambda host=host: host._board.total("sessions", time.time()) == 3)
                where.clear()
            records.add(now_turn(10 + number))
            await until(lambda: records.store_is_down)
        async with monitor(tmp_path) as host, serving(host.report) as address:
            where.append(address)
            await until(lambda: not len(records))
            assert await stored(host) == 4


async def test_a_monitor_whose_machine_vanishes_is_replaced_and_no_turn_is_missing(tmp_path):
    where = []

    async def find():
        return where[-1]

    reporter = Reporter("agent", "agent-1", RemoteMonitor(find), lambda: {"sessions": 3})
    records = reporter.record_queue(is_copy=False)
    async with monitor(tmp_path) as host, serving(host.report) as address:
        with Way.to(address.port) as way:
            where.append(replace(address, port=way.port))
            async with reporting(reporter):
                records.add(now_turn(1))
                await until(lambda: not len(records))
                way.vanish()
                records.add(now_turn(2))
                async with serving(host.report) as other:
                    where.append(other)
                    await until(lambda: not len(records))
                    assert await stored(host) == 2


async def test_a_call_that_is_not_understood_loses_no_turn(tmp_path):
    world = World()
    async with monitor(tmp_path) as host, serving(host.report) as address, world.client() as client:
        reporter = Reporter("voice", "host-1", to(address), world.calls.gauges, world.calls)
        records = reporter.record_queue(is_copy=False)
        await client.log_in()
        for call in world.calls._calls.values():
            call.call.began_at = float("nan")
        async with reporting(reporter):
            for number in range(3):
                records.add(now_turn(number))
            await until(lambda: not len(records))
        assert await stored(host) == 3
    await world.end()
