"""A caller who could not be connected is called back: at the number that is known, or that they give."""

import asyncio

import pytest
from sqlalchemy import delete

from convonet.core.hand_over import EndReason
from convonet.domains.crm.models import ContactOwnerRow
from convonet.sessions.hand_over_messages import FAILURES
from tests.telephony.test_hand_over import conversation_of
from tests.telephony.test_hand_over_failures import (
    BEFORE_IT_IS_JOINED,
    ask,
    brought_to,
    nothing_left,
    offered,
    told,
)


async def nobody_knows_the_number(center):
    async with center.database.transaction() as session:
        await session.execute(delete(ContactOwnerRow))


async def say(client, text):
    """What the agent answers."""
    client.say("text_input", text=text)
    # a turn that was cut off is repeated first
    await client.until("transcript_final", text=text)
    return (await client.until("agent_final"))["text"]


async def offered_a_call_back(client):
    await ask(client)
    await told(client, "failed")
    await offered(client)


async def noted(center):
    """The one call back that the desks see."""
    async with asyncio.timeout(3):
        while not (waiting := await center.call_log.open_call_backs()):
            await asyncio.sleep(0.02)
    assert len(waiting) == 1
    return waiting[0]


async def test_a_known_number_is_told_by_its_end(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await offered_a_call_back(client)
        answer = await say(client, "yes please")
        one = await noted(center)
        assert (one.caller_name, one.department, one.reason) == ("Demo", "support", "why is my list empty")
        # the seeded CRM knows it
        assert one.phone.startswith("+1")
        assert f"ending in {one.phone[-4:]}." in answer
        assert one.phone[:-4] not in answer
        assert await center.call_log.complete_call_back(one.id, "dora")
        assert not await center.call_log.complete_call_back(one.id, "eve")
        assert await center.call_log.open_call_backs() == []


async def test_a_number_that_is_not_known_is_asked_for_also_when_the_callers_replica_dies(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await nobody_knows_the_number(center)
        await offered_a_call_back(client)
        assert await say(client, "yes please") == "What number can we reach you at?"
        center.sessions.kill(center.sessions.replica_of(client.session_id))
        assert await say(client, "415 555 0142") == "I heard 4 1 5, 5 5 5, 0 1 4 2. Is that right?"
        assert await center.call_log.open_call_backs() == []
        assert "ending in 0142" in await say(client, "yes")
        one = await noted(center)
        assert (one.phone, one.reason) == ("+14155550142", "why is my list empty")


async def test_the_desk_sees_that_no_number_is_known(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await nobody_knows_the_number(center)
        await offered_a_call_back(client)
        for said in ("yes", "blue bananas"):
            await say(client, said)
        assert "couldn't get your number" in await say(client, "green ones")
        assert (await noted(center)).phone == ""


async def test_a_crm_that_hangs_does_not_keep_the_caller_waiting(telephone_center, monkeypatch):
    async with telephone_center() as center, center.caller() as client:

        async def hang(user_id):
            await asyncio.Event().wait()

        monkeypatch.setattr(center.facts, "phone_of", hang)
        await offered_a_call_back(client)
        assert await say(client, "yes please") == "What number can we reach you at?"


async def test_nobody_is_called_back_who_says_never_mind(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await nobody_knows_the_number(center)
        await offered_a_call_back(client)
        await say(client, "yes")
        assert "nobody will call you" in await say(client, "never mind")
        await say(client, "yes")
        assert await center.call_log.open_call_backs() == []


@pytest.mark.parametrize("state", BEFORE_IT_IS_JOINED)
async def test_who_is_promised_a_call_back_does_not_wait_any_longer(call_center, state):
    async with call_center() as center, center.caller() as client:
        desk = await center.desk().ready()
        await brought_to(state, center, client, desk)
        await say(client, "I can't wait, call me back")
        assert (await told(client, "failed"))["reason"] == "caller_cancelled"
        # and is not offered once more what is promised already
        await client.until("announcement", text=FAILURES[EndReason.CALLER_CANCELLED])
        assert (await noted(center)).phone == "+14155550142"
        await nothing_left(center)


async def test_an_offer_that_is_made_while_the_agent_thinks_is_remembered(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        await center.desk().ready()
        await ask(client)
        leg = await center.next_leg()
        center.agent.is_asked.clear()
        center.agent.may_answer.clear()
        client.say("text_input", text="what is on my list")
        await center.agent.is_asked.wait()
        leg.answer(486)
        await told(client, "failed")
        offer = await offered(client)
        center.agent.may_answer.set()
        assert (await client.until("agent_final"))["text"] == "You said what is on my list."
        assert "will call you back" in await say(client, "yes please")
        assert (await noted(center)).reason == "why is my list empty"
        lines = [line.content for line in conversation_of(center, client).history]
        assert lines.index("You said what is on my list.") < lines.index(offer) < lines.index("yes please")
