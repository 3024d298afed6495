"""The phrases that callers are expected to say, one file per domain, and sentences drawn from them.

The language model is built from these sentences. Each line of a file in `phrases/` is one of:

* a comment (`# ...`);
* a list (`<name> = one | two words | <other>`); a name that is given twice has the entries of both lists;
* a phrase (`add <title> to [my|the] list`): `[...]` is optional, `(a|b)` is an alternative, `<name>` is an entry of a
  list in any file;
* a weight (`weight 0.3`) of the phrases after it, to the end of the file.

A new domain adds a new file. `pronunciations.dict` has words that the recognizer's dictionary lacks or knows with one
pronunciation only, in that dictionary's format.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

_END_OF_FILE = "\f"
_WEIGHT = re.compile(r"weight (\d+(?:\.\d+)?)\s*")
_TOKEN = re.compile(r"<\w+>|[\[\]()|]|[^\s<>\[\]()|]+")


class Choice(NamedTuple):
    """Alternatives, each a sequence of words, list names (`<name>`) and nested choices."""

    alternatives: list[list[str | Choice]]


class PhraseError(ValueError):
    """A phrase file is malformed. The text names the line."""


class Phrases:
    """The grammar of all phrase files together."""

    def __init__(self, text: str, pronunciations: str = "") -> None:
        self.text = text + pronunciations
        self.pronunciations = dict(line.split(maxsplit=1) for line in pronunciations.splitlines() if line.strip())
        self._lists: dict[str, Choice] = {}
        self._phrases: list[tuple[Choice, float]] = []
        for file in text.split(_END_OF_FILE):
            self._read_file(file)
        self._check_names()

    @classmethod
    def load(cls) -> Phrases:
        folder = resources.files("convonet.speech.local") / "phrases"
        files = sorted((f for f in folder.iterdir() if f.name.endswith(".txt")), key=lambda f: f.name)
        pronunciations = (folder / "pronunciations.dict").read_text("utf-8")
        return cls(_END_OF_FILE.join(file.read_text("utf-8") for file in files), pronunciations)

    def sentences(self, per_phrase: int, seed: int = 1) -> Iterator[str]:
        """Draw `per_phrase` sentences of each phrase with weight 1. The same seed draws the same sentences."""
        draw = random.Random(seed)  # noqa: S311 - nothing secret
        for phrase, weight in self._phrases:
            for _ in range(math.ceil(per_phrase * weight)):
                yield " ".join(self._draw(phrase, draw))

    @property
    def words(self) -> frozenset[str]:
        choices = self._choices()
        return frozenset(word for choice in choices for word in _words(choice) if not word.startswith("<"))

    def _choices(self) -> list[Choice]:
        return [*(phrase for phrase, _ in self._phrases), *self._lists.values()]

    def _read_file(self, text: str) -> None:
        weight = 1.0
        for line in text.splitlines():
            if found := _WEIGHT.fullmatch(line):
                weight = float(found[1])
            elif line.strip() and not line.startswith("#"):
                self._read(line, weight)

    def _read(self, line: str, weight: float) -> None:
        name, is_list, definition = line.partition(" = ")
        tokens = _TOKEN.findall(definition if is_list else line)
        choice = _alternatives(tokens)
        if tokens:
            raise PhraseError(f"a bracket is not closed or not opened: {line}")
        if is_list:
            self._lists.setdefault(name.strip(), Choice([])).alternatives.extend(choice.alternatives)
        else:
            self._phrases.append((choice, weight))

    def _check_names(self) -> None:
        used = {word for choice in self._choices() for word in _words(choice) if word.startswith("<")}
        if unknown := used - self._lists.keys():
            raise PhraseError(f"lists that nobody defines: {', '.join(sorted(unknown))}")

    def _draw(self, choice: Choice, draw: random.Random) -> Iterator[str]:
        for part in draw.choice(choice.alternatives):
            if isinstance(part, Choice):
                yield from self._draw(part, draw)
            elif part.startswith("<"):
                yield from self._draw(self._lists[part], draw)
            else:
                yield part


def _alternatives(symbols: list[str]) -> Choice:
    """Parse and remove symbols up to the closing bracket of this level, which stays."""
    choice = Choice([[]])
    while symbols and symbols[0] not in "])":
        symbol = symbols.pop(0)
        if symbol == "|":
            choice.alternatives.append([])
        elif symbol in "([":
            inner = _alternatives(symbols)
            if not symbols or symbols.pop(0) != {"(": ")", "[": "]"}[symbol]:
                raise PhraseError("a bracket is not closed")
            choice.alternatives[-1].append(_optional(inner) if symbol == "[" else inner)
        else:
            choice.alternatives[-1].append(symbol)
    return choice


def _optional(choice: Choice) -> Choice:
    """Make a choice optional: left out half of the time."""
    return Choice([*choice.alternatives, *([[]] * len(choice.alternatives))])


def _words(choice: Choice) -> Iterator[str]:
    for alternative in choice.alternatives:
        for part in alternative:
            if isinstance(part, Choice):
                yield from _words(part)
            else:
                yield part
