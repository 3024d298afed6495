"""The talk about a call back, by rules whichever model thinks: the offer, the number, and whether it was heard right.

Of a number that the server has of the caller only the last four digits come here, so no answer can say more of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from convonet.agents.base import CallBackWish
from convonet.language.phones import digit_by_digit, find_phone
from convonet.language.sentences import Sentence

CALL_BACK = "hand_over.call_back"
"""Key in the memory: how far the talk about a call back is. It is for the next sentence only."""

OFFER = "Shall I have somebody call you back, or can I help you with something else?"
WHICH_NUMBER = "What number can we reach you at?"
NOT_A_NUMBER = "Sorry, I didn't get a complete phone number. Please say it digit by digit with its area code."
NOBODY_CALLS = "All right, nobody will call you. What else can I do for you?"
ANYTHING_ELSE = "Is there anything else?"

MOST_MISSES = 2
"""Unusable answers; a caller who is asked more often hangs up."""

_CALL_ME_BACK = re.compile(
    r"(?:have )?(?:somebody |someone |anybody |a person |a human |them |an agent )?(?:should |to )?"
    r"(?:call|phone|ring)(?:s)? me(?: back)?(?: later| tomorrow| when .+| as soon as .+)?",
    re.IGNORECASE,
)
_YES_AND_MORE = re.compile(r"\W*(?:yes|yeah|yep|yup|sure|ok|okay|please|correct|right|exactly)\b", re.IGNORECASE)
_WRONG = re.compile(r"\b(?:no|nope|not|isn't|wasn't|wrong|incorrect|mistake)\b", re.IGNORECASE)
_OTHER_NUMBER = re.compile(r"\b(?:an?other|different|new) (?:phone |telephone )?number\b", re.IGNORECASE)


class CallBackTalk(BaseModel):
    """What is known between two sentences. Immutable."""

    model_config = ConfigDict(frozen=True)

    department: str
    reason: str = ""
    known: str = ""
    """The last four digits of the number that the server has; empty when it has none."""
    asked: Literal["offer", "number", "right"] = "offer"
    """What waits for an answer: whether to call, where, and whether that was heard right."""
    heard: str = ""
    """The number that was read back, in E.164."""
    misses: int = 0

    def remembered(self) -> dict[str, str]:
        """The entry of the memory."""
        return {CALL_BACK: self.model_dump_json()}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, what is remembered, and the call back once it is settled."""

    text: str
    memory: dict[str, str] = field(default_factory=dict)
    wish: CallBackWish | None = None


def talk_of(remembered: str) -> CallBackTalk | None:
    """The talk that a memory holds; None when it can't be read."""
    try:
        return CallBackTalk.model_validate_json(remembered)
    except ValidationError:
        return None


def reply(said: Sentence, talk: CallBackTalk, region: str) -> Reply | None:
    """What a sentence leads to; None when it is no answer to the offer. `region` is that of numbers without a +."""
    phone = find_phone(said.raw, region)
    match talk.asked:
        case "offer":
            return _to_offer(said, talk, phone, region)
        case "number":
            return _to_number(said, talk, phone, region)
        case "right":
            return _to_read_back(said, talk, phone, region)


def wanted(talk: CallBackTalk, phone: str | None, region: str) -> Reply:
    """The caller wants it: the number is read back, known, or asked for."""
    if phone:
        return _read_back(talk, phone, region)
    return _noted(talk) if talk.known else _ask(talk)


def names_a_call(said: str) -> bool:
    """Whether the sentence has to do with calling somebody."""
    return re.search(r"\b(?:call|phone|ring|reach)", said, re.IGNORECASE) is not None


def _to_offer(said: Sentence, talk: CallBackTalk, phone: str | None, region: str) -> Reply | None:
    agrees = _YES_AND_MORE.match(said.raw) is not None or re.search(r"\b(?:call|reach) me\b", said.raw, re.IGNORECASE)
    if agrees and (phone or _OTHER_NUMBER.search(said.raw)):
        return _read_back(talk, phone, region) if phone else _ask(talk)
    if said.answer == "yes" or _CALL_ME_BACK.fullmatch(said.cleaned):
        return wanted(talk, None, region)
    return Reply(NOBODY_CALLS) if said.answer in ("no", "drop") else None


def _to_number(said: Sentence, talk: CallBackTalk, phone: str | None, region: str) -> Reply:
    if said.answer == "drop":
        return Reply(NOBODY_CALLS)
    return _read_back(talk, phone, region) if phone else _missed(talk, f"{NOT_A_NUMBER} Or say never mind.")


def _to_read_back(said: Sentence, talk: CallBackTalk, phone: str | None, region: str) -> Reply:
    agrees = _YES_AND_MORE.match(said.raw) is not None and not _WRONG.search(said.raw)
    if said.answer == "drop":
        return Reply(NOBODY_CALLS)
    if phone and not (agrees and phone == talk.heard):
        return _read_back(talk, phone, region)
    if agrees or said.answer == "yes":
        return _noted(talk, talk.heard)
    if _WRONG.search(said.raw):
        return _ask(talk, "Sorry. ")
    return _missed(talk, _is_it_right(talk.heard, region))


def _ask(talk: CallBackTalk, before: str = "") -> Reply:
    return Reply(before + WHICH_NUMBER, talk.model_copy(update={"asked": "number", "heard": ""}).remembered())


def _read_back(talk: CallBackTalk, phone: str, region: str) -> Reply:
    update = {"asked": "right", "heard": phone}
    return Reply(_is_it_right(phone, region), talk.model_copy(update=update).remembered())


def _missed(talk: CallBackTalk, again: str) -> Reply:
    misses = talk.misses + 1
    if misses < MOST_MISSES:
        return Reply(again, talk.model_copy(update={"misses": misses}).remembered())
    if talk.known:
        return _noted(talk)
    # what was read back and not agreed to may be a stranger's number
    text = f"I'm sorry, I couldn't get your number. I've told {talk.department} that you want to be called back."
    return Reply(f"{text} {ANYTHING_ELSE}", wish=CallBackWish(talk.department, talk.reason))


def _noted(talk: CallBackTalk, phone: str = "") -> Reply:
    ending = phone[-4:] or talk.known
    text = f"All right, somebody from {talk.department} will call you back at the number ending in {ending}."
    return Reply(f"{text} {ANYTHING_ELSE}", wish=CallBackWish(talk.department, talk.reason, phone))


def _is_it_right(phone: str, region: str) -> str:
    return f"I heard {digit_by_digit(phone, region)}. Is that right?"
