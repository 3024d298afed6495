"""Keeps out of an answer what is no speech: thoughts and tool calls that a server has left in the text.

A server with the right parsers sends both in fields of their own. One whose parser is missing or wrong sends them as
words, and without this a caller would hear `<tool_call>{"name": ...`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from convonet.agents.models.failures import Failure, ModelFailed

CALL_AS_TEXT = "a tool call as text"
"""Why a model has failed whose server does not know its tool calls. It need not rest: without tools it answers well."""

_MARK = re.compile(r"[<\[{`]")
"""What may begin something that is no speech."""

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
_MAY_BECOME_ONE = re.compile(
    r"""
    < /? [^\s<>=]{0,30}
    | \[ \s* (?: /? [a-z_][\w.]{0,40} | \{ \s* | / )?
    | \{ \s*
    | `{1,3} | ``` \s* \w{0,12}
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass
class Habits:
    """What a model's answers have shown so far."""

    thinks_first: bool = False
    """Whether it begins with thoughts without saying so, as where the server has written the `<think>` itself."""
    has_thought: bool = False
    """Whether it thinks at all, in the text or in a field of its own."""


class SpeechFilter:
    """For the text of one answer, in pieces that may be cut anywhere. It holds back what may become a mark."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._thinking: Literal["no", "yes", "maybe"] = "maybe" if habits.thinks_first else "no"
        self._held = ""
        self._after_thoughts = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be spoken now. Raises `ModelFailed` at a tool call."""
        self._held += text
        if self._after_thoughts:
            self._held = self._held.lstrip()
            self._after_thoughts = not self._held
        spoken = ""
        while True:
            if self._thinking != "no":
                if (end := _THOUGHTS_END.search(self._held)) is None:
                    return spoken
                self._thought_until(end)
            elif (mark := _MARK.search(self._held)) is None:
                spoken, self._held = spoken + self._held, ""
                return spoken
            else:
                spoken, self._held = spoken + self._held[: mark.start()], self._held[mark.start() :]
                if (more := self._at_mark()) is None:
                    return spoken
                spoken += more

    def flush(self) -> str:
        """The answer is over: return what was held back and is speech after all."""
        held, self._held = self._held, ""
        if self._thinking == "maybe":
            # it has not thought this time
            self._habits.thinks_first = False
        return "" if self._thinking == "yes" else held

    def _at_mark(self) -> str | None:
        """What of the text can be spoken that begins with a mark; None when that takes more of it."""
        if _CALL.match(self._held):
            raise ModelFailed(Failure(CALL_AS_TEXT, rest=False))
        if begin := _THOUGHTS_BEGIN.match(self._held):
            self._held, self._thinking = self._held[begin.end() :], "yes"
            return ""
        if end := _THOUGHTS_END.match(self._held):
            # the caller has heard these; the next answer waits for their end
            self._habits.thinks_first = True
            self._thought_until(end)
            return " "
        if _MAY_BECOME_ONE.fullmatch(self._held):
            return None
        mark, self._held = self._held[0], self._held[1:]
        return mark

    def _thought_until(self, end: re.Match[str]) -> None:
        self._habits.has_thought = True
        self._held, self._thinking = self._held[end.end() :].lstrip(), "no"
        self._after_thoughts = not self._held
