"""The agent in another process, which may die in the middle of a turn."""

import pytest
from ray.exceptions import RayActorError

from actors.remote import RemoteAgent
from convonet.agents.base import Caller, DomainChosen, TextDelta, TurnRequest
from convonet.errors import AgentAway, AgentError
from convonet.ids import SessionId, TurnId, UserId

REQUEST = TurnRequest(SessionId("s-1"), TurnId("t-1"), Caller(UserId("u-1"), "Ann"), "what's on my list")


class Replicas:
    """Serve's handle: each call is answered by the next script, of events and at last perhaps an error."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.asked = []
        self.turn = self

    def options(self, *, stream):
        assert stream
        return self

    def remote(self, request):
        self.asked.append(request)
        return Stream(self.scripts.pop(0))


class Stream:
    def __init__(self, script):
        self._script = script

    async def __aiter__(self):
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            yield step

    def cancel(self):
        pass


async def heard(replicas):
    return [event async for event in RemoteAgent(replicas).turn(REQUEST)]


async def test_a_turn_whose_replica_dies_before_a_word_is_asked_again_of_another():
    chosen, answer = DomainChosen("todo"), TextDelta("Nothing.")
    replicas = Replicas([chosen, RayActorError()], [chosen, answer])
    assert await heard(replicas) == [chosen, chosen, answer]
    assert replicas.asked == [REQUEST, REQUEST]


async def test_what_was_said_is_not_said_again():
    replicas = Replicas([TextDelta("You have "), RayActorError()])
    with pytest.raises(AgentAway):
        await heard(replicas)
    assert len(replicas.asked) == 1


async def test_when_the_second_dies_too_the_turn_has_failed():
    replicas = Replicas([RayActorError()], [RayActorError()])
    with pytest.raises(AgentAway):
        await heard(replicas)


async def test_a_turn_that_crashes_is_not_tried_again():
    replicas = Replicas([ValueError("a fault of ours")])
    with pytest.raises(AgentError) as crashed:
        await heard(replicas)
    assert not isinstance(crashed.value, AgentAway)
    assert len(replicas.asked) == 1
