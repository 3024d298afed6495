"""Filters thoughts and tool calls out of an answer's text, for self-hosted servers.

A server with the right parsers sends both in separate fields. A server whose parser is missing or wrong sends them as
text, and without this filter a caller would hear `<tool_call>{"name": ...`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from convonet.agents.models.failures import Failure, ModelFailed

CALL_AS_TEXT = "a tool call as text"
"""Failure of a model whose server does not parse its tool calls. It need not rest: without tools it answers well."""

_MARK = re.compile(r"[<\[{`]")
"""Characters that may begin a thought or a tool call."""

_THOUGHTS = r"(?:think|thinking|thought|thoughts|reasoning|reflection)"
_THOUGHTS_BEGIN = re.compile(rf"<{_THOUGHTS}>|\[THINK\]", re.IGNORECASE)
_THOUGHTS_END = re.compile(rf"</{_THOUGHTS}>|\[/THINK\]", re.IGNORECASE)

_CALL = re.compile(
    r"""
    < [|\uff5c]                                     # control tokens: <|python_tag|>, <|channel|>
    | < /? [^\s<>=]* (?: tool | func | invoke )     # <tool_call>, <function=create_todo>
    | \[ \s* (?: TOOL_CALLS? \b | [a-z_][\w.]* \( ) # [TOOL_CALLS], [create_todo(title="milk")]
    | \[? \s* \{ \s* "                             # {"name": "create_todo"}, [{"name": "create_todo"}]
    | ``` \s* (?: json | python | xml | tool_\w+ | [\[{] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_INCOMPLETE_MARK = re.compile(
    r"""
    < /? [^\s<>=]{0,30}
    | \[ \s* (?: /? [a-z_][\w.]{0,40} | \{ \s* | / )?
    | \{ \s*
    | `{1,3} | ``` \s* \w{0,12}
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass
class ThinkingHabits:
    """What a model's answers so far reveal about its thoughts."""

    thinks_first: bool = False
    """Whether answers begin with thoughts but without a mark, as when the server has consumed the `<think>`."""
    has_thought: bool = False
    """Whether the model thinks at all, in the text or in a separate field."""


class SpeechFilter:
    """Filters the text of one answer, in pieces that may be cut anywhere. It holds back what may become a mark."""

    def __init__(self, habits: ThinkingHabits) -> None:
        self._habits = habits
        self._thinking: Literal["no", "yes", "maybe"] = "maybe" if habits.thinks_first else "no"
        self._held = ""
        self._after_thoughts = False

    def feed(self, text: str) -> str:
        """Add the next piece and return what can be spoken now. Raises `ModelFailed` for a tool call."""
        self._held += text
        if self._after_thoughts:
            self._held = self._held.lstrip()
            self._after_thoughts = not self._held
        spoken = ""
        while True:
            if self._thinking != "no":
                if (end := _THOUGHTS_END.search(self._held)) is None:
                    return spoken
                self._skip_thoughts(end)
            elif (mark := _MARK.search(self._held)) is None:
                spoken, self._held = spoken + self._held, ""
                return spoken
            else:
                spoken, self._held = spoken + self._held[: mark.start()], self._held[mark.start() :]
                if (more := self._at_mark()) is None:
                    return spoken
                spoken += more

    def flush(self) -> str:
        """End the answer and return held-back text that is speech after all."""
        held, self._held = self._held, ""
        if self._thinking == "maybe":
            # no thoughts this time
            self._habits.thinks_first = False
        return "" if self._thinking == "yes" else held

    def _at_mark(self) -> str | None:
        """Return the speech at the start of the held text, which is a mark; None until more text decides it."""
        if _CALL.match(self._held):
            raise ModelFailed(Failure(CALL_AS_TEXT, rest=False))
        if begin := _THOUGHTS_BEGIN.match(self._held):
            self._held, self._thinking = self._held[begin.end() :], "yes"
            return ""
        if end := _THOUGHTS_END.match(self._held):
            # these thoughts were spoken already; the next answer is held back until its thoughts end
            self._habits.thinks_first = True
            self._skip_thoughts(end)
            return " "
        if _INCOMPLETE_MARK.fullmatch(self._held):
            return None
        mark, self._held = self._held[0], self._held[1:]
        return mark

    def _skip_thoughts(self, end: re.Match[str]) -> None:
        self._habits.has_thought = True
        self._held, self._thinking = self._held[end.end() :].lstrip(), "no"
        self._after_thoughts = not self._held
