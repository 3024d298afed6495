"""The chat model that works without a key: it answers as any other does, with the domains' skills as its mind.

It reads what a hosted model reads: history, the caller's sentence, tool results and the tools that there are. What
rules need beyond that (time, memory of open questions) is in the request's briefing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence

from convonet.agents.models.base import (
    AssistantMessage,
    CallPart,
    ChosenModel,
    Memory,
    Message,
    ModelRequest,
    Part,
    TextPart,
    ToolMessage,
    UserMessage,
)
from convonet.agents.skill import Outcome, Say, Skill, SkillTurn, Step
from convonet.agents.steering import STEERING
from convonet.core.errors import AgentError
from convonet.language.sentences import MAX_CHARACTERS, TOO_LONG, Sentence

PROVIDER = "offline"
MODEL = "rules"

AWAY = "I can't reach that service right now. Please try again in a moment."


def offline_model(skills: Mapping[str, Skill]) -> ChosenModel:
    """Our own model, with the skills by domain."""
    return ChosenModel(PROVIDER, MODEL, OfflineModel(skills))


class OfflineModel:
    """Answers by the rules of the domain that the briefing names: see `ChatModel`."""

    def __init__(self, skills: Mapping[str, Skill]) -> None:
        self._skills = skills

    async def answer(self, request: ModelRequest) -> AsyncGenerator[Part, None]:
        """See `ChatModel.answer`."""
        briefing = request.briefing
        if briefing is None:
            raise AgentError("the rules answer turns only")
        said, since = _turn_of(request.messages)
        if len(said) > MAX_CHARACTERS:
            yield TextPart(TOO_LONG)
        elif told := _told_by_tools_of_another(since):
            yield TextPart(told)
        else:
            turn = SkillTurn(Sentence(said), briefing.now, briefing.memory, _outcomes(since), briefing.suggested)
            step = self._skills[briefing.domain].step(turn)
            for part in _step_parts(step, {tool.name for tool in request.tools.tools}, turn):
                yield part

    async def close(self) -> None:
        """See `ChatModel.close`: nothing is open."""


def _turn_of(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """What the caller said last, and what was done since."""
    start, said = next((i, m.text) for i, m in reversed(list(enumerate(messages))) if isinstance(m, UserMessage))
    return said, messages[start + 1 :]


def _told_by_tools_of_another(since: Sequence[Message]) -> str:
    """What the turn's tools said, if another model used any before it failed: the rules would not know why it did."""
    if not _another_used_tools(since):
        return ""
    outcomes = _outcomes(since)
    last_done = max((number for number, outcome in enumerate(outcomes) if outcome.ok), default=-1)
    # what failed before something worked was tried again in another way
    told = (outcome for number, outcome in enumerate(outcomes) if outcome.ok or number > last_done)
    return " ".join(dict.fromkeys(outcome.text for outcome in told))


def _another_used_tools(since: Sequence[Message]) -> bool:
    asked_by = PROVIDER
    for message in since:
        if isinstance(message, AssistantMessage):
            asked_by = message.provider
        elif asked_by != PROVIDER and _outcomes([message]):
            return True
    return False


def _outcomes(messages: Sequence[Message]) -> tuple[Outcome, ...]:
    """What tools said; one that steers the turn has done its work, and its words are for the model."""
    return tuple(
        Outcome(message.tool, message.ok, message.text, message.data)
        for message in messages
        if isinstance(message, ToolMessage) and message.tool not in STEERING
    )


def _step_parts(step: Step, tools: set[str], turn: SkillTurn) -> list[Part]:
    if isinstance(step, Say):
        return [TextPart(step.text), Memory(step.memory)]
    if not all(call.tool in tools for call in step.calls):
        return [TextPart(AWAY), Memory(dict(turn.memory))]
    return [
        CallPart(index, name=call.tool, arguments=json.dumps(call.arguments)) for index, call in enumerate(step.calls)
    ]
