"""Reports over the connection to the monitor: delivery, the key, and broken connections."""

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
from convonet.monitor.report_connection import ReportAddress, ReportServer
from convonet.monitor.reporter import Reporter
from convonet.monitor.reports import Attention, CallReport, Report, ReportAnswer
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
async def serving(take, **timeouts):
    """A running server's address."""
    server = ReportServer(take, **timeouts)
    address = await server.start("127.0.0.1")
    try:
        yield address
    finally:
        await server.stop()


def to(address, **options):
    async def find():
        return address

    return RemoteMonitor(find, **options)


async def raw(address, *sent):
    """Send bytes, and wait until the other side closes."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    for part in sent:
        writer.write(part)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def framed(message):
    return len(message).to_bytes(4, "big") + message


async def test_a_report_arrives_as_it_was_sent_and_is_answered():
    listener = Listener()
    async with serving(listener.take) as address:
        port = to(address)
        assert await port.report(FULL) == ReportAnswer(Attention.WATCHED, "answer 1", refused=True)
        assert await port.report(LAST) == ReportAnswer(Attention.WATCHED, "answer 2", refused=True)
    assert listener.reports == [FULL, LAST]


async def test_one_connection_serves_all_reports_of_a_process(monkeypatch):
    opened = []
    open_connection = asyncio.open_connection
    monkeypatch.setattr(asyncio, "open_connection", lambda *where: opened.append(where) or open_connection(*where))
    async with serving(Listener().take) as address:
        port = to(address)
        for _ in range(3):
            await port.report(QUIET)
        await port.report(LAST)
    assert len(opened) == 1


async def test_nobody_without_the_key_gets_a_report_in():
    listener = Listener()
    async with serving(listener.take) as address:
        report = framed(b'{"part": "speech", "replica": "x", "since": 1, "figures": {}}')
        for key in (b"", b"not the key", address.key.encode()[:-1], b"\xff\xfe"):
            assert await raw(address, key + b"\n", report) == b""
        assert await raw(address, b"k" * 100_000) == b""
        with pytest.raises(StorageError):
            await to(replace(address, key="not the key")).report(QUIET)
        assert listener.reports == []
        assert b"answer 1" in await raw_answer(address, report)
    assert len(listener.reports) == 1


async def raw_answer(address, message):
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(address.key.encode() + b"\n" + message)
    answer = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    writer.close()
    return answer


async def test_a_connection_without_a_key_is_closed():
    async with serving(Listener().take, key_timeout_s=0.1) as address:
        assert await raw(address) == b""


async def test_a_message_that_is_no_report_is_refused_and_quotes_no_caller():
    listener = Listener()
    later = {"part": "speech", "replica": "x", "since": 1, "figures": {}, "calls": [{"words": "my pin is 1234"}]}
    async with serving(listener.take) as address:
        with capture_logs() as logs:
            for message in (json.dumps(later).encode(), b"no json, my pin is 1234"):
                answer = json.loads(await raw_answer(address, framed(message)))
                # it may be understood by the next monitor
                assert (answer["attention"], answer["refused"]) == ("away", False)
                assert "1234" not in str(answer)
            # too long to be one
            assert await raw(address, address.key.encode() + b"\n", b"\xff\xff\xff\xff") == b""
        assert [line["event"] for line in logs] == [*["report_not_understood"] * 2, "report_refused"]
        assert "1234" not in str(logs)
        assert logs[0]["wrong"] == ["calls.0.call", "calls.0.session_id"]
    assert listener.reports == []


async def test_fields_of_a_later_version_are_ignored():
    listener = Listener()
    report = {"part": "speech", "replica": "x", "since": 1, "figures": {"a": 1}, "of_later": True}
    async with serving(listener.take) as address:
        await raw_answer(address, framed(json.dumps(report).encode()))
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


async def test_a_silent_connection_is_closed():
    async with serving(Listener().take, silence_timeout_s=0.1) as address:
        assert await raw(address, address.key.encode() + b"\n") == b""


async def test_a_stop_waits_for_reports_in_progress_and_takes_no_more():
    listener = Listener()
    server = ReportServer(listener.take)
    address = await server.start("127.0.0.1")
    port = to(address)
    await port.report(QUIET)
    listener.answers.clear()
    last = asyncio.create_task(port.report(QUIET))
    await until(lambda: len(listener.reports) == 2)
    asyncio.get_running_loop().call_later(0.1, listener.answers.set)
    await server.stop()
    with pytest.raises(StorageError):
        # its answer went with the connection: it tells again
        await last
    # a connection that was accepted before the end and is looked at after it
    late = await asyncio.start_server(server._serve, address.host, 0)
    where = replace(address, port=late.sockets[0].getsockname()[1])
    with pytest.raises(StorageError):
        await to(where).report(QUIET)
    late.close()
    assert len(listener.reports) == 2


async def test_a_report_that_was_given_up_never_comes_late():
    """A monitor that does not read for a moment gets no more of it than what was on its way."""
    got = []

    async def slow(reader, writer):
        key = await reader.readline()
        await asyncio.sleep(0.3)
        got.append(len(key + await reader.read()))
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    lines = tuple(LiveLine(number=n, at=1.0, who="agent", text="a" * 1000) for n in range(20_000))
    big = replace(FULL, calls=(CallReport("s-1", CALL, lines),))
    given_up = asyncio.create_task(to(ReportAddress(host, port, "key")).report(big))
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
