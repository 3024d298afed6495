"""A replica's own port: its clients, its refusals, and its stop."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from convonet.rpc import wire
from convonet.rpc.replica import Replica, ReplicaUnavailable, SilenceTimeouts
from convonet.rpc.server import CRASHED, MAX_AT_ONCE, MAX_HELLO_BYTES, TOO_LONG, RpcServer
from convonet.rpc.wire import RpcError


def line(**message):
    """A message as sent over the connection."""
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"


def hello(key):
    return line(method="hello", params={"key": key})


ECHO = line(id=1, method="echo", params={"text": "hello"})


class Work:
    """A handler with odd answers, which records its requests."""

    def __init__(self):
        self.asked = []
        self.at_work = self.most_at_work = 0
        self.began = asyncio.Event()
        self.given_up = asyncio.Event()

    async def answer(self, request):
        self.asked.append(request.method)
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        try:
            return await getattr(self, request.method)(request, **request.params)
        finally:
            self.at_work -= 1

    async def echo(self, _, text, times=1):
        return {"text": text * times}

    async def count(self, request, until):
        for number in range(until):
            request.emit({"number": number})
            await asyncio.sleep(0)
        return {"counted": until}

    async def tell(self, request, text, times):
        request.emit({"text": text * times})
        return {}

    async def fail(self, _, code):
        raise RpcError(code, "no such thing", {"why": "it is odd"})

    async def crash(self, _):
        raise ValueError("secret")

    async def wait(self, _, seconds):
        self.began.set()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return {"waited": seconds}


@pytest.fixture
def work():
    return Work()


@pytest.fixture
async def server(work):
    server = RpcServer(work.answer, stop_timeout_s=2, hello_timeout_s=0.3)
    yield server
    await server.stop()


@pytest.fixture
async def address(server):
    return await server.start("127.0.0.1")


@pytest.fixture
async def replica(address):
    replica = await Replica.connect(address, SilenceTimeouts(), lambda: None)
    yield replica
    replica.close()
    await replica.closed


async def heard_after(address, *lines):
    """Send these messages and return all that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    heard = b""
    with contextlib.suppress(ConnectionError):
        writer.writelines(lines)
        async with asyncio.timeout(5):
            heard = await reader.read()
    writer.close()
    return heard


@pytest.mark.parametrize(
    "lines",
    [
        [ECHO],
        [hello("another key"), ECHO],
        [hello("é"), ECHO],
        [b'{"jsonrpc": "2.0", "method": "hello"}\n', ECHO],
        [line(id=1, method="ping", params={})],
        [b"GET / HTTP/1.1\r\n"],
        [b"[]\n"],
        [b"x" * (2 * MAX_HELLO_BYTES)],
        [b"x" * (2 * MAX_HELLO_BYTES) + b"\n"],
        [],
    ],
    ids=["no key", "wrong key", "odd key", "empty", "ping", "http", "list", "long", "long line", "silent"],
)
async def test_a_client_without_the_key_gets_no_answer(address, work, lines):
    assert await heard_after(address, *lines) == b""
    assert work.asked == []


@pytest.mark.parametrize(
    "odd",
    [
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        b'{"id": 1, "method": "echo"}\n',
        b'{"id": "1", "method": "echo", "params": {}}\n',
        b'{"method": "notifications/initialized"}\n',
        b"x" * (wire.MAX_MESSAGE_BYTES + 1),
    ],
    ids=["list", "empty", "bytes", "no params", "no number", "notice", "long"],
)
async def test_a_client_with_the_key_that_sends_invalid_messages_is_disconnected(address, work, odd):
    assert await heard_after(address, hello(address.key), odd, ECHO) == b""
    assert work.asked == []


async def test_a_refusal_is_logged_without_the_message(address):
    with capture_logs() as logs:
        await heard_after(address, hello("secret"))
    assert logs == [{"event": "rpc_connection_refused", "error": "ValueError", "log_level": "warning"}]


async def test_an_address_does_not_show_its_key(address):
    assert address.key not in repr(address)


async def test_with_another_key_nobody_can_connect(address):
    with pytest.raises(ReplicaUnavailable):
        await Replica.connect(replace(address, key="another"), SilenceTimeouts(), lambda: None)


