"""Calls that the desks' pages carry: keys and streams, hold, and colleagues who are asked or get the caller."""

import asyncio

import pytest

from actors.hand_overs.registry import GracePeriods
from convonet.core.hand_over import CarrierKind, EndReason, HandOverState
from convonet.telephony.carrier import Carriers
from convonet.telephony.direct.carrier import STREAM_GRACE_S, DirectCarrier
from convonet.telephony.hand_over_machine import RING_S, STREAM_TIMEOUT_S
from convonet.telephony.messages import DeskAction, MediaLegAction, Spoken, Who
from tests.telephony.hosts import Follower, Phone, order, ready_desk, talk, upgraded

GRACE_S = GracePeriods().desk
MOMENT_S = 0.1


def direct(test):
    return upgraded(test, kinds=(CarrierKind.DIRECT,))


class Talk:
    """Dora talks with a caller; Eve and Finn are at their desks too."""

    def __init__(self, upgrade):
        self.upgrade = upgrade
        self.legs = 1

    async def begin(self):
        self.host = await self.upgrade.host("only")
        self.dora = await ready_desk(self.upgrade, self.host)
        self.line, self.caller = await talk(self.upgrade, self.host, self.dora)
        self.eve = await ready_desk(self.upgrade, self.host, "eve", "2002")
        return self

    async def does(self, name, action, text=""):
        is_possible = await self.host.perform_desk_action(name, action, text)
        await asyncio.sleep(MOMENT_S)
        return is_possible

    async def open(self, name, key=None):
        """Open a stream for this desk; with the key in its view, if there is no other."""
        self.legs += 1
        desk = self.dora if name == "dora" else self.eve
        self.request = self.upgrade.leg(desk.last.call.stream_key if key is None else key, name, self.legs)
        leg = Follower(self.host.open_media_leg(self.request))
        await asyncio.sleep(MOMENT_S)
        return leg

    async def consult(self, stage="talking"):
        assert await self.does("dora", DeskAction.CONSULT, "2002")
        if stage == "talking":
            assert await self.does("eve", DeskAction.ACCEPT)
            self.eves = await self.open("eve")

    async def hand_on(self, stage):
        """Hand the caller to Eve blindly."""
        assert await self.does("dora", DeskAction.BLIND_TRANSFER, "2002")
        if stage != "ringing":
            assert await self.does("eve", DeskAction.ACCEPT)
        if stage == "talking":
            self.eves = await self.open("eve")

    async def replace_host(self):
        """The host dies, and all that followed it find the next one; media legs that are not opened again are lost."""
        for name in ("line", "eves", "caller", "dora", "eve"):
            if (follower := getattr(self, name, None)) is not None:
                await follower.leave()
        await self.upgrade.kill(self.host)
        self.host = await self.upgrade.host("only")
        self.dora = Follower(self.host.follow_desk(self.upgrade.desk()))
        self.eve = Follower(self.host.follow_desk(self.upgrade.desk("eve", "2002")))
        self.caller = Follower(self.host.follow_hand_over("h-1"))
        await asyncio.sleep(MOMENT_S)

    def over(self):
        return self.caller.last.state, self.caller.last.why

    async def goes_on(self):
        """The caller and Dora talk."""
        assert (self.caller.last.state, self.line.last.order) == (HandOverState.CONNECTED, MediaLegAction.JOIN)
        assert (self.dora.last.call.held, self.dora.last.call.consultation) == (False, "none")

    async def is_eves(self, leg):
        """The caller and Eve talk, and Dora is at her notes."""
        assert self.caller.last.state is HandOverState.CONNECTED
        assert self.caller.last.agent_name == "Eve"
        assert self.caller.last.line is not None
        assert (leg.last.order, leg.end, leg.last.transcribed) == (MediaLegAction.JOIN, None, True)
        assert (self.eve.last.state, self.eve.last.call.from_colleague) == ("on_call", "")
        assert await self.does("eve", DeskAction.HANG_UP)
        assert self.over() == (HandOverState.ENDED, EndReason.DESK_HUNG_UP)
        assert leg.end == "over"
        assert self.eve.last.state == "wrap_up"


def talking(test):
    """Begin with a talk of Dora and a caller."""

    async def run(upgrade):
        it = await Talk(upgrade).begin()
        await test(it)
        for name in ("dora", "eve", "line", "caller", "eves"):
            if (follower := getattr(it, name, None)) is not None:
                await follower.leave()

    run.__name__ = test.__name__
    return direct(run)


# -- which carrier


