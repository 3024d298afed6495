"""Writes a graph node's part of an answer: in pieces that are worth a message, with fillers while the caller waits.

A model's tokens come every 10 to 20 ms, and each message costs this process and its reader some 0.2 ms. A sentence
leaves as soon as it is complete, since text-to-speech can start on it. An incomplete sentence is held for at most
`HOLD_S`, together with what arrives meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from convonet.agents.base import TextDelta
from convonet.agents.fillers import FillerTimer
from convonet.language.sentences import ends_sentence, missing_space

HOLD_S = 0.1
"""A reader does not mind words in steps of a tenth of a second, and nothing is spoken before a sentence is complete."""


class AnswerWriter:
    """Writes for one node. After its `with` block no timer is left, and unless the block failed no text either."""

    def __init__(self, spoken: str, content: str, fillers: FillerTimer, emit: Callable[[TextDelta], None]) -> None:
        """`spoken` and `content` are the answer so far, with and without fillers."""
        self.spoken = self.content = ""
        """The part that this node adds to them."""
        self._spoken_before, self._content_before = spoken, content
        self._fillers = fillers
        self._emit = emit
        self._held = ""
        self._flush_timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._schedule_filler()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._filler_timer.cancel()
        if kind is None:
            self.flush()
        elif self._flush_timer is not None:
            self._flush_timer.cancel()

    def write(self, text: str) -> None:
        """Add a piece of the answer."""
        self.content += text if self.content else missing_space(self._content_before, text) + text
        self._pass_on(text if self.spoken else missing_space(self._spoken_before, text) + text)

    def end_sentence(self) -> None:
        """End the sentence with white space, so that text-to-speech starts on it."""
        if self.spoken and not self.spoken[-1].isspace():
            self.write(" ")

    def flush(self) -> None:
        """Emit what is held back."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._held:
            held, self._held = self._held, ""
            self._emit(TextDelta(held))

    def _pass_on(self, text: str) -> None:
        if self.spoken.endswith(" "):
            text = text.lstrip(" ")
        if not text:
            return
        self.spoken += text
        self._held += text
        if self._fillers.note_text(text):
            self.flush()
        elif self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(HOLD_S, self.flush)

    def _schedule_filler(self) -> None:
        self._filler_timer = asyncio.get_running_loop().call_at(self._fillers.due_at, self._fill)

    def _fill(self) -> None:
        # text that was written since the timer was set has postponed the filler
        if asyncio.get_running_loop().time() >= self._fillers.due_at:
            spoken, filler = self._spoken_before + self.spoken, self._fillers.next_filler()
            in_mid_sentence = spoken.strip() and not ends_sentence(spoken)
            self._pass_on(f"{'… ' if in_mid_sentence else missing_space(spoken, filler)}{filler} ")
            self.flush()
        self._schedule_filler()
