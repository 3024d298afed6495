"""The limits of the HTTP server that Ray starts, tested on its sockets as strangers would use them."""

import asyncio
import json
import os
import struct
import zlib
from contextlib import asynccontextmanager, suppress

import pytest
import websockets
from ray.serve._private import constants, http_util, proxy, replica
from ray.serve.config import HTTPOptions
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

import deployments
from convonet.settings import Settings
from convonet.web.login_limits import LOGIN_MESSAGES_PER_S, MAX_LOGIN_BYTES, lift_login_limits
from deployments import http_server
from deployments.http_server import MESSAGE_OVERHEAD_BYTES, limit_proxy_server, limited
from tests.fixtures.ports import free_port

UTTERANCE_BYTES = 300_000
LARGEST = UTTERANCE_BYTES * 4 // 3 + MESSAGE_OVERHEAD_BYTES
BURST = 4 * LOGIN_MESSAGES_PER_S
POLICY, TOO_BIG = 1008, 1009
HUNG_UP = 1006
"""A server that closes with something unread may take its own close frame back."""

CONTINUATION, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, 10


class Echo:
    """Lifts the limits at the word "known"; answers each message with its length, or as slowly as it is told."""

    def __init__(self):
        self.scope = {}
        self.taken = 0
        self.may_take = asyncio.Event()
        self.may_take.set()
        self.ended = asyncio.Event()

    async def serve(self, websocket):
        self.scope = websocket.scope
        await websocket.accept()
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            self.taken += 1
            text = message.get("text")
            if text == "known":
                lift_login_limits(websocket)
            await self.may_take.wait()
            await websocket.send_text(str(len(text if text is not None else message["bytes"])))
        self.ended.set()


@asynccontextmanager
async def serving(monkeypatch, *, login_limits=True, **settings):
    """The server as Ray starts it in a replica: its port and its application."""
    own = Settings(CONVONET_MAX_UTTERANCE_BYTES=UTTERANCE_BYTES, VOICE_PIN="471182", **settings)
    monkeypatch.setattr(http_server, "get_settings", lambda: own)
    echo, port = Echo(), free_port()
    app = Starlette(routes=[WebSocketRoute("/", echo.serve)])
    start = limited(http_util.start_asgi_http_server, login_limits=login_limits)
    options = HTTPOptions(host="127.0.0.1", port=port)
    task, server = await start(app, options, event_loop=asyncio.get_running_loop())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield port, echo
    finally:
        server.should_exit = True
        await task


def connect(port, **options):
    return websockets.connect(
        f"ws://127.0.0.1:{port}/", max_size=None, ping_interval=None, close_timeout=0.5, **options
    )


async def closed_with(socket):
    async with asyncio.timeout(10):
        await socket.wait_closed()
    return socket.close_code


async def send_again_and_again(socket, message, *, times):
    for _ in range(times):
        await socket.send(message)


class RawSocket:
    """A client that sends whatever frames a test wants, masked with zeros."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def connect(cls, port, *offers):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ["GET / HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *offers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        socket = cls(reader, writer)
        socket.response = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        try:
            yield socket
        finally:
            writer.transport.abort()

    def header(self, opcode, size, *, fin=True, compressed=False):
        first = (fin << 7) | (compressed << 6) | opcode
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 65_536:
            length = b"\xfe" + struct.pack("!H", size)
        else:
            length = b"\xff" + struct.pack("!Q", size)
        self._writer.write(bytes([first]) + length + bytes(4))

    def frame(self, opcode, data=b"", **flags):
        self.header(opcode, len(data), **flags)
        self._writer.write(data)

    async def close_code(self):
        """Of the server's close frame; what comes before is passed over."""
        async with asyncio.timeout(10):
            try:
                while True:
                    opcode, length = await self._reader.readexactly(2)
                    if length == 126:
                        length = int.from_bytes(await self._reader.readexactly(2))
                    data = await self._reader.readexactly(length)
                    if opcode & 0x0F == 8:
                        return int.from_bytes(data[:2])
            except (asyncio.IncompleteReadError, ConnectionError):
                return HUNG_UP


def test_every_replica_starts_its_server_with_these_limits():
    """`deployments` is imported by whatever a replica runs."""
    deployments.prepare_replica()
    assert replica.start_asgi_http_server.__wrapped__ is http_util.start_asgi_http_server


def test_rays_own_proxy_starts_its_server_with_them_when_it_asks(monkeypatch):
    monkeypatch.setattr(proxy, "start_asgi_http_server", http_util.start_asgi_http_server)
    assert limit_proxy_server() == []
    wrapped = proxy.start_asgi_http_server
    assert wrapped.__wrapped__ is http_util.start_asgi_http_server
    assert limit_proxy_server() == []
    assert proxy.start_asgi_http_server is wrapped


async def test_compression_is_not_negotiated(monkeypatch):
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    async with serving(monkeypatch) as (port, echo), RawSocket.connect(port, offer) as socket:
        assert " 101 " in socket.response
        assert "sec-websocket-extensions" not in socket.response
        bomb = zlib.compressobj(wbits=-15)
        packed = bomb.compress(b"a" * 16_777_216) + bomb.flush(zlib.Z_SYNC_FLUSH)
        socket.frame(TEXT, packed[:-4], compressed=True)
        assert await socket.close_code() in {1002, TOO_BIG}
        assert echo.taken == 0


