"""An upgrade: two hosts of the hand-overs on one store, each in its own cluster. One of them owns the call center."""

import asyncio

import pytest

from convonet.core.errors import StorageError
from convonet.core.hand_over import CarrierKind, HandOverState
from convonet.telephony.events import CallProgress, StreamStopped
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import DeskAction, MediaLegAction
from tests.telephony.hosts import SOON_S, Follower, order, ready_desk, talk, upgraded


@upgraded
async def test_the_host_of_a_cluster_that_waits_takes_nothing(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(upgrade, old)
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
    before = await ready_desk(upgrade, old)
    new = await upgrade.host("new")
    after = Follower(new.follow_desk(upgrade.desk()))
    await asyncio.sleep(SOON_S)
    assert before.end == "over"
    # the desk is what it was
    assert after.last.state == "ready"
    again = Follower(old.follow_desk(upgrade.desk()))
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
    before = await ready_desk(upgrade, old)
    await old.begin_hand_over(order(1))
    await old.begin_hand_over(order(2))
    ringing, waiting = Follower(old.follow_hand_over("h-1")), Follower(old.follow_hand_over("h-2"))
    await asyncio.sleep(0.1)
    assert (ringing.last.state, waiting.last.state) == (upgrade.called, HandOverState.QUEUED)
    new = await upgrade.host("new")
    after = Follower(new.follow_desk(upgrade.desk()))
    await asyncio.sleep(SOON_S)
    assert (ringing.end, waiting.end, before.end) == ("away", "away", "over")
    ringing, waiting = Follower(new.follow_hand_over("h-1")), Follower(new.follow_hand_over("h-2"))
    await asyncio.sleep(0.1)
    assert (ringing.last.state, waiting.last.state) == (upgrade.called, HandOverState.QUEUED)
    assert after.last.state == "ringing"
    assert [placed.transfer_id for placed in upgrade.phone.placed] == ["h-1"]
    # Twilio finds the new cluster, where the desk is free for the next one
    if upgrade.kind is CarrierKind.TELEPHONE:
        await new.report_call_event("h-1", CallProgress(attempt=0, call_sid="CA1", sequence=2, status="busy"))
    else:
        assert await new.perform_desk_action("dora", DeskAction.DECLINE)
    await asyncio.sleep(0.1)
    assert [placed.transfer_id for placed in upgrade.phone.placed] == ["h-1", "h-2"]
    for each in (ringing, waiting, after):
        await each.leave()


@upgraded
async def test_a_talk_ends_where_it_is_and_its_desk_goes_on_at_the_new_host(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(upgrade, old)
    line, caller = await talk(upgrade, old, desk)
    new = await upgrade.host("new")
    eve = Follower(new.follow_desk(upgrade.desk("eve", "2002")))
    await asyncio.sleep(60)
    assert (line.end, caller.end, desk.end) == (None, None, None)
    # what Twilio says of it reaches the new cluster, which ends no call of the old one
    call_id = old.registry.actors["h-1"].machine.attempts[0].call_sid
    await new.report_call_event("h-1", CallProgress(attempt=0, call_sid=call_id, sequence=5, status="in-progress"))
    assert upgrade.phone.ended == []
    assert await old.perform_desk_action("dora", DeskAction.HANG_UP)
    await asyncio.sleep(0.1)
    assert (caller.last.state, line.last.order) == (HandOverState.ENDED, MediaLegAction.CLOSE)
    assert desk.end == "over"
    assert [row.outcome for row in upgrade.call_log.rows] == ["ended"]
    back = Follower(new.follow_desk(upgrade.desk()))
    await asyncio.sleep(0.1)
    assert await new.perform_desk_action("dora", DeskAction.READY)
    for each in (line, caller, desk, eve, back):
        await each.leave()


@upgraded
async def test_a_talk_whose_stream_breaks_goes_on_at_the_new_host_where_the_next_stream_is_opened(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(upgrade, old)
    line, caller = await talk(upgrade, old, desk)
    new = await upgrade.host("new")
    eve = Follower(new.follow_desk(upgrade.desk("eve", "2002")))
    await asyncio.sleep(SOON_S)
    if upgrade.kind is CarrierKind.TELEPHONE:
        key = await new.exchange_stream_key("h-1", 0, upgrade.phone.placed[0].stream_key)
        assert key
    else:
        # the page has it already, and its stream reaches a replica of the new cluster
        key = desk.last.call.stream_key
    request = upgrade.leg(key, "dora", 2)
    again = Follower(new.open_media_leg(request))
    moved = Follower(new.follow_hand_over("h-1"))
    await asyncio.sleep(0.1)
    assert (again.last.order, moved.last.state) == (MediaLegAction.JOIN, HandOverState.CONNECTED)
    assert moved.last.line == request.address
    # the old one has lost it: it changes nothing any more
    await old.report_call_event("h-1", StreamStopped(attempt=0, desk=request.desk))
    await asyncio.sleep(0.1)
    assert (upgrade.phone.ended, moved.last.state) == ([], HandOverState.CONNECTED)
    # the desk finds it there as well
    back = Follower(new.follow_desk(upgrade.desk()))
    await asyncio.sleep(60)
    assert (desk.end, back.last.state, moved.last.state) == ("over", "on_call", HandOverState.CONNECTED)
    for each in (line, caller, desk, eve, again, moved, back):
        await each.leave()


@upgraded
async def test_no_call_is_placed_by_a_host_whose_call_center_was_taken_over_a_moment_ago(upgrade):
    old = await upgrade.host("old")
    desk = await ready_desk(upgrade, old)
    new = await upgrade.host("new")
    eve = Follower(new.follow_desk(upgrade.desk("eve", "2002")))
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
    desk = await ready_desk(upgrade, host)
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
