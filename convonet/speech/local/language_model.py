"""The language model of the sentences that callers are expected to say, built from the phrase files.

It is a 3-gram model over sentences drawn from the phrases, plus the most common English words as single words, so that
an unforeseen title ("brush my teeth") can be recognized. It takes two seconds to build and is cached as a file. The
phrase recognizer searches with it, and `whisper` scores transcripts with it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pocketsphinx
from pocketsphinx.lm import ArpaBoLM

from convonet.speech.local.phrases import Phrases

SENTENCES_PER_PHRASE = 1_000
"""Sentences drawn per phrase. Held-out todo sentences: word error rate 6.0 % with 100, 3.4 % from 300 on."""

BACKGROUND_WORDS = 20_000
"""Most common English words, added as single words. Sentences with unforeseen titles: 60 % right with 8,000 words, 64 %
with 20,000, 65 % with 40,000. Each doubling costs a tenth of the recognition time."""

BACKGROUND_COUNT = 3
"""Minimum count of each of these words. With 1, one more sentence in 100 goes wrong; 10 is no better."""

MODEL_FOLDER = Path(pocketsphinx.get_model_path()) / "en-us"

UNKNOWN_WORD = -14.0
"""Natural log probability of a word that the model lacks; the rarest words in the model have -12."""

LOG_UNIT = 1e-4
"""Natural logarithm of 1.0001, which is the base of the library's logarithms."""

_VERSION = 1
"""Part of the file's name. Raise it when this module starts to build a different model from the same phrases."""


def build_phrase_model(folder: Path, phrases: Phrases) -> Path:
    """Return the model's file in `folder`; build it first if phrases or version have changed."""
    digest = hashlib.sha256(f"{_VERSION} {pocketsphinx.__name__} {phrases.text}".encode()).hexdigest()[:16]
    path = folder / f"phrases-{digest}.arpa"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(path, _build(phrases))
    return path


def _build(phrases: Phrases) -> ArpaBoLM:
    known = dictionary() | phrases.pronunciations.keys()
    sentences = (s for s in phrases.sentences(SENTENCES_PER_PHRASE) if known.issuperset(s.split()))
    model = ArpaBoLM(text="\n".join(sentences), add_start=True)
    for word in _most_common(known):
        model.grams_1[word] = max(model.grams_1[word], BACKGROUND_COUNT)
    model.compute()
    return model


class PhraseModel:
    """The language model in a file, for scoring sentences."""

    def __init__(self, model: Path) -> None:
        self._model = pocketsphinx.NGramModel(pocketsphinx.Config(), pocketsphinx.LogMath(), str(model))

    def log_probability(self, sentence: str) -> float:
        """Natural logarithm of the probability of `sentence`."""
        words = ["<s>", *sentence.split(), "</s>"]
        # the library expects the last word first
        return sum(self._word(words[max(0, end - 3) : end][::-1]) for end in range(2, len(words) + 1))

    def _word(self, last_first: list[str]) -> float:
        logarithm: float = self._model.prob(last_first) * LOG_UNIT
        return max(UNKNOWN_WORD, logarithm)


def dictionary() -> set[str]:
    """Return the words in the recognizer's pronunciation dictionary."""
    lines = (MODEL_FOLDER / "cmudict-en-us.dict").read_text("utf-8").splitlines()
    return {line.split(maxsplit=1)[0] for line in lines if line}


def _most_common(words: Iterable[str]) -> list[str]:
    general = pocketsphinx.NGramModel(pocketsphinx.Config(), pocketsphinx.LogMath(), str(MODEL_FOLDER / "en-us.lm.bin"))
    plain = (word for word in words if word.replace("'", "").isalpha())
    return sorted(plain, key=lambda word: (-general.prob([word]), word))[:BACKGROUND_WORDS]


def _write_whole(path: Path, model: ArpaBoLM) -> None:
    """Write a temporary file and rename it, since two processes may build the same model at once."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".arpa")
    os.close(descriptor)
    model.write_file(temporary)
    Path(temporary).replace(path)
