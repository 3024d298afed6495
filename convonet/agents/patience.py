"""How long a caller of one turn has heard nothing, and what they hear before they think that the line is dead.

The agent knows only when it hands words on. A voice takes a sentence when its end is written, and needs time to speak
it: what is counted here is the silence after that, so that nobody is asked to wait while they are still being answered.
"""

from __future__ import annotations

import asyncio

from convonet.speech.text import SentenceCutter

FILLER_AFTER_S = 1.4
"""A caller who hears nothing for longer thinks that the line is dead."""

FILLERS = (
    "One moment, please.",
    "I'm still working on it.",
    "Thank you for waiting.",
    "It's taking a little longer than usual.",
    "I'm still here, just a moment more.",
)
"""In this order, then from the start again; a turn's time is over soon after the last."""

CHARACTERS_PER_S = 17.0
"""How fast a voice speaks: 15 is usual, and with a slower one the pause before a filler is only shorter."""


class Patience:
    """Of the caller of one turn, which begins now."""

    def __init__(self, filler_after_s: float) -> None:
        self._filler_after_s = filler_after_s
        self._quiet_from = asyncio.get_running_loop().time()
        self._sentences = SentenceCutter(eager=True)
        self._fillers = 0

    @property
    def ends_at(self) -> float:
        """When the caller must hear something, by the clock of the event loop; later words put it off."""
        return self._quiet_from + self._filler_after_s

    def heard(self, text: str) -> bool:
        """A piece of the answer is on its way to the caller; returns whether a sentence ends with it."""
        sentences = self._sentences.feed(text)
        if sentences or text.strip():
            speaking_s = sum(map(len, sentences)) / CHARACTERS_PER_S
            self._quiet_from = max(self._quiet_from, asyncio.get_running_loop().time()) + speaking_s
        return bool(sentences)

    def filler(self) -> str:
        """What to say next to a caller who waits."""
        self._fillers += 1
        return FILLERS[(self._fillers - 1) % len(FILLERS)]
