"""Strangers at the door of the running product while a caller talks, who notices nothing of them."""

import asyncio
import contextlib
import json
import random
import re
import resource
import socket
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import pytest
import websockets
from websockets.frames import Frame, Opcode

from tests.e2e.socket_caller import SocketCaller

FLOOD = 10_000
CALM_ANSWER_S = 5.0
SOCKETS = 16
IDLE_CONNECTIONS = 4_150
CROWD, BOMBER = "127.0.0.55", "127.0.0.56"
LARGE_MB = 16
GROWTH_MB = 40
"""Of a voice replica that serves a caller; the bombs would inflate to gigabytes."""


def test_a_page_of_another_site_is_refused_and_ours_is_let_in(product):
    async def first(origin):
        async with websockets.connect(url(product), origin=origin) as socket:
            return json.loads(await asyncio.wait_for(socket.recv(), 10))

    refused = asyncio.run(first("https://evil.example"))
    assert (refused["type"], refused["code"]) == ("error", "origin_refused")
    assert asyncio.run(first(product.url))["type"] == "auth_required"


def test_every_page_is_sent_with_a_strict_policy(product):
    for path in ("/voice_assistant", "/health", "/no-such-page"):
        headers = headers_of(f"{product.url}{path}")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_floods_and_noise_are_answered_and_a_caller_beside_them_notices_nothing(product):
    slowest = asyncio.run(_talk_beside_strangers(product))
    assert slowest < CALM_ANSWER_S


@pytest.mark.parametrize("bomb", ["compressed", "large"])
def test_bombs_before_login_take_no_memory_and_no_time(product, bomb):
    async def sixteen(product):
        await asyncio.gather(*(_bombs(product, bomb) for _ in range(SOCKETS)))

    before = _memory_of_voice(product)
    assert asyncio.run(_talk_beside_strangers(product, sixteen)) < CALM_ANSWER_S
    after = _memory_of_voice(product)
    assert all(after[pid] - before[pid] < GROWTH_MB for pid in before)


def test_thousands_of_idle_connections_of_one_address_stop_neither_turns_nor_new_callers(product):
    async def crowd(product):
        with _idle_connections(product, IDLE_CONNECTIONS):
            async with SocketCaller.connect(product.port, product.pin) as newcomer:
                assert await newcomer.ask("hello")

    assert asyncio.run(_talk_beside_strangers(product, crowd)) < CALM_ANSWER_S


def test_before_login_a_flood_ends_its_socket(product):
    async def flood():
        async with websockets.connect(url(product)) as stranger:
            with contextlib.suppress(websockets.ConnectionClosed):
                for number in range(100):
                    await stranger.send(json.dumps({"type": "heartbeat", "ts_ms": number}))
            await asyncio.wait_for(stranger.wait_closed(), 10)
            return stranger.close_code

    assert asyncio.run(flood()) in {1008, 1006}


async def _talk_beside_strangers(product, *works):
    """The slowest of a caller's answers while others misbehave."""
    async with SocketCaller.connect(product.port, product.pin) as caller:
        await caller.ask("hello")
        strangers = [asyncio.create_task(work(product)) for work in works or (_flood, _noise, _stray_session)]
        times = []
        while not all(stranger.done() for stranger in strangers):
            started = time.monotonic()
            assert await caller.ask("hello")
            times.append(time.monotonic() - started)
        await asyncio.gather(*strangers)
    return max(times)


async def _flood(product):
    async with SocketCaller.connect(product.port, product.pin) as flooder:
        for number in range(FLOOD):
            await flooder.say("heartbeat", ts_ms=number)
        assert await flooder.until("error", code="rate_limited")


async def _noise(product):
    """Random bytes and texts of a caller; the socket stays open and knows what a message is."""
    draw = random.Random(1)
    async with SocketCaller.connect(product.port, product.pin) as caller:
        for _ in range(200):
            size = draw.randrange(400)
            noise = draw.randbytes(size)
            await caller.say_raw(noise if draw.random() < 0.5 else noise.decode("latin-1"))
            await caller.until("error")
        await caller.say("text_input", text="x" * 300_000)
        await caller.until("error", code="message_too_large")


async def _stray_session(product):
    async with websockets.connect(url(product)) as stranger:
        await stranger.recv()
        for token in ("", "x", "x" * 3_000, "eyJhbGciOiJub25lIn0.e30."):
            await stranger.send(json.dumps({"type": "authenticate", "resume_token": token}))
            assert json.loads(await asyncio.wait_for(stranger.recv(), 10))["code"] in {"resume_failed", "bad_field"}


async def _bombs(product, bomb):
    """Ten frames a second for five seconds, on a new socket whenever one is closed."""
    data = b"a" * (LARGE_MB << 20)
    frame = Frame(Opcode.TEXT, _deflated(data), rsv1=True) if bomb == "compressed" else Frame(Opcode.TEXT, data)
    wire, until = _on_the_wire(frame), time.monotonic() + 5
    while time.monotonic() < until:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _throw(product, wire, times=10)


async def _throw(product, wire, times):
    reader, writer = await asyncio.open_connection("127.0.0.1", product.port, local_addr=(BOMBER, 0))
    lines = ["GET /webrtc/ws HTTP/1.1", f"Host: 127.0.0.1:{product.port}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += ["Sec-WebSocket-Extensions: permessage-deflate"]
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(times):
            writer.write(wire)
            async with asyncio.timeout(5):
                await writer.drain()
            await asyncio.sleep(0.1)
    finally:
        writer.transport.abort()


def _deflated(data):
    squeeze = zlib.compressobj(wbits=-15)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _on_the_wire(frame):
    """Masked with zeros; `Frame` itself would not let the bit of compression through."""
    first = 0x80 | (0x40 if frame.rsv1 else 0) | frame.opcode
    return bytes([first, 0xFF]) + len(frame.data).to_bytes(8) + bytes(4) + frame.data


@contextlib.contextmanager
def _idle_connections(product, count):
    """Connections of one address that say nothing; the door closes those that are too many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(count):
            with contextlib.suppress(ConnectionResetError):
                source = (CROWD, 0)
                stack.enter_context(
                    socket.create_connection(("127.0.0.1", product.port), timeout=10, source_address=source)
                )
        yield


def _memory_of_voice(product):
    """Resident megabytes of each voice replica, by pid."""
    pids = [pid for pid, command in product.processes().items() if "ServeReplica:voice:Voice" in command]
    assert pids
    status = {pid: Path(f"/proc/{pid}/status").read_text() for pid in pids}
    return {pid: int(re.search(r"VmRSS:\s+(\d+)", text)[1]) // 1024 for pid, text in status.items()}


def url(product):
    return f"ws://127.0.0.1:{product.port}/webrtc/ws"


def headers_of(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.headers
    except urllib.error.HTTPError as error:
        return error.headers
