"""Writes a node's part of an answer: in pieces that are worth a message, and with a filler when the caller waits.

A model's tokens come every 10 to 20 ms, and each message costs this process and the one that reads it some 0.2 ms. A
sentence leaves when its end is there, since a voice can begin with it; what is no whole sentence waits for at most
`HOLD_S` and what comes in that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from convonet.agents.base import TextDelta
from convonet.agents.patience import Patience
from convonet.language.sentences import ends_sentence, missing_space

HOLD_S = 0.1
"""A reader does not mind words in steps of a tenth of a second, and nothing is spoken before a sentence is whole."""


class AnswerWriter:
    """For one node. Leave its block and nothing is held back, and no timer is left."""

    def __init__(self, heard: str, meant: str, patience: Patience, emit: Callable[[TextDelta], None]) -> None:
        """`heard` and `meant` are the answer so far, with and without fillers."""
        self.heard = self.meant = ""
        """What this node adds to them."""
        self._heard_before, self._meant_before = heard, meant
        self._patience = patience
        self._emit = emit
        self._held = ""
        self._leaving: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._filling.cancel()
        if kind is None:
            self.flush()
        elif self._leaving is not None:
            self._leaving.cancel()

    def say(self, text: str) -> None:
        """Say some of the answer."""
        self.meant += text if self.meant else missing_space(self._meant_before, text) + text
        self._write(text if self.heard else missing_space(self._heard_before, text) + text)

    def pause(self) -> None:
        """Let what was said be spoken before there is more: a voice takes a sentence when white space follows."""
        if self.heard and not self.heard[-1].isspace():
            self.say(" ")

    def flush(self) -> None:
        """Let what is held back leave."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._held:
            held, self._held = self._held, ""
            self._emit(TextDelta(held))

    def _write(self, text: str) -> None:
        if self.heard.endswith(" "):
            text = text.lstrip(" ")
        if not text:
            return
        self.heard += text
        self._held += text
        if self._patience.heard(text):
            self.flush()
        elif self._leaving is None:
            self._leaving = asyncio.get_running_loop().call_later(HOLD_S, self.flush)

    def _wait(self) -> None:
        self._filling = asyncio.get_running_loop().call_at(self._patience.ends_at, self._fill)

    def _fill(self) -> None:
        # what was said since the timer was set has put the end of the caller's patience off
        if asyncio.get_running_loop().time() >= self._patience.ends_at:
            heard, filler = self._heard_before + self.heard, self._patience.filler()
            in_mid_sentence = heard.strip() and not ends_sentence(heard)
            self._write(f"{'… ' if in_mid_sentence else missing_space(heard, filler)}{filler} ")
            self.flush()
        self._wait()
