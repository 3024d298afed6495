"""Fillers for a waiting caller: `FillerTimer` knows when one is due, and `AnswerWriter` writes it.

The agent knows only when it passed text on. Text-to-speech starts a sentence once its end is written, and needs time to
speak it. So the timer estimates when that speech ends and counts the delay from there: no filler interrupts an answer.
"""

from __future__ import annotations

import asyncio

from convonet.speech.text import SentenceCutter

FILLER_DELAY_S = 1.4
"""A caller who hears nothing for longer than this thinks that the connection is dead."""

FILLERS = (
    "One moment, please.",
    "I'm still working on it.",
    "Thank you for waiting.",
    "It's taking a little longer than usual.",
    "I'm still here, just a moment more.",
)
"""Said in this order, then from the start again; the turn's timeout follows soon after the last."""

CHARACTERS_PER_S = 17.0
"""Assumed speaking rate. 15 is usual; with a slower voice only the pause before a filler is shorter."""


class FillerTimer:
    """Tells when the caller of one turn must hear something. It starts on construction."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._quiet_from = asyncio.get_running_loop().time()
        self._sentences = SentenceCutter(eager=True)
        self._fillers = 0

    @property
    def due_at(self) -> float:
        """Time of the next filler by the event loop's clock; more text postpones it."""
        return self._quiet_from + self._delay_s

    def note_text(self, text: str) -> bool:
        """Note a piece of the answer that goes to the caller; returns whether it ends a sentence."""
        sentences = self._sentences.feed(text)
        if sentences or text.strip():
            speaking_s = sum(map(len, sentences)) / CHARACTERS_PER_S
            self._quiet_from = max(self._quiet_from, asyncio.get_running_loop().time()) + speaking_s
        return bool(sentences)

    def next_filler(self) -> str:
        """Return the next filler."""
        self._fillers += 1
        return FILLERS[(self._fillers - 1) % len(FILLERS)]
