"""Strangers at the door of the running product while a caller talks, who notices nothing of them."""

import asyncio
import json
import random
import time
import urllib.error
import urllib.request

import websockets

from tests.e2e.socket_caller import SocketCaller

FLOOD = 10_000
CALM_ANSWER_S = 5.0


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


async def _talk_beside_strangers(product):
    """The slowest of a caller's answers while others misbehave."""
    async with SocketCaller.connect(product.port, product.pin) as caller:
        await caller.ask("hello")
        strangers = [asyncio.create_task(work(product)) for work in (_flood, _noise, _stray_session)]
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
    """Random bytes and texts; the socket stays open and knows what a message is."""
    draw = random.Random(1)
    async with websockets.connect(url(product), max_size=None) as socket:
        await socket.recv()
        for _ in range(200):
            size = draw.randrange(400)
            await socket.send(draw.randbytes(size) if draw.random() < 0.5 else draw.randbytes(size).decode("latin-1"))
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] == "error"
        await socket.send(json.dumps({"type": "text_input", "text": "x" * 300_000}))
        assert json.loads(await asyncio.wait_for(socket.recv(), 10))["code"] == "message_too_large"


async def _stray_session(product):
    async with websockets.connect(url(product)) as socket:
        await socket.recv()
        for token in ("", "x", "x" * 5_000, "eyJhbGciOiJub25lIn0.e30."):
            await socket.send(json.dumps({"type": "authenticate", "resume_token": token}))
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["code"] in {"resume_failed", "bad_field"}


def url(product):
    return f"ws://127.0.0.1:{product.port}/webrtc/ws"


def headers_of(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.headers
    except urllib.error.HTTPError as error:
        return error.headers