async def test_events_come_before_the_answer_in_order(replica):
    events = []
    question = replica.send_request("count", {"until": 5}, events.append)
    assert await question.answer == {"counted": 5}
    assert events == [{"number": number} for number in range(5)]


@pytest.mark.parametrize("times", [1, 100_000, 700_000])
async def test_messages_of_any_length_come_whole(replica, times):
    answer = await replica.send_request("echo", {"text": "hello", "times": times}).answer
    assert answer == {"text": "hello" * times}
    assert await replica.send_request("echo", {"text": "hello" * times}).answer == {"text": "hello" * times}


@pytest.mark.parametrize(
    ("method", "params", "code", "message", "data"),
    [
        ("fail", {"code": -32601}, -32601, "no such thing", {"why": "it is odd"}),
        ("crash", {}, CRASHED.code, CRASHED.message, None),
        ("echo", {"text": "hello", "times": 1_000_000}, TOO_LONG.code, TOO_LONG.message, None),
        ("tell", {"text": "hello", "times": 1_000_000}, TOO_LONG.code, TOO_LONG.message, None),
    ],
)
async def test_a_failed_request_is_an_error_and_the_connection_stays(replica, method, params, code, message, data):
    with pytest.raises(RpcError) as caught:
        await replica.send_request(method, params).answer
    assert (caught.value.code, caught.value.message, caught.value.data) == (code, message, data)
    assert await replica.send_request("echo", {"text": "hello"}).answer == {"text": "hello"}


@pytest.mark.parametrize(("text", "why"), [("x" * wire.MAX_MESSAGE_BYTES, "too long"), ("\ud800", "surrogate")])
async def test_a_request_that_can_not_be_sent_fails_no_other(replica, work, text, why):
    slow = replica.send_request("wait", {"seconds": 0.2})
    with pytest.raises(ValueError, match=why):
        replica.send_request("echo", {"text": text})
    assert await slow.answer == {"waited": 0.2}
    assert work.asked == ["wait"]


async def test_requests_of_one_connection_do_not_wait_for_each_other(replica, work):
    slow = replica.send_request("wait", {"seconds": 30})
    await work.began.wait()
    await replica.send_request("echo", {"text": "hello"}).answer
    assert not slow.answer.done()
    replica.abandon(slow)
    async with asyncio.timeout(5):
        await work.given_up.wait()


async def test_running_requests_are_cancelled_when_their_client_disconnects(replica, work):
    replica.send_request("wait", {"seconds": 30})
    await work.began.wait()
    replica.close()
    async with asyncio.timeout(5):
        await work.given_up.wait()


async def test_too_many_at_once_wait_and_are_answered_and_a_ping_does_not_wait(replica, work):
    questions = [replica.send_request("wait", {"seconds": 0.3}) for _ in range(3 * MAX_AT_ONCE)]
    await replica.ping().answer
    assert not any(question.answer.done() for question in questions)
    await asyncio.gather(*(question.answer for question in questions))
    assert work.most_at_work == MAX_AT_ONCE


async def test_a_server_that_stops_refuses_new_requests_at_once(server, replica, work):
    slow = replica.send_request("wait", {"seconds": 0.3})
    await work.began.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0)
    with pytest.raises(ReplicaUnavailable):
        await replica.send_request("echo", {"text": "hello"}).answer
    assert replica.is_stopping
    assert not slow.answer.done()
    assert await slow.answer == {"waited": 0.3}
    await stopping


async def test_a_stop_answers_running_requests_and_closes(server, replica, work):
    slow = replica.send_request("wait", {"seconds": 0.3})
    await work.began.wait()
    await server.stop()
    assert await slow.answer == {"waited": 0.3}
    async with asyncio.timeout(5):
        await replica.closed
    with pytest.raises(ReplicaUnavailable):
        await replica.send_request("echo", {"text": "hello"}).answer


async def test_a_stop_waits_no_longer_than_it_may(address, work):
    server = RpcServer(work.answer, stop_timeout_s=0.1)
    replica = await Replica.connect(await server.start("127.0.0.1"), SilenceTimeouts(), lambda: None)
    slow = replica.send_request("wait", {"seconds": 30})
    await work.began.wait()
    async with asyncio.timeout(5):
        await server.stop()
        with pytest.raises(ReplicaUnavailable):
            await slow.answer
        await work.given_up.wait()
