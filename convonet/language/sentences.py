"""A caller's sentence without the words that carry no meaning, and a few helpers for writing answers.

The router and all skills match their rules against it, so that no rule needs to know about "uh" or "could you".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

MAX_CHARACTERS = 600
"""Half a minute of speech. A longer text is not a request, and the time that patterns take grows with the text."""

TOO_LONG = "That was too much at once for me. Please say it in fewer words."

_HESITATION = re.compile(r"(?:^|(?<=\s))(?:u+h+m*|u+m+|e+r+m*|h+m+)(?:[,.…]+|(?=\s)|$)\s*", re.IGNORECASE)
_OPENING = re.compile(
    r"^(?:(?:please|yes|yep|hey|hi|hello|well|so|okay|ok|alright|all right|oh|now|then|also|actually|and|yeah"
    r"|convonet)\b[,.!]*\s+"
    r"|(?:can|could|would|will) you (?:please |just |also )*"
    r"|would you mind "
    r"|i(?:'d| would) (?:like|love) (?:you )?to "
    r"|i(?: want|'d want| wanna|'m going to want)(?: you)?(?: to)? (?=\w)"
    r"|i need you to |i need to (?=(?:add|create|delete|remove|mark|change|rename|update|set up|put|see|hear|know)\b)"
    r"|(?:let's|let us|let me|may i|can i|could i|just|go ahead and|kindly) )",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[,;!?](?:\s*[,;:!?.])+")
_INSERTED = re.compile(r",\s*please\s*,", re.IGNORECASE)
_CLOSING = re.compile(
    r"[,.!?;:\s]+(?:please|thanks|thank you(?: very much| so much)?|for me|okay|ok|would you|will you|if you can"
    r"|right now)$",
    re.IGNORECASE,
)
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": None, "\u201d": None, '"': None, "\u00a0": " "})

_YES_WORDS = """
    yes, yeah, yep, yup, sure, okay, ok, correct, right, exactly, absolutely, definitely, of course,
    affirmative, go ahead, do it, do that, please do, that's right, that is right, that's correct, sounds good,
    confirm, confirmed, go for it, i'm sure, i am sure, please, it is, i do, certainly, fine
"""
_NO_WORDS = "no, nope, nah, never, negative, don't, do not, wrong"
_AFTER_NO = """
    thanks, thank you, don't, do not, please, leave it, keep it, that's wrong, that is wrong, i'm not, not that,
    not that one, that's all
"""
_MILD_NO = """
    not really, not now, not that, not that one, not sure, not yet, leave it, leave them, keep it, keep them,
    none, none of them, neither, neither of them
"""
_DROP_WORDS = """
    never mind, nevermind, forget it, forget that, forget about it, cancel, cancel that, cancel it, stop, stop
    it, drop it, nothing, skip it, skip that, start over, go back, wait, leave it, no don't, don't
"""
_ACTION = r"(?:delete|remove|add|change|mark) (?:it|them|that|all|everything)(?: all)?"


def _one_of(phrases: str) -> str:
    return "(?:" + "|".join(sorted((" ".join(p.split()) for p in phrases.split(",")), key=len, reverse=True)) + ")"


_YES = re.compile(rf"(?:{_one_of(_YES_WORDS)}\b[,.!\s]*)+(?:{_ACTION})?", re.IGNORECASE)
_NO = re.compile(
    rf"{_one_of(_NO_WORDS)}\b(?:[,.!\s]+(?:{_one_of(_AFTER_NO)}|{_ACTION}))*|{_one_of(_MILD_NO)}", re.IGNORECASE
)
_DROP = re.compile(rf"(?:no[,.\s]+)?(?:{_one_of(_DROP_WORDS)}\b[,.\s]*)+", re.IGNORECASE)

Answer = Literal["yes", "no", "drop"]


@dataclass(frozen=True)
class Sentence:
    """A caller's sentence in the forms that rules match; made once per turn, each form computed at first use."""

    raw: str

    @cached_property
    def bare(self) -> str:
        """The sentence without hesitations, quotes and closing marks."""
        text = _MARKS.sub(",", _HESITATION.sub("", self.raw.translate(_QUOTES)))
        return " ".join(text.split()).rstrip(" .!?,;:…")

    @cached_property
    def cleaned(self) -> str:
        """The bare sentence without politeness and opening words; the rest stays in the caller's own words."""
        text = _INSERTED.sub(",", self.bare)
        before = ""
        while text != before:
            before = text
            text = _CLOSING.sub("", _OPENING.sub("", text)).strip(" ,;")
        return text

    @cached_property
    def answer(self) -> Answer | None:
        """The sentence as the answer to a yes-or-no question; None when it is something else."""
        if _DROP.fullmatch(self.bare):
            return "drop"
        if _NO.fullmatch(self.bare):
            return "no"
        return "yes" if _YES.fullmatch(self.bare) else None


def enumerated(things: list[str], last: Literal["and", "or"] = "and") -> str:
    """Join texts as a person lists them: "a, b and c"."""
    if len(things) < 2:
        return "".join(things)
    return f"{', '.join(things[:-1])} {last} {things[-1]}"


def is_latin(said: str) -> bool:
    """Whether a sentence is written in Latin letters, as far as it has any."""
    letters = [letter for letter in said if letter.isalpha()]
    return sum(letter < "\u0250" for letter in letters) * 2 >= len(letters)


def missing_space(before: str, text: str) -> str:
    """Return the space that is needed between two pieces of an answer, or nothing."""
    return " " if before and not before[-1].isspace() and text[:1].isalnum() else ""


def ends_sentence(text: str) -> bool:
    """Whether a text ends where a sentence does."""
    return text.rstrip(" \n\"'\u201d\u2019)")[-1:] in tuple(".!?\u2026")