async def test_before_login_a_message_that_announces_more_than_its_limit_ends_the_socket_unread(monkeypatch):
    async with serving(monkeypatch) as (port, echo):
        async with RawSocket.connect(port) as socket:
            socket.header(TEXT, 16_000_000)
            assert await socket.close_code() == TOO_BIG
        async with connect(port) as socket:
            await socket.send("x" * MAX_LOGIN_BYTES)
            assert await socket.recv() == str(MAX_LOGIN_BYTES)
            await socket.send("x" * (MAX_LOGIN_BYTES + 1))
            assert await closed_with(socket) == TOO_BIG
        assert echo.taken == 1


async def test_fragments_are_counted_together(monkeypatch):
    async with serving(monkeypatch) as (port, echo), RawSocket.connect(port) as socket:
        socket.frame(TEXT, b"x" * 3_000, fin=False)
        socket.frame(CONTINUATION, b"x" * 1_096, fin=False)
        socket.header(CONTINUATION, 1)
        assert await socket.close_code() == TOO_BIG
        assert echo.taken == 0


async def test_after_login_a_whole_recording_fits_in_one_message_and_no_more(monkeypatch):
    async with serving(monkeypatch) as (port, _), connect(port) as socket:
        await socket.send("known")
        await socket.recv()
        await socket.send("x" * LARGEST)
        assert await socket.recv() == str(LARGEST)
        await socket.send("x" * (LARGEST + 1))
        assert await closed_with(socket) == TOO_BIG


@pytest.mark.parametrize(
    "opcode", [TEXT, BINARY, PING, 10, CONTINUATION], ids=["text", "binary", "ping", "pong", "fragment"]
)
async def test_before_login_more_than_a_few_frames_end_the_socket(monkeypatch, opcode):
    async with serving(monkeypatch) as (port, echo), RawSocket.connect(port) as socket:
        if opcode == CONTINUATION:
            socket.frame(TEXT, b"x", fin=False)
        for _ in range(10 * BURST):
            socket.frame(opcode, b"x", fin=opcode != CONTINUATION)
        assert await socket.close_code() in {POLICY, HUNG_UP}
        assert echo.taken <= BURST


async def test_after_login_messages_come_as_fast_as_they_like_and_pings_do_not(monkeypatch):
    async with serving(monkeypatch) as (port, echo), connect(port) as socket:
        await socket.send("known")
        await socket.recv()
        for _ in range(1_000):
            await socket.send("x")
        for _ in range(1_000):
            await socket.recv()
        assert echo.taken == 1_001
        with suppress(websockets.ConnectionClosed):
            for _ in range(10 * BURST):
                await socket.ping(os.urandom(8))
        assert await closed_with(socket) in {POLICY, HUNG_UP}


async def test_the_number_of_empty_fragments_is_limited(monkeypatch):
    async with serving(monkeypatch) as (port, echo), RawSocket.connect(port) as socket:
        socket.frame(TEXT, b"known")
        while echo.taken < 1:
            await asyncio.sleep(0.01)
        socket.frame(TEXT, b"", fin=False)
        for _ in range(2_000):
            socket.frame(CONTINUATION, b"", fin=False)
        assert await socket.close_code() in {POLICY, HUNG_UP}


async def test_the_socket_is_not_read_on_while_the_application_is_busy(monkeypatch):
    """Messages wait at the client, and not in our memory."""
    async with serving(monkeypatch) as (port, echo), connect(port) as socket:
        await socket.send("known")
        await socket.recv()
        echo.may_take.clear()
        sending = asyncio.create_task(send_again_and_again(socket, "x" * LARGEST, times=100))
        assert await asyncio.wait([sending], timeout=1) == (set(), {sending})
        assert echo.taken <= 2
        sending.cancel()
        echo.may_take.set()
        assert await socket.recv() == str(LARGEST)


async def test_ray_is_asked_to_leave_reading_to_the_application(monkeypatch):
    """Ray's own `receive` reads without bounds; a header switches it off."""
    monkeypatch.setattr(constants, "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", False)
    async with serving(monkeypatch) as (port, echo), connect(port) as socket:
        await socket.send("x")
        await socket.recv()
        assert http_util.parse_disconnect_disabled_header(dict(echo.scope["headers"]))


async def test_the_application_is_told_of_the_end_of_a_socket(monkeypatch):
    async with serving(monkeypatch) as (port, echo):
        async with connect(port) as socket:
            await socket.send("x")
            await socket.recv()
        async with asyncio.timeout(5):
            await echo.ended.wait()


async def test_callers_are_distinguished_by_haproxys_header(monkeypatch):
    monkeypatch.setattr(constants, "RAY_SERVE_ENABLE_HA_PROXY", True)
    headers = [("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", "198.51.100.7")]
    async with serving(monkeypatch) as (port, echo), connect(port, additional_headers=headers) as socket:
        await socket.send("x")
        await socket.recv()
        assert echo.scope["client"][0] == "198.51.100.7"


async def test_rays_proxy_takes_a_whole_recording_from_the_beginning(monkeypatch):
    async with serving(monkeypatch, login_limits=False) as (port, _), connect(port) as socket:
        await socket.send(json.dumps("x" * UTTERANCE_BYTES))
        assert await socket.recv() == str(UTTERANCE_BYTES + 2)
        await socket.send("x" * (LARGEST + 1))
        assert await closed_with(socket) == TOO_BIG
