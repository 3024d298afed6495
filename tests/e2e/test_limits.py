"""Limits count by the caller's own address, also through the proxy in front."""

import asyncio
import json

import websockets

from tests.e2e.socket_caller import SocketCaller


def test_guessing_from_one_address_does_not_slow_down_another(product):
    assert asyncio.run(_guess_from(product.port, "127.0.0.2")) == "auth_throttled"
    assert asyncio.run(_hello(product)) != ""


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
