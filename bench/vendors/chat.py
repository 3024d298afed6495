"""Text and timing of a model's answer, whatever its wire format."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from bench.harness.script import FIRST_CUT, REPLY_TOKENS, TOOL, TOOL_CALL_TOKENS
from bench.vendors.stage import Stage

PROMPT_TOKENS = 50


@dataclass(frozen=True, slots=True)
class Prompt:
    """The part of a request that decides the answer.

    Args:
        tools: names of the tools that it offers.
        is_after_tool: whether its last message is the result of a tool.
    """

    tools: tuple[str, ...]
    is_after_tool: bool

    def tool_to_call(self, stage: Stage) -> str | None:
        """The tool that is called before an answer; only in turns that use one."""
        if not stage.tool or self.is_after_tool:
            return None
        return next((name for name in self.tools if name.endswith(TOOL)), None)


async def reply_tokens(stage: Stage, received: float) -> AsyncIterator[str]:
    """The tokens of the answer, each when it is due."""
    for index, token in enumerate(REPLY_TOKENS):
        due = await _until_token(stage, received, index)
        if index == 0:
            stage.activity.note_sent("llm_first_token", due)
        elif index == FIRST_CUT:
            stage.activity.note_sent("llm_first_sentence", due)
        yield token


async def call_tokens(stage: Stage, received: float) -> AsyncIterator[int]:
    """The tokens of a tool's call, each when it is due: 0 is its name, 1 are its arguments."""
    stage.activity.counts["tool_calls"] += 1
    for index in range(TOOL_CALL_TOKENS):
        due = await _until_token(stage, received, index)
        yield index
    stage.activity.note_sent("llm_tool_call", due)


async def _until_token(stage: Stage, received: float, index: int) -> float:
    due = received + (stage.delays.llm_ttft_ms + index * stage.delays.llm_token_ms) / 1e3
    await stage.clock.until(due)
    return due