@pytest.mark.parametrize(
    ("has_telephone", "department", "kind"),
    [
        (True, "support", CarrierKind.TELEPHONE),
        (False, "support", CarrierKind.DIRECT),
        (True, "sales", CarrierKind.DIRECT),
    ],
)
def test_a_call_is_direct_without_a_telephone_or_in_a_direct_department(has_telephone, department, kind):
    carriers = Carriers(DirectCarrier(), Phone(), frozenset({"sales"}))
    assert carriers.choose(department, has_telephone=has_telephone).kind is kind
    assert Carriers(DirectCarrier()).choose(department, has_telephone=has_telephone).kind is CarrierKind.DIRECT


# -- keys and streams


@direct
async def test_the_page_rings_and_has_a_key_once_its_person_has_accepted(upgrade):
    host = await upgrade.host("only")
    dora = await ready_desk(upgrade, host)
    await host.begin_hand_over(order())
    caller = Follower(host.follow_hand_over("h-1"))
    await asyncio.sleep(MOMENT_S)
    assert (dora.last.state, dora.last.call.stream_key) == ("ringing", "")
    assert caller.last.state is HandOverState.RINGING
    refused = Follower(host.open_media_leg(upgrade.leg("", "dora")))
    await asyncio.sleep(MOMENT_S)
    assert (refused.end, refused.views) == ("over", [])
    assert await host.perform_desk_action("dora", DeskAction.ACCEPT)
    await asyncio.sleep(MOMENT_S)
    assert dora.last.call.stream_key
    # the page never opens its stream
    await asyncio.sleep(RING_S + STREAM_TIMEOUT_S)
    assert (caller.last.state, caller.last.why) == (HandOverState.FAILED, EndReason.NOBODY_THERE)
    assert dora.last.call is None
    for each in (dora, caller):
        await each.leave()


@talking
async def test_a_key_opens_one_stream_once_and_the_next_key_is_there_at_once(it):
    used, key = it.line, it.dora.last.call.stream_key
    it.line = await it.open("dora", key)
    await it.goes_on()
    # the newer stream replaces the older one, which was not refused
    assert (used.end, used.last.order) == ("over", MediaLegAction.JOIN)
    assert it.caller.last.line == it.request.address
    again = await it.open("dora", key)
    assert (again.end, again.views) == ("over", [])
    assert it.dora.last.call.stream_key not in ("", key)


@talking
async def test_only_the_desk_that_holds_the_call_gets_its_audio(it):
    key = it.dora.last.call.stream_key
    for request in (
        it.upgrade.leg(key, "eve", 7),
        it.upgrade.leg(key, "", 7),
        it.upgrade.leg("a guess", "dora", 7),
        it.upgrade.leg("\N{SNOWMAN}", "dora", 7),
    ):
        refused = Follower(it.host.open_media_leg(request))
        await asyncio.sleep(MOMENT_S)
        assert (refused.end, refused.views) == ("over", [])
    assert it.eve.last.call is None
    await it.goes_on()
    await it.does("dora", DeskAction.HANG_UP)
    late = await it.open("dora", key)
    assert (late.end, late.views) == ("over", [])


@talking
async def test_a_stream_that_is_not_replaced_ends_the_talk(it):
    await it.line.leave()
    await asyncio.sleep(STREAM_GRACE_S - 1)
    assert it.caller.last.state is HandOverState.CONNECTED
    await asyncio.sleep(2)
    assert it.over() == (HandOverState.ENDED, EndReason.STREAM_LOST)
    assert it.dora.last.state == "wrap_up"


@talking
async def test_a_page_that_is_reloaded_twice_goes_on(it):
    for _ in range(2):
        await it.line.leave()
        await it.dora.leave()
        await asyncio.sleep(GRACE_S - 1)
        it.dora = Follower(it.host.follow_desk(it.upgrade.desk()))
        await asyncio.sleep(MOMENT_S)
        it.line = await it.open("dora")
    await asyncio.sleep(2 * GRACE_S)
    await it.goes_on()


@talking
async def test_a_page_that_does_not_come_back_ends_the_talk(it):
    await it.dora.leave()
    await asyncio.sleep(GRACE_S - 1)
    assert it.caller.last.state is HandOverState.CONNECTED
    await asyncio.sleep(2)
    assert it.over() == (HandOverState.ENDED, EndReason.DESK_HUNG_UP)
    assert it.line.end == "over"


@talking
async def test_a_stream_that_ended_together_with_the_host_is_missed_by_the_next_one(it):
    await it.line.leave()
    await it.replace_host()
    await asyncio.sleep(STREAM_GRACE_S + 1)
    assert it.over() == (HandOverState.ENDED, EndReason.STREAM_LOST)


