"""Guesses what a sentence is about from example lines: the local classifier behind the rules, 2 ms on one core.

What a sentence means comes from `meaning`, how it is spelled from hashed letter groups. Kernel ridge regression on both
is fitted when the process starts, so its lines are all that a new domain needs. It is fitted twice: to tell the topics
apart, which needs all lines of a topic together, and to tell what is wanted within one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convonet.agents.meaning import SentenceVectors, Vectors

SPELLING_BUCKETS = 4096
SPELLING_WEIGHT = 0.6
"""Of letter groups beside meaning; this and the next two were chosen by leave-one-out on the example lines."""

SHARPNESS = 2.0
"""How fast two sentences stop being alike as their meanings drift apart."""

PENALTY = 0.3
"""Ridge penalty."""

_Spelling = tuple[NDArray[np.intp], Vectors]
"""The letter groups of a text, and how much each of them counts."""

_TEMPERATURES = (0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35)


@dataclass(frozen=True, slots=True)
class Guess:
    """The probability of each topic, and for each topic the most likely of its forms."""

    topics: Mapping[str, float]
    forms: Mapping[str, str]


class Classifier:
    """Fitted once, then pure."""

    def __init__(self, lines: Mapping[str, Sequence[str]]) -> None:
        """Fit on example lines by label: "topic", or "topic.form"."""
        self._labels = sorted(lines)
        texts = [line for label in self._labels for line in lines[label]]
        labels = [label for label in self._labels for _ in lines[label]]
        self._topics = sorted({_topic(label) for label in self._labels})
        self._vectors = SentenceVectors()
        self._lines = _Texts(self._vectors.of_lines(texts), texts)
        alike = self._lines.alike(self._lines)
        answers = np.array([self._topics.index(_topic(label)) for label in labels])
        self._by_topic, scores = _fit(alike, answers, len(self._topics))
        self._temperature = _calibrated(scores, answers)
        answers = np.array([self._labels.index(label) for label in labels])
        self._by_label, _ = _fit(alike, answers, len(self._labels))

    def guess(self, text: str) -> Guess:
        """What the sentence is most likely about."""
        alike = _Texts(self._vectors.of(text)[None, :], [text]).alike(self._lines)
        probabilities = _softmax((alike @ self._by_topic)[0] / self._temperature)
        topics = {topic: float(p) for topic, p in zip(self._topics, probabilities, strict=True)}
        forms: dict[str, str] = {}
        for index in (alike @ self._by_label)[0].argsort()[::-1]:
            topic, _, form = self._labels[index].partition(".")
            forms.setdefault(topic, form)
        return Guess(topics, forms)


class _Texts:
    """Sentences as the kernel compares them: what they mean and how they are spelled, as vectors of length 1."""

    def __init__(self, meaning: Vectors, texts: Sequence[str]) -> None:
        self._meaning = meaning
        self._spelling = [_spelling(text.lower()) for text in texts]

    def alike(self, others: _Texts) -> Vectors:
        """The kernel: a row for each of these sentences, a column for each of the others."""
        meaning = np.exp(SHARPNESS * (self._meaning @ others._meaning.T - 1))
        spelling = np.stack([others._by_group.products(*spelled) for spelled in self._spelling])
        kernel: Vectors = meaning + SPELLING_WEIGHT * spelling + 1
        return kernel

    @cached_property
    def _by_group(self) -> _ByGroup:
        return _ByGroup(self._spelling)


class _ByGroup:
    """How sentences are spelled, one letter group after the other: as a matrix 28 of its 29 MB would be zeros."""

    def __init__(self, spelling: Sequence[_Spelling]) -> None:
        groups = np.concatenate([groups for groups, _ in spelling])
        order = np.argsort(groups, kind="stable")
        self._bounds = np.searchsorted(groups[order], np.arange(SPELLING_BUCKETS + 1))
        self._texts = np.repeat(np.arange(len(spelling)), [len(groups) for groups, _ in spelling])[order]
        self._weights = np.concatenate([weights for _, weights in spelling])[order]
        self._count = len(spelling)

    def products(self, groups: NDArray[np.intp], weights: Vectors) -> Vectors:
        """The product of each of these sentences with one."""
        sizes = self._bounds[groups + 1] - self._bounds[groups]
        # where each group's entries are, written out
        entries = np.arange(sizes.sum()) + np.repeat(self._bounds[groups] - sizes.cumsum() + sizes, sizes)
        summands = self._weights[entries] * np.repeat(weights, sizes)
        return np.bincount(self._texts[entries], summands, self._count).astype(np.float32)


def _topic(label: str) -> str:
    return label.partition(".")[0]


def _spelling(text: str) -> _Spelling:
    groups = [zlib.crc32(group.encode()) % SPELLING_BUCKETS for group in _groups(text)]
    unique, counts = np.unique(np.array(groups, dtype=np.intp), return_counts=True)
    weights = np.log1p(counts).astype(np.float32)
    norm = float(np.linalg.norm(weights))
    return unique, weights / norm if norm else weights


def _groups(text: str) -> Iterator[str]:
    words = "".join(c if c.isalnum() or c == "'" else " " for c in text).split()
    yield from (f"={word}" for word in words)
    yield from (f"={first} {second}" for first, second in pairwise(words))
    for word in words:
        padded = f" {word} "
        for size in (3, 4, 5):
            yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def _fit(alike: Vectors, answers: NDArray[np.int64], labels: int) -> tuple[Vectors, Vectors]:
    """Weights of the lines, and the scores that each line gets when it is left out."""
    wanted = np.zeros((len(answers), labels), dtype=np.float32)
    wanted[np.arange(len(answers)), answers] = 1
    # few lines of a label must not make it improbable
    weight = (1 / np.maximum(wanted.sum(axis=0), 1))[answers]
    weight *= len(answers) / weight.sum()
    root = np.sqrt(weight).astype(np.float32)[:, None]
    identity = np.eye(len(answers), dtype=np.float32)
    solved = np.linalg.solve(alike * root * root.T + PENALTY * identity, identity)
    duals = solved @ (wanted * root)
    left_out = wanted - (duals / np.diag(solved)[:, None]) / root
    return (root * duals).astype(np.float32), left_out.astype(np.float32)


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
