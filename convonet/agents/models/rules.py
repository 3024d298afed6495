"""The model that works without a key or a server: the domains' skills, as the last model of the chain.

It reads the same messages and tools as a hosted model, and the turn's values from `TurnModelRequest`.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence

from convonet.agents.models.base import (
    AssistantMessage,
    Message,
    Model,
    ModelAnswer,
    ToolCall,
    ToolMessage,
    TurnModelRequest,
    UserMessage,
)
from convonet.agents.models.health import Health
from convonet.agents.models.wire_json import arguments_of
from convonet.agents.skill import QUESTION, Outcome, Say, Skill, SkillTurn, Step, UseTools
from convonet.agents.steering import STEERING
from convonet.language.sentences import MAX_CHARACTERS, TOO_LONG, Sentence, ends_sentence, missing_space
from convonet.tracing.spans import span

PROVIDER = "offline"
MODEL = "rules"

UNREACHABLE = "I can't reach that service right now. Please try again in a moment."

START_OVER = "Sorry, let me start over. "
"""Said after half a sentence of a model that failed: the rules can't continue in mid-sentence."""


class RulesModel(Model):
    """Answers by the rules of the request's domain. It never fails."""

    provider = PROVIDER
    is_hosted = False

    def __init__(self, skills: Mapping[str, Skill]) -> None:
        """`skills` are the rules by domain."""
        self.health = Health(PROVIDER, MODEL, 0.0, time.monotonic)
        self._skills = skills

    async def answer(self, request: TurnModelRequest, spoken: str) -> AsyncGenerator[str | ModelAnswer, None]:
        """See `Model.answer`."""
        epoch = self.health.epoch
        with span("chat", kind="internal", provider=PROVIDER, model=MODEL):
            step = self._next_step(request)
        text = _continuation(spoken, step.text if isinstance(step, Say) else "")
        yield text
        self.health.note_answer(epoch)
        calls, memory = ((), step.memory) if isinstance(step, Say) else (_tool_calls(step), None)
        yield ModelAnswer(AssistantMessage(spoken + text, calls, PROVIDER), PROVIDER, MODEL, memory)

    def _next_step(self, request: TurnModelRequest) -> Step:
        said, since = _current_turn(request.messages)
        without_question = {name: value for name, value in request.memory.items() if name != QUESTION}
        if len(said) > MAX_CHARACTERS:
            return Say(TOO_LONG, without_question)
        if results := _results_of_other_models(since):
            return Say(results, without_question)
        turn = SkillTurn(Sentence(said), request.now, request.memory, _outcomes(since), request.suggested_form)
        step = self._skills[request.domain].step(turn)
        tools = {tool.name for tool in request.tools.tools}
        if isinstance(step, Say) or all(call.tool in tools for call in step.calls):
            return step
        return Say(UNREACHABLE, dict(request.memory))


def _current_turn(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """Return the caller's last sentence and the messages after it."""
    start, said = next((i, m.text) for i, m in reversed(list(enumerate(messages))) if isinstance(m, UserMessage))
    return said, messages[start + 1 :]


def _results_of_other_models(since: Sequence[Message]) -> str:
    """Return the results of tools that another model called before it failed: the rules can't know their purpose."""
    if not _another_used_tools(since):
        return ""
    outcomes = _outcomes(since)
    last_success = max((number for number, outcome in enumerate(outcomes) if outcome.ok), default=-1)
    # a failure before a success was most likely retried in another way
    relevant = (outcome for number, outcome in enumerate(outcomes) if outcome.ok or number > last_success)
    return " ".join(dict.fromkeys(outcome.text for outcome in relevant))


def _another_used_tools(since: Sequence[Message]) -> bool:
    provider = PROVIDER
    for message in since:
        if isinstance(message, AssistantMessage):
            provider = message.provider
        elif provider != PROVIDER and _outcomes([message]):
            return True
    return False


def _outcomes(messages: Sequence[Message]) -> tuple[Outcome, ...]:
    """Return the tools' results, without those of steering tools: their text is for a hosted model."""
    return tuple(
        Outcome(message.tool, message.ok, message.text, message.data)
        for message in messages
        if isinstance(message, ToolMessage) and message.tool not in STEERING
    )


def _continuation(spoken: str, text: str) -> str:
    bridge = missing_space(spoken, START_OVER) + START_OVER if spoken and not ends_sentence(spoken) else ""
    return bridge + missing_space(spoken + bridge, text) + text


def _tool_calls(step: UseTools) -> tuple[ToolCall, ...]:
    # as JSON and back: half a UTF-16 pair in the caller's text would break the request to the tools
    calls = ((call.tool, arguments_of(json.dumps(call.arguments)) or {}) for call in step.calls)
    return tuple(ToolCall(f"call_{uuid.uuid4().hex}", tool, arguments) for tool, arguments in calls)
