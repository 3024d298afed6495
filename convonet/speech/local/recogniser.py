"""The embedded recogniser: pocketsphinx with one of two language models.

Neither model is good alone. The one of our phrases turns anything into a sentence of ours (81 % of the words of free
speech are wrong); the general English one mishears our short commands. Each decodes the utterance, and the better path
score wins. So a recogniser is one `Decoder`, and its `Hypothesis` says how good it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pocketsphinx

from convonet.speech.base import Word
from convonet.speech.local.jobs import Stopped
from convonet.speech.local.phrases import Phrases

Samples = npt.NDArray[np.int16]

PEAK = 12_000
"""Level that every utterance is brought to, of 32,768: the acoustic model was trained on about that."""

NOISE = 4.0
"""Standard deviation of noise that is added: digital silence derails the feature extraction. More costs accuracy."""

PIECE = 3_200
"""Samples per call, 200 ms: between two calls a decoder can be stopped."""

WORD_PENALTY = 0.2
"""Price of each more word; the library's 0.65 hears "feed the cat to on my list". One for both decoders, or else their
scores would not compare."""

WIDE_BEAMS = {"beam": 1e-60, "wbeam": 1e-40, "pbeam": 1e-60}
"""For our phrases, which are quick to search: with these and the penalty 197 of 216 sentences in four voices through a
browser came right, with the library's own beams 192. General English would take a half longer."""

FRAMES_PER_S = 100

_FILLERS = frozenset({"<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]", "[COUGH]"})


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one decoder heard. `score` compares hypotheses of the same utterance only."""

    text: str
    score: float
    words: tuple[Word, ...]


class Decoder:
    """One pocketsphinx decoder. Not thread-safe; lives in a worker process."""

    def __init__(self, phrases: Phrases, language_model: Path | None = None) -> None:
        """Decode with `language_model`, an ARPA file, or with general English."""
        pocketsphinx.set_loglevel("FATAL")
        beams = {} if language_model is None else WIDE_BEAMS
        self._decoder = pocketsphinx.Decoder(lm=None, wip=WORD_PENALTY, **beams)
        for word, phones in phrases.pronunciations.items():
            self._decoder.add_word(word, phones, False)
        if language_model is None:
            language_model = Path(pocketsphinx.get_model_path("en-us/en-us.lm.bin"))
        self._decoder.add_lm_file("callers", str(language_model))
        self._decoder.activate_search("callers")
        self._fresh_channel = self._decoder.get_cmn(False)

    def recognise(self, samples: Samples, stop_requested: Callable[[], bool] = lambda: False) -> Hypothesis | None:
        """The best path through 16 kHz mono `samples`, or None when there is none. Raises `Stopped` on request."""
        if not samples.size:  # the decoder would stay in its utterance for ever
            return None
        # what the decoder learned of one caller's microphone must not colour the next one's words
        self._decoder.set_cmn(self._fresh_channel)
        self._decoder.start_utt()
        try:
            for piece in _pieces(levelled(samples)):
                if stop_requested():
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


def better(general: Hypothesis | None, domain: Hypothesis | None) -> Hypothesis | None:
    """The hypothesis to believe; on a tie the one of our phrases."""
    if general is None or domain is None:
        return domain or general
    return domain if domain.score >= general.score else general


def levelled(samples: Samples) -> Samples:
    """`samples` at the level the acoustic model knows, with a little noise; the same for the same samples."""
    noise = np.random.default_rng(0).normal(0.0, NOISE, samples.size)
    peak = max(1, int(np.abs(samples.astype(np.int32)).max()))
    return (samples * (PEAK / peak) + noise).clip(-32_768, 32_767).astype(np.int16)


def _pieces(samples: Samples) -> Iterator[bytes]:
    for start in range(0, samples.size, PIECE):
        yield samples[start : start + PIECE].tobytes()