@talking
async def test_a_media_leg_that_outlives_the_host_goes_on_at_the_next_one(it):
    request = it.upgrade.leg("its key was used", "dora")
    await it.replace_host()
    it.line = Follower(it.host.open_media_leg(request))
    await asyncio.sleep(2 * STREAM_GRACE_S)
    await it.goes_on()


# -- hold


@talking
async def test_a_caller_is_held_also_by_the_next_host_and_the_next_stream(it):
    assert await it.does("dora", DeskAction.HOLD)
    assert (it.line.last.order, it.dora.last.call.held) == (MediaLegAction.HOLD, True)
    await it.replace_host()
    it.line = await it.open("dora")
    assert (it.line.last.order, it.dora.last.call.held) == (MediaLegAction.HOLD, True)
    assert not await it.does("eve", DeskAction.RESUME)
    assert await it.does("dora", DeskAction.RESUME)
    await it.goes_on()


# -- the caller is handed to a colleague


@talking
async def test_the_colleague_of_a_blind_transfer_rings_and_then_talks(it):
    key = it.dora.last.call.stream_key
    await it.hand_on("ringing")
    assert it.line.end == "over"
    assert (it.dora.last.state, it.dora.last.call) == ("wrap_up", None)
    assert (it.caller.last.state, it.caller.last.line) == (HandOverState.CONNECTED, None)
    assert it.caller.last.agent_name == "Eve"
    assert (it.eve.last.state, it.eve.last.call.stream_key) == ("ringing", "")
    assert it.eve.last.card.name == "Demo"
    assert not (await it.open("dora", key)).views
    assert await it.does("eve", DeskAction.ACCEPT)
    it.eves = await it.open("eve")
    assert [view.order for view in it.eves.views] == [MediaLegAction.JOIN], "there is no second whisper"
    await it.is_eves(it.eves)
    assert [(row.desk, row.why) for row in it.upgrade.call_log.rows] == [("dora", "passed_on"), ("eve", "desk_hung_up")]


@talking
async def test_a_colleague_who_declines_leaves_the_caller_to_the_agent(it):
    assert await it.does("eve", DeskAction.NOT_READY, "lunch")
    await it.hand_on("ringing")
    assert await it.does("eve", DeskAction.DECLINE)
    assert it.over() == (HandOverState.ENDED, EndReason.DECLINED)
    assert (it.eve.last.state, it.eve.last.reason) == ("not_ready", "lunch")


@pytest.mark.parametrize("stage", ["ringing", "accepted"])
def test_a_colleague_who_does_not_answer_leaves_the_caller_to_the_agent(stage):
    @talking
    async def run(it):
        await it.hand_on(stage)
        await asyncio.sleep(RING_S)
        assert it.over() == (HandOverState.ENDED, EndReason.NO_ANSWER)
        assert it.eve.last.state == ("not_ready" if stage == "ringing" else "wrap_up")

    run(CarrierKind.DIRECT)


@talking
async def test_a_colleague_whose_page_goes_while_it_rings_leaves_the_caller_to_the_agent(it):
    await it.hand_on("ringing")
    await it.eve.leave()
    await asyncio.sleep(GRACE_S + 1)
    assert it.over() == (HandOverState.ENDED, EndReason.DECLINED)


@talking
async def test_a_caller_who_leaves_while_the_colleague_rings_frees_them(it):
    await it.hand_on("ringing")
    await it.host.leave_hand_over("h-1", hung_up=True)
    await asyncio.sleep(MOMENT_S)
    assert it.over() == (HandOverState.ENDED, EndReason.CALLER_HUNG_UP)
    assert it.eve.last.state == "ready"


@pytest.mark.parametrize("stage", ["ringing", "accepted", "talking"])
def test_the_host_may_die_while_the_caller_is_handed_on(stage):
    @talking
    async def run(it):
        await it.hand_on(stage)
        await it.replace_host()
        assert it.eve.last.state == ("ringing" if stage == "ringing" else "on_call")
        assert it.eve.last.card.name == "Demo"
        if stage == "ringing":
            assert it.eve.last.call.stream_key == ""
            assert await it.does("eve", DeskAction.ACCEPT)
        it.eves = await it.open("eve")
        await it.is_eves(it.eves)

    run(CarrierKind.DIRECT)


