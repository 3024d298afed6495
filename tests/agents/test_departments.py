"""Hand-overs to departments, and the briefing that the human gets."""

from datetime import date

import pytest

from convonet.agents.base import ChatMessage
from convonet.agents.departments import hand_over_reason, transfer_context
from convonet.core.caller import Caller
from convonet.core.hand_over import HandOverDecision
from convonet.core.ids import DEMO_USER_ID

TODAY = date(2026, 8, 1)


def told(*conversation, reason="let me talk to a person", caller=None):
    said = [ChatMessage("user" if number % 2 == 0 else "assistant", text) for number, text in enumerate(conversation)]
    return transfer_context(caller or Caller(DEMO_USER_ID, "Ann"), said, reason, "", TODAY)


@pytest.mark.parametrize(("proof", "words"), [("PIN", "Ann, verified by PIN, "), (None, "Ann, not verified, ")])
def test_the_summary_says_how_the_caller_was_verified(proof, words):
    context = told("let me talk to a person", caller=Caller(DEMO_USER_ID, "Ann", verified_by=proof))
    assert context.summary.startswith(words)
    assert context.verified_by == proof


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (["let me talk to a person"], "let me talk to a person"),
        (["what's on my list", "let me talk to a person"], "what's on my list"),
        (["what's on my list", "connect me to a person about my denied claim"],
         "connect me to a person about my denied claim"),
        (["what's on my list", "this is wrong get me a real person"], "this is wrong get me a real person"),
    ],
)  # fmt: skip
def test_the_reason_is_the_sentence_that_says_why_the_caller_wants_a_human(asked, reason):
    assert hand_over_reason(asked) == reason


def test_the_summary_has_the_models_reason_beside_the_callers_words():
    assert "Wants: a price for forty people." in told("get me somebody", reason="a price for forty people").summary
    assert "Wants:" not in told("let me talk to a person").summary


async def test_the_briefing_has_the_sentence_that_asked_for_a_human(sqlite_world):
    talk = await sqlite_world.talk("buy milk")
    await talk.say("what's on my list")
    context = (await talk.say("connect me to a person about my denied claim")).final.transfer_context
    assert "what's on my list; connect me to a person about my denied claim." in context.summary
    assert {"role": "user", "content": "connect me to a person about my denied claim"} in context.conversation_history


@pytest.mark.parametrize(
    "said",
    [
        "let me talk to a human and what's on my list",
        "what's on my list and let me talk to a human",
        "let me talk to a human and what's on my list and connect me to sales",
        "connect me to sales and what's on my list and let me talk to a human",
    ],
)
async def test_a_caller_who_wants_a_human_and_something_else_gets_both(sqlite_world, said):
    heard = await (await sqlite_world.talk("buy milk")).say(said)
    assert heard.tools == ["get_todos"]
    assert "milk" in heard.text.split("I'll connect you")[0]
    department = "sales" if "sales" in said else "support"
    assert heard.final.hand_over == HandOverDecision(department, "2001", said)


async def test_the_briefing_has_changes_from_the_same_sentence(sqlite_world):
    heard = await (await sqlite_world.talk()).say("add buy milk to my list and let me talk to a human")
    context = heard.final.transfer_context
    assert context.activities == ["Adding to the list"]
    assert "Done: Adding to the list." in context.summary
