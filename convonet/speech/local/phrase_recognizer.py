"""The embedded recognizer of expected phrases: pocketsphinx with the language model of our phrases.

It recognizes short commands best, but turns anything else into one of our phrases: 81 % of the words of free speech are
wrong. So `whisper` chooses between this transcript and its own, unless it recognized nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pocketsphinx

from convonet.speech.base import Word
from convonet.speech.local.jobs import Hypothesis, Samples, Stopped
from convonet.speech.local.level import at_trained_level
from convonet.speech.local.phrases import Phrases

PIECE = 3_200
"""Samples per call, 200 ms; recognition can be stopped between two calls."""

WORD_PENALTY = 0.2
"""Penalty for each additional word. With the library's default of 0.65 it recognizes "feed the cat to on my list"."""

WIDE_BEAMS = {"beam": 1e-60, "wbeam": 1e-40, "pbeam": 1e-60}
"""Wider than the library's beams, since our phrases are quick to search: 197 of 216 sentences, in four voices through a
browser, are recognized correctly instead of 192."""

FRAMES_PER_S = 100

_FILLERS = frozenset({"<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]", "[COUGH]"})


class PhraseRecognizer:
    """A pocketsphinx decoder in a worker process. Not thread-safe."""

    def __init__(self, phrases: Phrases, language_model: Path) -> None:
        """Load `language_model`, an ARPA file."""
        pocketsphinx.set_loglevel("FATAL")
        self._decoder = pocketsphinx.Decoder(lm=None, wip=WORD_PENALTY, **WIDE_BEAMS)
        for word, phones in phrases.pronunciations.items():
            self._decoder.add_word(word, phones, False)
        self._decoder.add_lm_file("callers", str(language_model))
        self._decoder.activate_search("callers")
        self._fresh_channel = self._decoder.get_cmn(False)

    def recognize(self, samples: Samples, should_stop: Callable[[], bool] = lambda: False) -> Hypothesis | None:
        """Return the best hypothesis for 16 kHz mono `samples`, or None. Raises `Stopped` on request."""
        if not samples.size:  # the decoder would never end its utterance
            return None
        # adaptation to one caller's microphone must not affect the next caller
        self._decoder.set_cmn(self._fresh_channel)
        self._decoder.start_utt()
        try:
            for piece in _pieces(at_trained_level(samples)):
                if should_stop():
                    raise Stopped
                self._decoder.process_raw(piece, False, False)
        finally:
            self._decoder.end_utt()
        found = self._decoder.hyp()
        if found is None or not found.hypstr:
            return None
        return Hypothesis(found.hypstr, found.best_score, tuple(self._words()))

    def _words(self) -> Iterator[Word]:
        for segment in self._decoder.seg():
            text = segment.word.split("(")[0]
            if text and segment.word not in _FILLERS:
                yield Word(text, segment.start_frame / FRAMES_PER_S, (segment.end_frame + 1) / FRAMES_PER_S)


def _pieces(samples: Samples) -> Iterator[bytes]:
    for start in range(0, samples.size, PIECE):
        yield samples[start : start + PIECE].tobytes()
