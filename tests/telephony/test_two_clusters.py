"""An upgrade: two hosts of the hand-overs on one store, each in its own cluster. One of them owns the call center."""

import asyncio
import contextlib

import pytest

from actors.cluster import Cluster
from actors.hand_overs.host import HandOverHost
from actors.hand_overs.registry import HostServices
from convonet.core.errors import StorageError
from convonet.core.hand_over import HandOverState, TransferContext
from convonet.core.ids import SessionId
from convonet.settings.call_center import CallCenterSettings
from convonet.telephony.events import CallProgress, StreamStopped, WhisperPlayed
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

DORA = DeskLogin("dora", "Dora", "2001", ("support",))
SOON_S = 1.5


class Phone:
    """`Carrier` that notes what is asked of it; both clusters have the same."""

    is_set_up = True

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
    """The old cluster's host, and the new one's as soon as it is there."""

    def __init__(self):
        self.serving = MemoryServing()
        self.phone, self.call_log = Phone(), CallLog()
        self.clock = asyncio.get_running_loop().time
        self.checkpoints = inline_checkpoints(clock=self.clock)
        self._running = []

    async def host(self, name):
        cluster = Cluster(name, self.serving)
        services = HostServices(
            carrier=self.phone,
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


async def ready_desk(host):
    desk = Follower(host.follow_desk(DORA))
    await asyncio.sleep(0.1)
    assert await host.perform_desk_action("dora", DeskAction.READY)
    return desk


async def talk(upgrade, host, desk):
    """A hand-over in which the two talk; returns its line and who follows it."""
    await host.begin_hand_over(order())
    caller = Follower(host.follow_hand_over("h-1"))
    await asyncio.sleep(0.1)
    placed = upgrade.phone.placed[-1]
    await host.report_call_event("h-1", CallProgress(attempt=0, call_sid="CA1", sequence=1, status="ringing"))
    await host.perform_desk_action("dora", DeskAction.ACCEPT)
    address = MediaLegAddress(host="127.0.0.1", port=1, key="k")
    line = Follower(host.open_media_leg(MediaLegRequest("h-1", 0, placed.stream_key, "CA1", address)))
    await asyncio.sleep(0.1)
    await host.report_call_event("h-1", WhisperPlayed(attempt=0))
    await asyncio.sleep(0.1)
    assert (caller.last.state, line.last.order) == (HandOverState.CONNECTED, MediaLegAction.JOIN)
    return line, caller


def upgraded(test):
    """Run it on virtual time, and leave no task behind."""

    @virtual_time
    async def run():
        upgrade = Upgrade()
        try:
            await test(upgrade)
        finally:
            await upgrade.end()

    run.__name__ = test.__name__
    return run


@upgraded
async def test_the_host_of_a_cluster_that_waits_takes_nothing(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(old)
    new = await upgrade.host("new")
    with pytest.raises(HandOversUnavailable):
        await new.begin_hand_over(order())
    await asyncio.sleep(5)
    assert not desk.end
    await old.begin_hand_over(order())
    await asyncio.sleep(0.1)
    assert len(upgrade.phone.placed) == 1
    await desk.leave()


@upgraded
async def test_the_first_desk_that_reaches_the_new_cluster_makes_it_the_one_that_serves(upgrade):
    old = await upgrade.host("old")
    before = await ready_desk(old)
    new = await upgrade.host("new")
    after = Follower(new.follow_desk(DORA))
    await asyncio.sleep(SOON_S)
    assert before.end == "over"
    # the desk is what it was
    assert after.last.state == "ready"
    again = Follower(old.follow_desk(DORA))
    await asyncio.sleep(0.1)
    assert (again.views, again.end) == ([], "over")
    with pytest.raises(HandOversUnavailable):
        await old.begin_hand_over(order())
    await new.begin_hand_over(order())
    await asyncio.sleep(0.1)
    assert len(upgrade.phone.placed) == 1
    await after.leave()


@upgraded
async def test_callers_who_wait_and_a_desk_that_rings_go_on_at_the_new_host_without_a_second_call(upgrade):
    old = await upgrade.host("old")
    before = await ready_desk(old)
    await old.begin_hand_over(order(1))
    await old.begin_hand_over(order(2))
    ringing, waiting = Follower(old.follow_hand_over("h-1")), Follower(old.follow_hand_over("h-2"))
    await asyncio.sleep(0.1)
    assert (ringing.last.state, waiting.last.state) == (HandOverState.DIALING, HandOverState.QUEUED)
    new = await upgrade.host("new")
    after = Follower(new.follow_desk(DORA))
    await asyncio.sleep(SOON_S)
    assert (ringing.end, waiting.end, before.end) == ("away", "away", "over")
    ringing, waiting = Follower(new.follow_hand_over("h-1")), Follower(new.follow_hand_over("h-2"))
    await asyncio.sleep(0.1)
    assert (ringing.last.state, waiting.last.state) == (HandOverState.DIALING, HandOverState.QUEUED)
    assert after.last.state == "ringing"
    assert [placed.transfer_id for placed in upgrade.phone.placed] == ["h-1"]
    # Twilio finds the new cluster, where the desk is free for the next one
    await new.report_call_event("h-1", CallProgress(attempt=0, call_sid="CA1", sequence=2, status="busy"))
    await asyncio.sleep(0.1)
    assert [placed.transfer_id for placed in upgrade.phone.placed] == ["h-1", "h-2"]
    for each in (ringing, waiting, after):
        await each.leave()


@upgraded
async def test_a_talk_ends_where_it_is_and_its_desk_goes_on_at_the_new_host(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(old)
    line, caller = await talk(upgrade, old, desk)
    new = await upgrade.host("new")
    eve = Follower(new.follow_desk(DeskLogin("eve", "Eve", "2002", ("support",))))
    await asyncio.sleep(60)
    assert (line.end, caller.end, desk.end) == (None, None, None)
    # what Twilio says of it reaches the new cluster, which ends no call of the old one
    await new.report_call_event("h-1", CallProgress(attempt=0, call_sid="CA1", sequence=5, status="in-progress"))
    assert upgrade.phone.ended == []
    assert await old.perform_desk_action("dora", DeskAction.HANG_UP)
    await asyncio.sleep(0.1)
    assert (caller.last.state, line.last.order) == (HandOverState.ENDED, MediaLegAction.CLOSE)
    assert desk.end == "over"
    assert [row.outcome for row in upgrade.call_log.rows] == ["ended"]
    back = Follower(new.follow_desk(DORA))
    await asyncio.sleep(0.1)
    assert await new.perform_desk_action("dora", DeskAction.READY)
    for each in (line, caller, desk, eve, back):
        await each.leave()


@upgraded
async def test_a_talk_whose_stream_breaks_goes_on_at_the_new_host_where_twilio_asks(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(old)
    line, caller = await talk(upgrade, old, desk)
    new = await upgrade.host("new")
    eve = Follower(new.follow_desk(DeskLogin("eve", "Eve", "2002", ("support",))))
    await asyncio.sleep(SOON_S)
    key = await new.exchange_stream_key("h-1", 0, upgrade.phone.placed[0].stream_key)
    assert key
    address = MediaLegAddress(host="127.0.0.1", port=2, key="k2")
    again = Follower(new.open_media_leg(MediaLegRequest("h-1", 0, key, "CA1", address)))
    moved = Follower(new.follow_hand_over("h-1"))
    await asyncio.sleep(0.1)
    assert (again.last.order, moved.last.state) == (MediaLegAction.JOIN, HandOverState.CONNECTED)
    assert moved.last.line == address
    # the old one has lost it: it changes nothing any more
    await old.report_call_event("h-1", StreamStopped(attempt=0))
    await asyncio.sleep(0.1)
    assert (upgrade.phone.ended, moved.last.state) == ([], HandOverState.CONNECTED)
    for each in (line, caller, desk, eve, again, moved):
        await each.leave()


@upgraded
async def test_no_call_is_placed_by_a_host_whose_call_center_was_taken_over_a_moment_ago(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(old)
    new = await upgrade.host("new")
    eve = Follower(new.follow_desk(DeskLogin("eve", "Eve", "2002", ("support",))))
    await asyncio.sleep(0.1)
    # the old one has not looked yet
    with pytest.raises(HandOversUnavailable):
        await old.begin_hand_over(order())
    assert upgrade.phone.placed == []
    await new.begin_hand_over(order())
    caller = Follower(new.follow_hand_over("h-1"))
    await asyncio.sleep(SOON_S)
    assert [placed.extension for placed in upgrade.phone.placed] == ["2001"]
    for each in (desk, eve, caller):
        await each.leave()


@upgraded
async def test_a_call_waits_until_the_store_can_say_whose_it_is(upgrade):
    host = await upgrade.host("only")
    desk = await ready_desk(host)
    save = upgrade.checkpoints.save

    async def down(*_, **__):
        raise StorageError("down")

    upgrade.checkpoints.save = down
    await host.begin_hand_over(order())
    await asyncio.sleep(1)
    assert upgrade.phone.placed == []
    upgrade.checkpoints.save = save
    await asyncio.sleep(2)
    assert len(upgrade.phone.placed) == 1
    await desk.leave()
