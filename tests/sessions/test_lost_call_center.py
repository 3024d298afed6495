"""A call center that is down for minutes ends nobody's talk; a caller who has had enough still gets back."""

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from convonet.core.hand_over import EndReason, HandOverState, TransferContext
from convonet.core.ids import SessionId
from convonet.sessions import hand_over
from convonet.sessions.hand_over import SessionHandOver
from convonet.sessions.hand_over_request import OngoingHandOver
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import HandOverRequest, HandOverView, MediaLegAddress, Spoken, Who

SAID = [Spoken(who=Who.HUMAN, text="so far so good")]
LINE = MediaLegAddress(host="127.0.0.1", port=1, key="a-key")
CONTEXT = TransferContext(conversation_history=[], user_id="u-1", user_name="Demo", activities=[], summary="")
ORDER = HandOverRequest(
    transfer_id="h-1", session_id=SessionId("s-1"), department="support", reason="a list", context=CONTEXT
)


class DownCallCenter:
    """Shows one view, and then nothing any more. `knows` is False once it is up again and has lost the hand-over."""

    def __init__(self, state, line):
        self.view = HandOverView(transfer_id="h-1", state=state, department="support", line=line, said=SAID)
        self.tries = 0
        self.knows = True

    async def follow_hand_over(self, transfer_id):
        self.tries += 1
        if self.tries == 1:
            yield self.view
        if self.knows:
            raise HandOversUnavailable("down")

    async def leave_hand_over(self, transfer_id, *, hung_up):
        raise HandOversUnavailable("down")


@contextlib.asynccontextmanager
async def following(state, line, monkeypatch):
    monkeypatch.setattr(hand_over, "RETRY_DELAYS_S", (0.01, 0.01))
    center, views = DownCallCenter(state, line), asyncio.Queue()
    session = SessionHandOver(
        SimpleNamespace(transfer=OngoingHandOver(order=ORDER, extension="2001")),
        SimpleNamespace(hand_overs=center, wall_clock=lambda: 30.0),
        emit=lambda message: None,
        change_media_leg=lambda change: None,
        post=views.put_nowait,
        confirm=confirm,
        is_moving=lambda: False,
    )
    session.resume_after_restore()
    session.handle_view(await views.get())
    try:
        yield center, session, views
    finally:
        session.stop()
        await session.wait_finished()


async def confirm():
    """No newer copy of the session exists."""


async def last(views):
    async with asyncio.timeout(5):
        view = await views.get()
    return view.state, view.why


async def tried(center, times):
    async with asyncio.timeout(5):
        while center.tries < times:
            await asyncio.sleep(0.01)


async def test_a_caller_who_waits_is_told_that_nobody_comes(monkeypatch):
    async with following(HandOverState.DIALING, None, monkeypatch) as (_, _, views):
        assert await last(views) == (HandOverState.FAILED, EndReason.NOBODY_THERE)


async def test_a_talk_goes_on_while_the_call_center_is_down(monkeypatch):
    async with following(HandOverState.CONNECTED, LINE, monkeypatch) as (center, session, views):
        await tried(center, 10)
        assert session.is_talking
        assert views.empty()


@pytest.mark.parametrize(("hung_up", "why"), [(False, EndReason.CALLER_CANCELLED), (True, EndReason.CALLER_HUNG_UP)])
async def test_a_caller_can_leave_the_talk_meanwhile(hung_up, why, monkeypatch):
    async with following(HandOverState.CONNECTED, LINE, monkeypatch) as (_, session, views):
        session.leave(hung_up=hung_up)
        async with asyncio.timeout(5):
            view = await views.get()
        assert (view.state, view.why, view.line, view.ended_at) == (HandOverState.ENDED, why, None, 30.0)
        assert view.said == SAID


async def test_a_talk_that_the_call_center_does_not_know_any_more_is_over(monkeypatch):
    async with following(HandOverState.CONNECTED, LINE, monkeypatch) as (center, _, views):
        center.knows = False
        assert await last(views) == (HandOverState.FAILED, EndReason.NOBODY_THERE)
