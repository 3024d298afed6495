"""Hosts of the hand-overs on virtual time, on one store: a played carrier, and followers instead of processes."""

import asyncio
import contextlib

import pytest

from actors.cluster import Cluster
from actors.hand_overs.host import HandOverHost
from actors.hand_overs.registry import HostServices
from convonet.core.hand_over import CarrierKind, HandOverState, TransferContext
from convonet.core.ids import SessionId
from convonet.settings.call_center import CallCenterSettings
from convonet.telephony.carrier import Carriers
from convonet.telephony.direct.carrier import DirectCarrier, direct_call_id
from convonet.telephony.events import CallProgress, WhisperPlayed
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import (
    DeskAction,
    DeskLogin,
    HandOverRequest,
    MediaLegAction,
    MediaLegAddress,
    MediaLegRequest,
)
from tests.fixtures.serving_store import MemoryServing
from tests.fixtures.sqlite import inline_checkpoints
from tests.virtual_time import virtual_time

SOON_S = 1.5


class Phone:
    """`Carrier` that notes what is asked of it; both clusters have the same."""

    kind = CarrierKind.TELEPHONE
    reports_progress = True
    answer_margin_s = 10.0
    stream_grace_s = 8.0

    def __init__(self):
        self.placed = []
        self.ended = []

    async def place_call(self, order):
        self.placed.append(order)
        return f"CA{len(self.placed)}"

    async def end_call(self, call_id):
        self.ended.append(call_id)

    async def close(self):
        pass


class Page(DirectCarrier):
    """The direct carrier, which notes the same."""

    def __init__(self):
        super().__init__()
        self.placed = []
        self.ended = []

    async def place_call(self, order):
        self.placed.append(order)
        return await super().place_call(order)

    async def end_call(self, call_id):
        self.ended.append(call_id)


class NobodyKnown:
    """`Facts` of nobody."""

    async def facts_of(self, _):
        return {}

    async def phone_of(self, _):
        return ""


class CallLog:
    """Keeps what is over in memory."""

    def __init__(self):
        self.rows = []

    async def add_hand_over(self, row):
        self.rows.append(row)


class Upgrade:
    """The old cluster's host, and the new one's as soon as it is there; with one carrier or the other."""

    def __init__(self, kind):
        self.kind = kind
        self.serving = MemoryServing()
        self.phone, self.call_log = (Page() if kind is CarrierKind.DIRECT else Phone()), CallLog()
        self.clock = asyncio.get_running_loop().time
        self.checkpoints = inline_checkpoints(clock=self.clock)
        self._running = []

    async def host(self, name):
        cluster = Cluster(name, self.serving)
        services = HostServices(
            carriers=Carriers(self.phone, self.phone),
            checkpoints=self.checkpoints,
            call_log=self.call_log,
            facts=NobodyKnown(),
            cluster=cluster,
            clock=self.clock,
        )
        host = HandOverHost(CallCenterSettings(TRANSFER_TIMEOUT=20.0), services)
        await cluster.start()
        await host.start()
        self._running.append((cluster, host))
        return host

    async def kill(self, host):
        """As `kill -9` does: it says nothing to anyone, and does nothing more."""
        ((cluster, _),) = (running for running in self._running if running[1] is host)
        self._running.remove((cluster, host))
        await cluster.stop()
        await host.registry.tasks.cancel_and_wait()

    @property
    def called(self):
        """State of a hand-over whose desk does not answer."""
        return HandOverState.RINGING if self.kind is CarrierKind.DIRECT else HandOverState.DIALING

    def desk(self, name="dora", extension="2001"):
        has_telephone = self.kind is CarrierKind.TELEPHONE
        return DeskLogin(name, name.title(), extension, ("support",), has_telephone)

    def leg(self, key, desk, number=1, transfer_id="h-1"):
        """A stream that wants to be admitted."""
        address = MediaLegAddress(host="127.0.0.1", port=number, key=f"k{number}")
        if self.kind is CarrierKind.DIRECT:
            return MediaLegRequest(transfer_id, 0, key, direct_call_id(transfer_id, 0), address, desk)
        return MediaLegRequest(transfer_id, 0, key, "CA1", address)

    def key(self, desk):
        """The key that opens the first stream."""
        return desk.last.call.stream_key if self.kind is CarrierKind.DIRECT else self.phone.placed[-1].stream_key

    async def end(self):
        for cluster, host in self._running:
            await cluster.stop()
            await host.registry.tasks.cancel_and_wait()


class Follower:
    """Follows something of a host until it ends; `end` is what ended it."""

    def __init__(self, views):
        self.views = []
        self.end = None
        self._task = asyncio.create_task(self._run(views))

    async def _run(self, views):
        try:
            async with contextlib.aclosing(views):
                async for view in views:
                    self.views.append(view)
            self.end = "over"
        except HandOversUnavailable:
            self.end = "away"

    @property
    def last(self):
        return self.views[-1]

    async def leave(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def order(number=1):
    context = TransferContext(
        conversation_history=[], user_id="u", user_name="Demo", activities=[], summary="", verified_by="PIN"
    )
    return HandOverRequest(
        transfer_id=f"h-{number}", session_id=SessionId("s-1"), department="support", reason="a bill", context=context
    )


async def ready_desk(upgrade, host, name="dora", extension="2001"):
    desk = Follower(host.follow_desk(upgrade.desk(name, extension)))
    await asyncio.sleep(0.1)
    assert await host.perform_desk_action(name, DeskAction.READY)
    return desk


async def talk(upgrade, host, desk):
    """A hand-over in which the two talk; returns its line and who follows it."""
    await host.begin_hand_over(order())
    caller = Follower(host.follow_hand_over("h-1"))
    await asyncio.sleep(0.1)
    if upgrade.kind is CarrierKind.TELEPHONE:
        await host.report_call_event("h-1", CallProgress(attempt=0, call_sid="CA1", sequence=1, status="ringing"))
    await host.perform_desk_action("dora", DeskAction.ACCEPT)
    await asyncio.sleep(0.1)
    line = Follower(host.open_media_leg(upgrade.leg(upgrade.key(desk), "dora")))
    await asyncio.sleep(0.1)
    await host.report_call_event("h-1", WhisperPlayed(attempt=0))
    await asyncio.sleep(0.1)
    assert (caller.last.state, line.last.order) == (HandOverState.CONNECTED, MediaLegAction.JOIN)
    return line, caller


def upgraded(test, kinds=tuple(CarrierKind)):
    """Run it with each carrier, on virtual time, and leave no task behind."""

    @pytest.mark.parametrize("kind", kinds)
    @virtual_time
    async def run(kind):
        upgrade = Upgrade(kind)
        try:
            await test(upgrade)
        finally:
            await upgrade.end()

    run.__name__ = test.__name__
    return run
