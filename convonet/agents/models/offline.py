"""The chat model that works without a key: a LangChain model like any other, with the domains' skills as its mind.

It sees what a hosted model would see: system prompt, history, the caller's sentence, tool results and the bound tools.
What rules need beyond that (time, memory of open questions) comes with the system message, see `prompt`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeGuard

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import ToolCall, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import SkipValidation

from convonet.agents.prompt import MEMORY, briefing_in
from convonet.agents.skill import Outcome, Say, Skill, SkillTurn, Step
from convonet.agents.spoken import MOST_CHARACTERS, TOO_LONG
from convonet.agents.steering import STEERING

PROVIDER = "offline"
MODEL = "rules"

ANSWERED_BY = "convonet_answered_by"
"""Where an answer carries the provider that gave it, when another may have to go on from there."""

AWAY = "I can't reach that service right now. Please try again in a moment."


class OfflineChatModel(BaseChatModel):
    """Answers by the rules of the domain that the system message names."""

    skills: SkipValidation[Mapping[str, Skill]]

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Make tools known; a rule that wants another one says that it can't be reached."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        chunk = self._think(messages, kwargs.get("tools", ()))
        message = AIMessage(
            chunk.content, tool_calls=chunk.tool_calls, response_metadata=chunk.response_metadata, id=chunk.id
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=self._think(messages, kwargs.get("tools", ())))

    def _think(self, messages: list[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> AIMessageChunk:
        briefing = briefing_in(messages)
        start = max(i for i, message in enumerate(messages) if isinstance(message, HumanMessage))
        if len(messages[start].text) > MOST_CHARACTERS:
            return AIMessageChunk(content=TOO_LONG)
        if told := _told_by_tools_of_another(messages[start:]):
            return AIMessageChunk(content=told)
        turn = SkillTurn(
            messages[start].text, briefing.now, briefing.memory, _outcomes(messages[start:]), briefing.suggested
        )
        step = self.skills[briefing.domain].step(turn)
        return _chunk(step, {tool["function"]["name"] for tool in tools}, turn)


def _told_by_tools_of_another(turn: Sequence[BaseMessage]) -> str:
    """What the turn's tools said, if another model used any before it failed: the rules would not know why it did."""
    if not _another_used_tools(turn):
        return ""
    outcomes = _outcomes(turn)
    last_done = max((number for number, outcome in enumerate(outcomes) if outcome.ok), default=-1)
    # what failed before something worked was tried again in another way
    told = (outcome for number, outcome in enumerate(outcomes) if outcome.ok or number > last_done)
    return " ".join(dict.fromkeys(outcome.text for outcome in told))


def _another_used_tools(turn: Sequence[BaseMessage]) -> bool:
    asked_by = PROVIDER
    for message in turn:
        if isinstance(message, AIMessage):
            asked_by = message.response_metadata.get(ANSWERED_BY, PROVIDER)
        elif asked_by != PROVIDER and _is_result(message):
            return True
    return False


def _is_result(message: BaseMessage) -> TypeGuard[ToolMessage]:
    """Whether a tool says something; one that steers the turn has done its work, and its words are for the model."""
    return isinstance(message, ToolMessage) and message.name not in STEERING


def _outcomes(messages: Sequence[BaseMessage]) -> tuple[Outcome, ...]:
    return tuple(_outcome(message) for message in messages if _is_result(message))


def _outcome(message: ToolMessage) -> Outcome:
    body = json.loads(message.text)
    return Outcome(message.name or "", message.status == "success", body["message"], body.get("data", {}))


def _chunk(step: Step, tools: set[str], turn: SkillTurn) -> AIMessageChunk:
    if isinstance(step, Say):
        return AIMessageChunk(content=step.text, response_metadata={MEMORY: step.memory})
    if not all(call.tool in tools for call in step.calls):
        return AIMessageChunk(content=AWAY, response_metadata={MEMORY: dict(turn.memory)})
    first = len(turn.outcomes)
    calls = [ToolCall(name=c.tool, args=c.arguments, id=f"call-{first + i}") for i, c in enumerate(step.calls)]
    return AIMessageChunk(
        content="",
        tool_call_chunks=[
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=i)
            for i, call in enumerate(calls)
        ],
    )
