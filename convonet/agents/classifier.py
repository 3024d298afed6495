"""Guesses what a sentence is about from example lines: the local classifier behind the rules, 10 ms on one core.

What a sentence means comes from `meaning`, how it is spelled from hashed letter groups. Ridge regression on both is
fitted when the process starts, so its lines are all that a new domain needs.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convonet.agents.meaning import SentenceVectors, Vectors

SPELLING_BUCKETS = 4096
SPELLING_WEIGHT = 0.8
"""Of letter groups beside meaning; chosen by leave-one-out on the example lines, see docs/agent.md."""

PENALTY = 0.5
"""Ridge penalty, chosen the same way."""

_TEMPERATURES = (0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35)


@dataclass(frozen=True, slots=True)
class Guess:
    """The most likely label and its probability, and the probabilities of all labels."""

    label: str
    probability: float
    all: Mapping[str, float]


class Classifier:
    """Fitted once, then pure."""

    def __init__(self, lines: Mapping[str, Sequence[str]]) -> None:
        """Fit on example lines by label."""
        self._labels = sorted(lines)
        texts = [line for label in self._labels for line in lines[label]]
        answers = np.array([i for i, label in enumerate(self._labels) for _ in lines[label]])
        self._meaning = SentenceVectors()
        features = _features(self._meaning.of_lines(texts), texts)
        self._weights, scores = _fit(features, answers, len(self._labels))
        self._temperature = _calibrated(scores, answers)

    def guess(self, text: str) -> Guess:
        """What the sentence is most likely about."""
        scores = (_features(self._meaning.of(text)[None, :], [text]) @ self._weights)[0]
        probabilities = _softmax(scores / self._temperature)
        best = int(probabilities.argmax())
        by_label = {label: float(p) for label, p in zip(self._labels, probabilities, strict=True)}
        return Guess(self._labels[best], float(probabilities[best]), by_label)


def _features(meaning: Vectors, texts: Sequence[str]) -> Vectors:
    spelling = np.stack([_spelling(text.lower()) for text in texts])
    constant = np.ones((len(texts), 1), dtype=np.float32)
    return np.concatenate([meaning, SPELLING_WEIGHT * spelling, constant], axis=1)


def _spelling(text: str) -> Vectors:
    counts = np.zeros(SPELLING_BUCKETS, dtype=np.float32)
    for group in _groups(text):
        counts[zlib.crc32(group.encode()) % SPELLING_BUCKETS] += 1
    vector: Vectors = np.log1p(counts)
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def _groups(text: str) -> Iterator[str]:
    words = "".join(c if c.isalnum() or c == "'" else " " for c in text).split()
    yield from (f"={word}" for word in words)
    yield from (f"={first} {second}" for first, second in pairwise(words))
    for word in words:
        padded = f" {word} "
        for size in (3, 4, 5):
            yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def _fit(features: Vectors, answers: NDArray[np.int64], labels: int) -> tuple[Vectors, Vectors]:
    """Weights, and the scores that each line gets when it is left out."""
    wanted = np.zeros((len(answers), labels), dtype=np.float32)
    wanted[np.arange(len(answers)), answers] = 1
    # few lines of a label must not make it improbable
    weight = (1 / np.maximum(wanted.sum(axis=0), 1))[answers]
    weight *= len(answers) / weight.sum()
    root = np.sqrt(weight).astype(np.float32)[:, None]
    kernel = (features * root) @ (features * root).T
    identity = np.eye(len(answers), dtype=np.float32)
    solved = np.linalg.solve(kernel + PENALTY * identity, identity)
    duals = solved @ (wanted * root)
    weights = (features * root).T @ duals
    left_out = wanted - (duals / np.diag(solved)[:, None]) / root
    return weights.astype(np.float32), left_out.astype(np.float32)


def _calibrated(scores: Vectors, answers: NDArray[np.int64]) -> float:
    """The softmax temperature under which the lines that were left out are most likely."""

    def likelihood(temperature: float) -> float:
        chosen = _softmax(scores / temperature)[np.arange(len(answers)), answers]
        return float(np.log(np.maximum(chosen, 1e-6)).mean())

    return max(_TEMPERATURES, key=likelihood)


def _softmax(scores: Vectors) -> Vectors:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Vectors = powers / powers.sum(axis=-1, keepdims=True)
    return result
