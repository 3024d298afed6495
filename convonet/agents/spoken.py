"""Sentences as people say them and as recognisers write them down: cleaned of what carries no meaning.

Used by the router and by all skills, so that no rule needs to know about "uh", "please" or "could you".
"""

from __future__ import annotations

import re
from typing import Literal

_HESITATION = re.compile(r"(?:^|(?<=\s))(?:u+h+m*|u+m+|e+r+m*|h+m+)(?:[,.…]+|(?=\s)|$)\s*", re.IGNORECASE)
_OPENING = re.compile(
    r"^(?:(?:please|hey|hi|hello|well|so|okay|ok|alright|all right|oh|now|then|also|actually|and|yeah"
    r"|convonet)\b[,.!]*\s+"
    r"|(?:can|could|would|will) you (?:please |just |also )*"
    r"|would you mind "
    r"|i(?:'d| would) (?:like|love) (?:you )?to "
    r"|i(?: want|'d want| wanna|'m going to want)(?: you)?(?: to)? (?=\w)"
    r"|i need you to |i need to (?=(?:add|create|delete|remove|mark|change|rename|update|set up|put|see|hear|know)\b)"
    r"|(?:let's|let us|let me|may i|can i|could i|just|go ahead and|kindly) )",
    re.IGNORECASE,
)
_INSERTED = re.compile(r",\s*please\s*,", re.IGNORECASE)
_CLOSING = re.compile(
    r"[,.!?;:\s]+(?:please|thanks|thank you(?: very much| so much)?|for me|okay|ok|would you|will you|if you can"
    r"|right now)$",
    re.IGNORECASE,
)
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": None, "\u201d": None, '"': None, "\u00a0": " "})

_YES = re.compile(
    r"(?:(?:yes|yeah|yep|yup|sure|okay|ok|correct|right|exactly|absolutely|definitely|of course|affirmative|go ahead"
    r"|do it"
    r"|do that|please do|that's right|that is right|that's correct|sounds good|confirm|confirmed|go for it|i'm sure"
    r"|i am sure"
    r"|please|it is|i do|certainly|fine)[,.!\s]*)+(?:(?:delete|remove|add|change|mark) (?:it|them|that|all|everything)"
    r"(?: all)?)?",
    re.IGNORECASE,
)
_NO = re.compile(
    r"(?:no|nope|nah|never|negative|don't|do not|wrong)\b(?:[,.!\s]+(?:thanks|thank you|don't|do not|please|leave it"
    r"|keep it"
    r"|that's wrong|that is wrong|i'm not|not that(?: one)?|that's all|(?:delete|remove|add|change) (?:it|them|that)))*"
    r"|(?:not (?:really|now|that(?: one)?|sure|yet)|leave (?:it|them)|keep (?:it|them)|none(?: of them)?"
    r"|neither(?: of them)?)",
    re.IGNORECASE,
)
_DROP = re.compile(
    r"(?:no[,.\s]+)?(?:(?:never mind|nevermind|forget (?:it|that|about it)|cancel(?: that| it)?|stop(?: it)?|drop it"
    r"|nothing"
    r"|skip (?:it|that)|start over|go back|wait|leave it|no don't|don't)[,.\s]*)+",
    re.IGNORECASE,
)

Answer = Literal["yes", "no", "drop"]


def cleaned(said: str) -> str:
    """The sentence without hesitations, politeness, opening words and closing marks; the caller's own words stay."""
    text = _INSERTED.sub(",", _bare(said))
    before = ""
    while text != before:
        before = text
        text = _CLOSING.sub("", _OPENING.sub("", text)).strip(" ,;")
    return text


def answer(said: str) -> Answer | None:
    """What the sentence answers to a yes-or-no question; None when it is something else."""
    text = _bare(said)
    if _DROP.fullmatch(text):
        return "drop"
    if _NO.fullmatch(text):
        return "no"
    return "yes" if _YES.fullmatch(text) else None


def _bare(said: str) -> str:
    return " ".join(_HESITATION.sub("", said.translate(_QUOTES)).split()).rstrip(" .!?,;:…")


def enumerated(things: list[str], last: Literal["and", "or"] = "and") -> str:
    """ "a, b and c"."""
    if len(things) < 2:
        return "".join(things)
    return f"{', '.join(things[:-1])} {last} {things[-1]}"
