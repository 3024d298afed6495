"""What a human is told before they answer."""

from datetime import date

import pytest

from convonet.agents.base import Caller, TurnRequest
from convonet.agents.departments import context_of
from convonet.ids import DEMO_USER_ID, SessionId, TurnId


@pytest.mark.parametrize(("proof", "words"), [("PIN", "Ann, verified by PIN, "), (None, "Ann, not verified, ")])
def test_the_summary_says_how_the_caller_was_verified(proof, words):
    caller = Caller(DEMO_USER_ID, "Ann", verified_by=proof)
    request = TurnRequest(SessionId("s-1"), TurnId("t-1"), caller, "let me talk to a person")
    context = context_of(request, "", date(2026, 8, 1))
    assert context.summary.startswith(words)
    assert context.verified_by == proof
