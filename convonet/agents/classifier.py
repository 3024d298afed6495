"""Classifies a sentence by examples, for the router where the rules are unsure. A guess takes 2 ms on one core.

The features are the sentence's embedding and hashed character n-grams. Kernel ridge regression on both is fitted when
the process starts, so a new domain needs nothing but examples. It is fitted twice: once to tell topics apart, with all
examples of a topic pooled, and once to tell forms apart.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convonet.agents.embeddings import SentenceEmbedder, Vectors

SPELLING_BUCKETS = 4096
SPELLING_WEIGHT = 0.6
"""Weight of n-grams relative to embeddings. This and the next two were chosen by leave-one-out on the examples."""

SHARPNESS = 2.0
"""Steepness with which similarity falls as the distance between two embeddings grows."""

PENALTY = 0.3
"""Ridge penalty."""

_Spelling = tuple[NDArray[np.intp], Vectors]
"""Buckets of a text's n-grams, and the weight of each."""

_TEMPERATURES = (0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35)


@dataclass(frozen=True, slots=True)
class Guess:
    """Probability of each topic, and the most likely form of each."""

    topics: Mapping[str, float]
    forms: Mapping[str, str]


class Classifier:
    """Fitted once by the constructor; `guess` is pure."""

    def __init__(self, examples: Mapping[str, Sequence[str]]) -> None:
        """Fit on example sentences by label: "topic", or "topic.form"."""
        self._labels = sorted(examples)
        texts = [text for label in self._labels for text in examples[label]]
        labels = [label for label in self._labels for _ in examples[label]]
        self._topics = sorted({_topic(label) for label in self._labels})
        self._embedder = SentenceEmbedder()
        self._examples = _Texts(self._embedder.embed_examples(texts), texts)
        similarity = self._examples.similarity(self._examples)
        answers = np.array([self._topics.index(_topic(label)) for label in labels])
        self._by_topic, scores = _fit(similarity, answers, len(self._topics))
        self._temperature = _calibrated(scores, answers)
        answers = np.array([self._labels.index(label) for label in labels])
        self._by_label, _ = _fit(similarity, answers, len(self._labels))

    def guess(self, text: str) -> Guess:
        """Return the probabilities of topics, and the forms."""
        similarity = _Texts(self._embedder.embed(text)[None, :], [text]).similarity(self._examples)
        probabilities = _softmax((similarity @ self._by_topic)[0] / self._temperature)
        topics = {topic: float(p) for topic, p in zip(self._topics, probabilities, strict=True)}
        forms: dict[str, str] = {}
        for index in (similarity @ self._by_label)[0].argsort()[::-1]:
            topic, _, form = self._labels[index].partition(".")
            forms.setdefault(topic, form)
        return Guess(topics, forms)


class _Texts:
    """Sentences as the kernel compares them: embeddings and n-grams, as unit vectors."""

    def __init__(self, embeddings: Vectors, texts: Sequence[str]) -> None:
        self._embeddings = embeddings
        self._spelling = [_spelling(text.lower()) for text in texts]

    def similarity(self, others: _Texts) -> Vectors:
        """Return the kernel: a row for each of these sentences, a column for each of the others."""
        meaning = np.exp(SHARPNESS * (self._embeddings @ others._embeddings.T - 1))
        spelling = np.stack([others._by_bucket.products(*spelled) for spelled in self._spelling])
        kernel: Vectors = meaning + SPELLING_WEIGHT * spelling + 1
        return kernel

    @cached_property
    def _by_bucket(self) -> _ByBucket:
        return _ByBucket(self._spelling)


class _ByBucket:
    """A sparse matrix of n-gram weights, by bucket. As a dense matrix, 28 of its 29 MB would be zeros."""

    def __init__(self, spelling: Sequence[_Spelling]) -> None:
        buckets = np.concatenate([buckets for buckets, _ in spelling])
        order = np.argsort(buckets, kind="stable")
        self._bounds = np.searchsorted(buckets[order], np.arange(SPELLING_BUCKETS + 1))
        self._texts = np.repeat(np.arange(len(spelling)), [len(buckets) for buckets, _ in spelling])[order]
        self._weights = np.concatenate([weights for _, weights in spelling])[order]
        self._count = len(spelling)

    def products(self, buckets: NDArray[np.intp], weights: Vectors) -> Vectors:
        """Return the product of each row with one sentence."""
        sizes = self._bounds[buckets + 1] - self._bounds[buckets]
        # indices of each bucket's entries
        entries = np.arange(sizes.sum()) + np.repeat(self._bounds[buckets] - sizes.cumsum() + sizes, sizes)
        summands = self._weights[entries] * np.repeat(weights, sizes)
        return np.bincount(self._texts[entries], summands, self._count).astype(np.float32)


def _topic(label: str) -> str:
    return label.partition(".")[0]


def _spelling(text: str) -> _Spelling:
    buckets = [zlib.crc32(gram.encode()) % SPELLING_BUCKETS for gram in _ngrams(text)]
    unique, counts = np.unique(np.array(buckets, dtype=np.intp), return_counts=True)
    weights = np.log1p(counts).astype(np.float32)
    norm = float(np.linalg.norm(weights))
    return unique, weights / norm if norm else weights


def _ngrams(text: str) -> Iterator[str]:
    words = "".join(c if c.isalnum() or c == "'" else " " for c in text).split()
    yield from (f"={word}" for word in words)
    yield from (f"={first} {second}" for first, second in pairwise(words))
    for word in words:
        padded = f" {word} "
        for size in (3, 4, 5):
            yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def _fit(similarity: Vectors, answers: NDArray[np.int64], label_count: int) -> tuple[Vectors, Vectors]:
    """Return the weights of the examples, and each example's scores when it is left out."""
    one_hot = np.zeros((len(answers), label_count), dtype=np.float32)
    one_hot[np.arange(len(answers)), answers] = 1
    # a label with few examples must not become improbable
    weight = (1 / np.maximum(one_hot.sum(axis=0), 1))[answers]
    weight *= len(answers) / weight.sum()
    root = np.sqrt(weight).astype(np.float32)[:, None]
    identity = np.eye(len(answers), dtype=np.float32)
    inverse = np.linalg.solve(similarity * root * root.T + PENALTY * identity, identity)
    duals = inverse @ (one_hot * root)
    left_out = one_hot - (duals / np.diag(inverse)[:, None]) / root
    return (root * duals).astype(np.float32), left_out.astype(np.float32)


def _calibrated(scores: Vectors, answers: NDArray[np.int64]) -> float:
    """Return the softmax temperature that makes the left-out examples most likely."""

    def likelihood(temperature: float) -> float:
        chosen = _softmax(scores / temperature)[np.arange(len(answers)), answers]
        return float(np.log(np.maximum(chosen, 1e-6)).mean())

    return max(_TEMPERATURES, key=likelihood)


def _softmax(scores: Vectors) -> Vectors:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Vectors = powers / powers.sum(axis=-1, keepdims=True)
    return result
