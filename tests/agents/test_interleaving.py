"""Conversations that share one agent, in every order of their steps: no caller's words reach another."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.agents.models.base import ModelConfig, TextPart, UserMessage
from convonet.agents.models.hosted import HostedModel
from convonet.core.caller import Caller
from convonet.core.ids import UserId
from tests.agents.conftest import LIMITS, Conversation, agent_settings, quiet_agent

CALLERS = 10
TURNS = 3


class Witness:
    """Answers with all that it was told, word by word; between two words others may run, as often as `pauses` say."""

    def __init__(self, pauses):
        self._pauses = pauses

    async def stream(self, request):
        told = " ".join(message.text for message in request.messages if isinstance(message, UserMessage))
        for word in told.split():
            for _ in range(self._pauses.pop() if self._pauses else 0):
                await asyncio.sleep(0)
            yield TextPart(f"{word} ")

    async def close(self):
        pass


@settings(max_examples=8, deadline=None)
@given(pauses=st.lists(st.integers(0, 4), max_size=200), order=st.permutations(range(CALLERS)))
def test_ten_conversations_keep_apart_whatever_the_order_of_their_steps(pauses, order):
    asyncio.run(_all_at_once(list(pauses), order))


async def _all_at_once(pauses, order):
    model = HostedModel(ModelConfig("witness", "witness", Witness(pauses)), LIMITS)
    agent = quiet_agent(agent_settings("http://127.0.0.1:9"), (), models=[model])
    answers = await asyncio.gather(*(_talk(agent, number) for number in order))
    await agent.close()
    assert answers == [" ".join(_said(number, turn) for turn in range(TURNS)) for number in order]


async def _talk(agent, number):
    talk = Conversation(agent, Caller(UserId(f"user-{number}"), f"name-{number}"))
    for turn in range(TURNS):
        heard = await talk.say(_said(number, turn))
    assert len(talk.history) == 2 * TURNS
    return heard.text.strip()


def _said(number, turn):
    return f"xylo{number} quark{turn}"