@pytest.mark.parametrize("extension", ["2001", "2999", "", "<2002>"])
def test_a_caller_is_handed_only_to_a_free_colleague(extension):
    @talking
    async def run(it):
        assert not await it.does("dora", DeskAction.BLIND_TRANSFER, extension)
        assert not await it.does("dora", DeskAction.CONSULT, extension)
        assert not await it.does("dora", DeskAction.ATTENDED_TRANSFER, "2002")
        assert not await it.does("eve", DeskAction.BLIND_TRANSFER, "2001")
        await it.goes_on()

    run(CarrierKind.DIRECT)


# -- the colleague is asked first


@talking
async def test_a_colleague_is_asked_first_and_gets_the_caller(it):
    await it.consult("ringing")
    assert (it.line.last.order, it.dora.last.call.consultation) == (MediaLegAction.HOLD, "ringing")
    assert (it.eve.last.state, it.eve.last.call.from_colleague) == ("ringing", "Dora")
    assert (it.eve.last.call.stream_key, it.eve.last.card.name) == ("", "Demo")
    # nothing else until that is over
    for action, text in ((DeskAction.BLIND_TRANSFER, "2002"), (DeskAction.CONSULT, "2002"), (DeskAction.RESUME, "")):
        assert not await it.does("dora", action, text)
    assert not await it.does("dora", DeskAction.ATTENDED_TRANSFER, "2002")
    assert await it.does("eve", DeskAction.ACCEPT)
    it.eves = await it.open("eve")
    assert (it.eves.last.order, it.eves.last.transcribed) == (MediaLegAction.JOIN, False)
    assert (it.line.last.order, it.line.last.colleague) == (MediaLegAction.CONSULT, it.request.address)
    assert (it.dora.last.call.consultation, it.dora.last.call.held) == ("talking", True)
    # that talk is not the caller's
    await it.host.add_transcript_entry("h-1", Spoken(who=Who.HUMAN, text="between us"))
    line = it.caller.last.line
    assert line not in (None, it.request.address)
    assert not await it.does("dora", DeskAction.ATTENDED_TRANSFER, "2003")
    assert await it.does("dora", DeskAction.ATTENDED_TRANSFER, "2002")
    assert it.caller.last.line == it.request.address
    assert (it.line.end, it.dora.last.state) == ("over", "wrap_up")
    assert it.caller.last.said == []
    await it.is_eves(it.eves)


@pytest.mark.parametrize("stage", ["ringing", "talking"])
@pytest.mark.parametrize("how", ["ended", "declined", "hung up", "page", "stream", "no answer"])
def test_a_consultation_that_ends_gives_the_caller_back_to_the_desk(stage, how):
    @talking
    async def run(it):
        assert await it.does("eve", DeskAction.NOT_READY, "lunch")
        await it.consult(stage)
        match how:
            case "ended":
                assert await it.does("dora", DeskAction.END_CONSULTATION)
            case "declined" | "hung up":
                assert await it.does("eve", DeskAction.DECLINE if how == "declined" else DeskAction.HANG_UP)
            case "page":
                await it.eve.leave()
                await asyncio.sleep(GRACE_S + 1)
            case "stream" if stage == "talking":
                await it.eves.leave()
                await asyncio.sleep(STREAM_GRACE_S + 1)
            case "no answer" if stage == "ringing":
                await asyncio.sleep(RING_S + 1)
            case _:
                return
        await it.goes_on()
        if how != "page":
            reason = "no answer" if how == "no answer" else "lunch"
            assert (it.eve.last.state, it.eve.last.reason, it.eve.last.card) == ("not_ready", reason, None)
        if stage == "talking":
            assert it.eves.end == "over" or how == "stream"
        # it can be tried again
        if how != "page":
            await it.consult("talking")
            assert it.line.last.order is MediaLegAction.CONSULT

    run(CarrierKind.DIRECT)


@pytest.mark.parametrize("how", ["hung up", "page", "stream"])
def test_a_desk_that_is_gone_leaves_the_caller_to_the_colleague_it_talks_with(how):
    @talking
    async def run(it):
        await it.consult("talking")
        await first_desk_goes(it, how)
        assert it.line.end == "over" or how == "stream"
        await it.is_eves(it.eves)

    run(CarrierKind.DIRECT)


@pytest.mark.parametrize("how", ["hung up", "page", "stream"])
def test_a_desk_that_is_gone_while_the_colleague_rings_leaves_the_caller_to_the_agent(how):
    @talking
    async def run(it):
        await it.consult("ringing")
        await first_desk_goes(it, how)
        assert it.over()[0] is HandOverState.ENDED
        assert (it.eve.last.state, it.eve.last.call, it.eve.last.card) == ("ready", None, None)

    run(CarrierKind.DIRECT)


