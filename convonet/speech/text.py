"""Prepare text for synthesis: remove markup, and cut an answer into sentences while it is written."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 600
"""Longest text of one synthesis, about 40 s of speech; 40,000 hostile characters would cost seconds of CPU."""

MIN_SENTENCE = 4
"""A shorter piece ("1.", "Ok.") is joined with the next sentence; on its own it would sound chopped."""

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_FENCE = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}|>|[-*+])\s+", re.MULTILINE)
_INLINE_MARK = re.compile(r"\*\*|__|~~|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_SPACE = re.compile(r"\s+")

_TITLES = frozenset({"mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr"})
_MONTHS = frozenset({"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"})
_MAY_END = frozenset({"a.m", "p.m", "etc", "u.s", "inc", "ltd", "co", "no"})
"""Abbreviations that may end a sentence: they do when a capital letter follows."""
_ABBREVIATIONS = _TITLES | _MONTHS | _MAY_END | {"vs", "e.g", "i.e", "dept", "approx"}

_END = re.compile(r"[.!?…]+[\"'”\u2019)\]]*(?=\s)|\n")
"""A possible end of a sentence: punctuation, closing quotes, and white space that has already arrived."""


_SURE_END = re.compile(r"(?:[!?]|(?<![\w.@/-])[(\"'“\u2018]*[^\W\d_]{3,}\.)[\"'”\u2019)\]]*$")
"""An end of a sentence that no further character can take back."""


def speakable(text: str) -> str:
    """Return `text` on one line without markup, control characters and emoji, at most `MAX_CHARACTERS` long."""
    plain = _LINK.sub(r"\1", _FENCE.sub("", text[: 4 * MAX_CHARACTERS]))
    plain = _INLINE_MARK.sub("", _LINE_MARK.sub("", plain))
    plain = "".join(character if _is_spoken(character) else " " for character in plain)
    plain = _SPACE.sub(" ", plain).strip()
    if len(plain) <= MAX_CHARACTERS:
        return plain
    return plain[: MAX_CHARACTERS + 1].rsplit(" ", 1)[0][:MAX_CHARACTERS]


def _is_spoken(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Co", "Cn", "Cs", "So", "Sk"}


def ends_sentence(text: str) -> bool:
    """Return whether a text that is still being written surely ends a sentence, before white space has followed.

    A model sends punctuation with the word before it, and white space with the word after it. Waiting for the white
    space would cost one token. "!" and "?" are certain; a full stop is certain after a word of three or more letters
    that is no abbreviation.
    """
    return _SURE_END.search(text) is not None and not _is_abbreviated(text)


def _is_abbreviated(text: str) -> bool:
    words = text.rstrip(".!?\"'”\u2019)]").rsplit(None, 1)
    return bool(words) and words[-1].lstrip("(\"'“\u2018").lower() in _ABBREVIATIONS


class SentenceCutter:
    """Cuts a text that arrives in pieces, so that its first sentence can be spoken before the last is written.

    No word is lost, and no decimal, clock time or abbreviation is cut in two. With `eager` a sentence is complete as
    soon as its punctuation arrives (see `ends_sentence`), without waiting for white space.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._rest = ""
        self._eager = eager

    def feed(self, text: str) -> list[str]:
        """Add the next piece and return the sentences that are now complete."""
        sentences = self._whole(text)
        if self._eager and len(self._rest) >= MIN_SENTENCE and ends_sentence(self._rest):
            sentences += _bounded(self._rest.strip())
            self._rest = ""
        return sentences

    def _whole(self, text: str) -> list[str]:
        self._rest += text
        sentences: list[str] = []
        start = 0
        for end in _END.finditer(self._rest):
            sentence = self._rest[start : end.end()].strip()
            if self._is_complete(sentence, end):
                sentences += _bounded(sentence)
                start = end.end()
        self._rest = self._rest[start:].lstrip()
        while len(self._rest) > MAX_CHARACTERS:
            first, self._rest = _cut(self._rest)
            sentences.append(first)
        return sentences

    def flush(self) -> list[str]:
        """Return the rest at the end of the text, unless it holds nothing that can be spoken."""
        last, self._rest = self._rest.strip(), ""
        return _bounded(last) if any(character.isalnum() for character in last) else []

    def _is_complete(self, sentence: str, end: re.Match[str]) -> bool:
        if len(sentence) < MIN_SENTENCE or not any(c.isalpha() for c in sentence):
            return False
        if end.group() == "\n" or not end.group().startswith(".") or end.group().startswith(".."):
            return True
        word = sentence[: -len(end.group())].rsplit(None, 1)[-1].lstrip("(\"'“\u2018")
        if len(word) == 1 and word.isupper() and word != "I":
            return False  # an initial: "J. Smith"
        if word.lower() not in _ABBREVIATIONS:
            return True
        following = self._rest[end.end() :].lstrip()[:1]
        return word.lower() in _MAY_END and following.isupper()


def _bounded(sentence: str) -> list[str]:
    """Split `sentence` into pieces of at most `MAX_CHARACTERS`."""
    pieces = []
    while len(sentence) > MAX_CHARACTERS:
        first, sentence = _cut(sentence)
        pieces.append(first)
    return [*pieces, sentence] if sentence else pieces


def _cut(text: str) -> tuple[str, str]:
    """Split after at most `MAX_CHARACTERS`: after a comma if there is one, else between words."""
    window = text[:MAX_CHARACTERS]
    after_comma = max(window.rfind(", "), window.rfind("; ")) + 1
    between_words = window.rfind(" ")
    cut = next((place for place in (after_comma, between_words) if place > 0), MAX_CHARACTERS)
    return text[:cut].strip(), text[cut:].lstrip()
