"""The bridge of a caller: what they hear while their human can be reached, and while not."""

import asyncio
import contextlib

import pytest

from convonet.gateway.media_bridge import MediaBridge
from convonet.gateway.ports import ClientDisconnected
from convonet.protocol.frames import HEADER_BYTES
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.messages import MediaLegAddress
from convonet.telephony.real_time import FRAME_S
from tests.telephony.played_host import CALLER, DESK, TONE, hears, hears_only, running, until

SOON_S = 0.15


class Client:
    """A caller's socket."""

    def __init__(self):
        self.heard = []
        self.is_gone = False

    async def send_audio(self, frame):
        if self.is_gone:
            raise ClientDisconnected
        self.heard.append(frame)


class Leg:
    """A media leg whose desk speaks all the time, unless it is held by a PBX without music."""

    def __init__(self, port, *, speaks=True):
        self._port = port
        self._speaks = speaks
        self.heard = []
        self.address = port.open_leg(self.heard.append)

    @contextlib.asynccontextmanager
    async def open(self):
        async with running(self._speak()):
            yield self
        self._port.close_leg(self.address)

    async def _speak(self):
        while True:
            if self._speaks:
                self._port.send_audio(self.address, DESK)
            await asyncio.sleep(FRAME_S)


@pytest.fixture
async def port():
    port = CallerPort()
    await port.start("127.0.0.1")
    yield port
    await port.stop()


@contextlib.asynccontextmanager
async def bridge_to(address, client, *, with_headers=False, hold_tone_after_s=SOON_S):
    bridge = MediaBridge(address, client, with_headers=with_headers, hold_tone_after_s=hold_tone_after_s)
    try:
        yield bridge
    finally:
        await bridge.close()


async def test_caller_and_human_hear_each_other(port):
    client = Client()
    async with Leg(port).open() as leg, bridge_to(leg.address, client) as bridge:
        await hears(client.heard, DESK)
        bridge.send_to_human(CALLER)
        await until(lambda: leg.heard == [CALLER])
        await asyncio.sleep(3 * SOON_S)
        assert set(client.heard) == {DESK}


async def test_a_frame_that_is_too_long_or_odd_is_dropped(port):
    async with Leg(port).open() as leg, bridge_to(leg.address, Client()) as bridge:
        await until(lambda: port._callers)
        bridge.send_to_human(bytes(6_402))
        bridge.send_to_human(bytes(3))
        bridge.send_to_human(CALLER)
        await until(lambda: leg.heard)
        assert leg.heard == [CALLER]


async def test_a_caller_whose_leg_is_closed_hears_the_tone_until_there_is_another(port):
    client = Client()
    async with Leg(port).open() as leg, bridge_to(leg.address, client) as bridge:
        await hears(client.heard, DESK)
        port.close_leg(leg.address)
        # the replica lives, but knows the key no more: it refuses each connection
        await asyncio.sleep(2 * SOON_S)
        await hears_only(client.heard, TONE, 1.2)
        await bridge.close()
        async with Leg(port).open() as next_leg, bridge_to(next_leg.address, client):
            await hears(client.heard, DESK)
            await hears_only(client.heard, [DESK])


async def test_a_caller_whose_human_was_never_reached_hears_the_tone():
    client = Client()
    async with bridge_to(MediaLegAddress(host="127.0.0.1", port=1, key="k"), client, with_headers=True):
        await until(lambda: len(client.heard) > 5)
        assert {frame[HEADER_BYTES:] for frame in client.heard} <= TONE


async def test_a_short_loss_is_silent(port):
    client = Client()
    async with Leg(port).open() as leg, bridge_to(leg.address, client, hold_tone_after_s=1.0):
        await hears(client.heard, DESK)
        for writer in port._callers.values():
            writer.close()
        await hears(client.heard, DESK)
        assert set(client.heard) == {DESK}


async def test_a_leg_that_has_nothing_to_send_is_no_loss(port):
    client = Client()
    async with Leg(port, speaks=False).open() as leg, bridge_to(leg.address, client, hold_tone_after_s=0.5):
        await asyncio.sleep(1.2)
        assert client.heard == []


async def test_a_caller_who_is_gone_ends_the_bridge_without_a_crash(port, caplog):
    client = Client()
    async with bridge_to(MediaLegAddress(host="127.0.0.1", port=1, key="k"), client) as bridge:
        await until(lambda: client.heard)
        client.is_gone = True
        await until(lambda: len(bridge._tasks) == 1)
