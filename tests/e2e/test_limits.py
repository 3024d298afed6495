"""Limits count by the caller's own address, also through the proxies in front."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack

import websockets

from tests.e2e.product import TRUSTED_PROXY
from tests.e2e.socket_caller import SocketCaller

CALLERS = 300
OUTSIDER = "127.0.0.66"
OF_ONE_ADDRESS = 2 * 50
"""Two replicas, and the setting's default."""


def test_guessing_from_one_address_does_not_slow_down_another(product):
    assert asyncio.run(_guess_from(product.port, "127.0.0.2")) == "auth_throttled"
    assert asyncio.run(_hello(product)) != ""


def test_three_hundred_callers_behind_a_trusted_proxy_get_in(product):
    assert asyncio.run(_call_through(product, TRUSTED_PROXY, CALLERS, log_in=True)) == {"auth_ok": CALLERS}


def test_whom_an_outsider_claims_to_speak_for_is_not_believed(product):
    answers = asyncio.run(_call_through(product, OUTSIDER, 2 * OF_ONE_ADDRESS, log_in=False))
    assert answers["auth_required"] <= OF_ONE_ADDRESS
    assert answers["too_many_sessions"] >= OF_ONE_ADDRESS


async def _call_through(product, proxy, count, *, log_in):
    """What so many callers are answered who are all on at the same time, each named by the proxy."""
    limit = asyncio.Semaphore(10)
    url = f"ws://127.0.0.1:{product.port}/webrtc/ws"

    async def call(number):
        headers = {"X-Forwarded-For": f"203.0.113.9, 198.51.{number // 200}.{number % 200}"}
        async with limit:
            socket = await stack.enter_async_context(
                websockets.connect(url, local_addr=(proxy, 0), additional_headers=headers, open_timeout=60)
            )
            answer = await _answer(socket)
            if log_in and answer == "auth_required":
                await socket.send(json.dumps({"type": "authenticate", "pin": product.pin}))
                answer = await _answer(socket)
        return answer

    async with AsyncExitStack() as stack:
        return Counter(await asyncio.gather(*(call(number) for number in range(count))))


async def _answer(socket):
    message = json.loads(await asyncio.wait_for(socket.recv(), 60))
    return message.get("code", message["type"])


async def _guess_from(port, address):
    """The code of the answer after a few wrong PINs from this address."""
    code = ""
    url = f"ws://127.0.0.1:{port}/webrtc/ws"
    async with websockets.connect(url, local_addr=(address, 0)) as socket:
        await socket.recv()
        for guess in range(4):
            await socket.send(json.dumps({"type": "authenticate", "pin": f"{guess:06d}"}))
            code = json.loads(await asyncio.wait_for(socket.recv(), 10))["code"]
    return code


async def _hello(product):
    async with asyncio.timeout(15), SocketCaller.connect(product.port, product.pin) as caller:
        return await caller.ask("hello")
