"""Sentences as people say them and as recognisers write them down: cleaned of what carries no meaning.

Used by the router and by all skills, so that no rule needs to know about "uh", "please" or "could you".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

MOST_CHARACTERS = 600
"""Half a minute of speech. What is longer is no request, and patterns take time that grows with the text."""

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
_DEED = r"(?:delete|remove|add|change|mark) (?:it|them|that|all|everything)(?: all)?"


def _one_of(phrases: str) -> str:
    return "(?:" + "|".join(sorted((" ".join(p.split()) for p in phrases.split(",")), key=len, reverse=True)) + ")"


_YES = re.compile(rf"(?:{_one_of(_YES_WORDS)}\b[,.!\s]*)+(?:{_DEED})?", re.IGNORECASE)
_NO = re.compile(
    rf"{_one_of(_NO_WORDS)}\b(?:[,.!\s]+(?:{_one_of(_AFTER_NO)}|{_DEED}))*|{_one_of(_MILD_NO)}", re.IGNORECASE
)
_DROP = re.compile(rf"(?:no[,.\s]+)?(?:{_one_of(_DROP_WORDS)}\b[,.\s]*)+", re.IGNORECASE)

Answer = Literal["yes", "no", "drop"]


_SENTENCES = 64
"""Cleaned at a time: a turn's rules ask for the same two or three sentences some forty times, at 7 us each."""


@lru_cache(_SENTENCES)
def bare(said: str) -> str:
    """The sentence without hesitations, quotes and closing marks."""
    text = _MARKS.sub(",", _HESITATION.sub("", said.translate(_QUOTES)))
    return " ".join(text.split()).rstrip(" .!?,;:…")


@lru_cache(_SENTENCES)
def cleaned(said: str) -> str:
    """The sentence without hesitations, politeness, opening words and closing marks; the caller's own words stay."""
    text = _INSERTED.sub(",", bare(said))
    before = ""
    while text != before:
        before = text
        text = _CLOSING.sub("", _OPENING.sub("", text)).strip(" ,;")
    return text


def answer(said: str) -> Answer | None:
    """What the sentence answers to a yes-or-no question; None when it is something else."""
    text = bare(said)
    if _DROP.fullmatch(text):
        return "drop"
    if _NO.fullmatch(text):
        return "no"
    return "yes" if _YES.fullmatch(text) else None


def enumerated(things: list[str], last: Literal["and", "or"] = "and") -> str:
    """ "a, b and c"."""
    if len(things) < 2:
        return "".join(things)
    return f"{', '.join(things[:-1])} {last} {things[-1]}"


def is_latin(said: str) -> bool:
    """Whether a sentence is written in Latin letters, as far as it has any."""
    letters = [letter for letter in said if letter.isalpha()]
    return sum(letter < "\u0250" for letter in letters) * 2 >= len(letters)


def gap(before: str, text: str) -> str:
    """The space that is missing between two pieces of an answer."""
    return " " if before and not before[-1].isspace() and text[:1].isalnum() else ""


def is_whole(text: str) -> bool:
    """Whether a text ends where a sentence does."""
    return text.rstrip(" \n\"'\u201d\u2019)")[-1:] in tuple(".!?\u2026")