async def first_desk_goes(it, how):
    if how == "hung up":
        assert await it.does("dora", DeskAction.HANG_UP)
    else:
        await (it.dora if how == "page" else it.line).leave()
        await asyncio.sleep(GRACE_S + 1)


@pytest.mark.parametrize("stage", ["ringing", "talking"])
def test_a_caller_who_leaves_frees_the_colleague_too(stage):
    @talking
    async def run(it):
        await it.consult(stage)
        await it.host.leave_hand_over("h-1", hung_up=True)
        await asyncio.sleep(MOMENT_S)
        assert it.over() == (HandOverState.ENDED, EndReason.CALLER_HUNG_UP)
        assert (it.dora.last.state, it.eve.last.state, it.eve.last.call) == ("wrap_up", "ready", None)
        assert it.line.end == "over"
        assert stage == "ringing" or it.eves.end == "over"

    run(CarrierKind.DIRECT)


@pytest.mark.parametrize("stage", ["ringing", "talking"])
def test_the_host_may_die_while_a_colleague_is_asked(stage):
    @talking
    async def run(it):
        await it.consult(stage)
        await it.replace_host()
        assert it.dora.last.call.consultation == stage
        assert it.eve.last.call.from_colleague == "Dora"
        it.line = await it.open("dora")
        if stage == "ringing":
            assert it.line.last.order is MediaLegAction.HOLD
            assert await it.does("eve", DeskAction.ACCEPT)
        it.eves = await it.open("eve")
        assert (it.line.last.order, it.line.last.colleague) == (MediaLegAction.CONSULT, it.request.address)
        assert await it.does("dora", DeskAction.ATTENDED_TRANSFER, "2002")
        await it.is_eves(it.eves)

    run(CarrierKind.DIRECT)


@talking
async def test_both_streams_of_a_consultation_may_be_replaced(it):
    await it.consult("talking")
    it.eves = await it.open("eve")
    assert it.line.last.colleague == it.request.address
    it.line = await it.open("dora")
    assert it.line.last.order is MediaLegAction.CONSULT
    assert await it.does("dora", DeskAction.END_CONSULTATION)
    await it.goes_on()


@talking
async def test_a_colleague_in_their_notes_has_them_back_afterwards(it):
    await it.consult("talking")
    assert await it.does("dora", DeskAction.ATTENDED_TRANSFER, "")
    assert await it.does("dora", DeskAction.READY)
    notes = it.dora.last.card
    assert notes is None
    # now Dora, who has notes of a talk again, is asked by Eve
    assert await it.does("eve", DeskAction.BLIND_TRANSFER, "2001")
    assert await it.does("dora", DeskAction.ACCEPT)
    it.line = await it.open("dora")
    card = it.eve.last.card
    assert (it.eve.last.state, card.name) == ("wrap_up", "Demo")
    assert await it.does("dora", DeskAction.CONSULT, "2002")
    assert it.eve.last.state == "ringing"
    assert await it.does("eve", DeskAction.DECLINE)
    assert (it.eve.last.state, it.eve.last.card) == ("wrap_up", card)
    await it.goes_on()


@talking
async def test_a_colleague_whose_desk_is_reserved_gets_no_other_caller(it):
    # both at once: the second caller comes before the hand-over has handled the transfer
    assert await it.host.perform_desk_action("dora", DeskAction.BLIND_TRANSFER, "2002")
    await it.host.begin_hand_over(order(2))
    second = Follower(it.host.follow_hand_over("h-2"))
    await asyncio.sleep(MOMENT_S)
    assert second.last.state is HandOverState.QUEUED
    assert it.eve.last.call.transfer_id == "h-1"
    await it.host.leave_hand_over("h-1", hung_up=True)
    await asyncio.sleep(MOMENT_S)
    assert it.eve.last.call.transfer_id == "h-2"
    await second.leave()


@upgraded
async def test_a_telephone_holds_and_consults_by_itself(upgrade):
    if upgrade.kind is CarrierKind.DIRECT:
        return
    host = await upgrade.host("only")
    dora = await ready_desk(upgrade, host)
    eve = await ready_desk(upgrade, host, "eve", "2002")
    line, caller = await talk(upgrade, host, dora)
    assert dora.last.call is None
    for action in (DeskAction.HOLD, DeskAction.RESUME, DeskAction.CONSULT, DeskAction.END_CONSULTATION):
        assert not await host.perform_desk_action("dora", action, "2002")
    for each in (dora, eve, line, caller):
        await each.leave()
