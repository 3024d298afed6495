"""Text on its way to a voice: made speakable, and cut into sentences while it is still being written."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 600
"""Longest text one synthesis takes: about 40 s of speech; a hostile text of 40,000 would cost seconds of CPU."""

MIN_SENTENCE = 4
"""A shorter piece ("1.", "Ok.") joins the next sentence: a synthesis of its own would sound chopped."""

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_FENCE = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}|>|[-*+])\s+", re.MULTILINE)
_INLINE_MARK = re.compile(r"\*\*|__|~~|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_SPACE = re.compile(r"\s+")

_TITLES = frozenset({"mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr"})
_MONTHS = frozenset({"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"})
_MAY_END = frozenset({"a.m", "p.m", "etc", "u.s", "inc", "ltd", "co", "no"})
"""Abbreviations that often close a sentence; they do when a capital follows."""
_ABBREVIATIONS = _TITLES | _MONTHS | _MAY_END | {"vs", "e.g", "i.e", "dept", "approx"}

_END = re.compile(r"[.!?…]+[\"'”\u2019)\]]*(?=\s)|\n")
"""A possible end of a sentence: marks, closing quotes, and then white space that has already arrived."""


def speakable(text: str) -> str:
    """`text` without markup, control characters and emoji, in one line, at most `MAX_CHARACTERS` long."""
    plain = _LINK.sub(r"\1", _FENCE.sub("", text[: 4 * MAX_CHARACTERS]))
    plain = _INLINE_MARK.sub("", _LINE_MARK.sub("", plain))
    plain = "".join(character if _is_spoken(character) else " " for character in plain)
    plain = _SPACE.sub(" ", plain).strip()
    if len(plain) <= MAX_CHARACTERS:
        return plain
    return plain[: MAX_CHARACTERS + 1].rsplit(" ", 1)[0][:MAX_CHARACTERS]


def _is_spoken(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Co", "Cn", "Cs", "So", "Sk"}


class SentenceCutter:
    """Cuts a text that arrives in pieces, so that its first sentence can be spoken before the last is written.

    No word is lost, and no decimal, clock time or abbreviation is cut in two.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Take the next piece; return the sentences that are complete now."""
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
        """The text is complete: return what is left of it, if that can be spoken."""
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
    """`sentence` in pieces that one synthesis takes."""
    pieces = []
    while len(sentence) > MAX_CHARACTERS:
        first, sentence = _cut(sentence)
        pieces.append(first)
    return [*pieces, sentence] if sentence else pieces


def _cut(text: str) -> tuple[str, str]:
    """The longest piece that one synthesis takes, up to a comma or at least between words, and the rest."""
    window = text[:MAX_CHARACTERS]
    after_comma = max(window.rfind(", "), window.rfind("; ")) + 1
    between_words = window.rfind(" ")
    cut = next((place for place in (after_comma, between_words) if place > 0), MAX_CHARACTERS)
    return text[:cut].strip(), text[cut:].lstrip()
