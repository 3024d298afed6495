"""The dialogue about a call back: the offer, the number, and its confirmation. Rules lead it, whichever model answers.

The router runs it. Only the last four digits of the number on file reach this module, so no answer can leak the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from convonet.agents.base import CallBackRequest
from convonet.language.phones import digit_by_digit, find_phone
from convonet.language.sentences import Sentence

CALL_BACK = "hand_over.call_back"
"""Memory key of the dialogue's state, which is valid for the next sentence only."""

OFFER = "Shall I have somebody call you back, or can I help you with something else?"
ASK_NUMBER = "What number can we reach you at?"
NOT_A_NUMBER = "Sorry, I didn't get a complete phone number. Please say it digit by digit with its area code."
DECLINED = "All right, nobody will call you. What else can I do for you?"
ANYTHING_ELSE = "Is there anything else?"

MAX_MISSES = 2
"""Unintelligible answers after which the dialogue gives up; a caller who is asked more often hangs up."""

_CALL_ME_BACK = re.compile(
    r"(?:have )?(?:somebody |someone |anybody |a person |a human |them |an agent )?(?:should |to )?"
    r"(?:call|phone|ring)(?:s)? me(?: back)?(?: later| tomorrow| when .+| as soon as .+)?",
    re.IGNORECASE,
)
_AGREEMENT = re.compile(r"\W*(?:yes|yeah|yep|yup|sure|ok|okay|please|correct|right|exactly)\b", re.IGNORECASE)
_WRONG = re.compile(r"\b(?:no|nope|not|isn't|wasn't|wrong|incorrect|mistake)\b", re.IGNORECASE)
_OTHER_NUMBER = re.compile(r"\b(?:an?other|different|new) (?:phone |telephone )?number\b", re.IGNORECASE)


class CallBackDialogue(BaseModel):
    """State between two sentences. Immutable; stored in the memory as JSON."""

    model_config = ConfigDict(frozen=True)

    department: str
    reason: str = ""
    known: str = ""
    """Last four digits of the number on file; empty without one."""
    asked: Literal["offer", "number", "right"] = "offer"
    """The open question: whether to call, at which number, and whether the number read back is right."""
    heard: str = ""
    """E.164 number that was read back."""
    misses: int = 0

    def to_memory(self) -> dict[str, str]:
        """Return the memory entry."""
        return {CALL_BACK: self.model_dump_json()}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer, the memory entry, and the call back once it is settled."""

    text: str
    memory: dict[str, str] = field(default_factory=dict)
    call_back: CallBackRequest | None = None


def read_dialogue(entry: str) -> CallBackDialogue | None:
    """Read a memory entry; None when it is unreadable."""
    try:
        return CallBackDialogue.model_validate_json(entry)
    except ValidationError:
        return None


def reply(said: Sentence, dialogue: CallBackDialogue, region: str) -> Reply | None:
    """Answer a sentence; None when it isn't a reply. `region` (ISO 3166) is for numbers without a country code."""
    phone = find_phone(said.raw, region)
    match dialogue.asked:
        case "offer":
            return _answer_offer(said, dialogue, phone, region)
        case "number":
            return _answer_number(said, dialogue, phone, region)
        case "right":
            return _answer_read_back(said, dialogue, phone, region)


def accept(dialogue: CallBackDialogue, phone: str | None, region: str) -> Reply:
    """Answer a caller who wants the call back: read `phone` back, use the number on file, or ask for one."""
    if phone:
        return _read_back(dialogue, phone, region)
    return _noted(dialogue) if dialogue.known else _ask_number(dialogue)


def mentions_call(said: str) -> bool:
    """Return whether the sentence is about calling somebody."""
    return re.search(r"\b(?:call|phone|ring|reach)", said, re.IGNORECASE) is not None


def _answer_offer(said: Sentence, dialogue: CallBackDialogue, phone: str | None, region: str) -> Reply | None:
    agrees = _AGREEMENT.match(said.raw) is not None or re.search(r"\b(?:call|reach) me\b", said.raw, re.IGNORECASE)
    if agrees and (phone or _OTHER_NUMBER.search(said.raw)):
        return _read_back(dialogue, phone, region) if phone else _ask_number(dialogue)
    if said.answer == "yes" or _CALL_ME_BACK.fullmatch(said.cleaned):
        return accept(dialogue, None, region)
    return Reply(DECLINED) if said.answer in ("no", "drop") else None


def _answer_number(said: Sentence, dialogue: CallBackDialogue, phone: str | None, region: str) -> Reply:
    if said.answer == "drop":
        return Reply(DECLINED)
    return _read_back(dialogue, phone, region) if phone else _missed(dialogue, f"{NOT_A_NUMBER} Or say never mind.")


def _answer_read_back(said: Sentence, dialogue: CallBackDialogue, phone: str | None, region: str) -> Reply:
    agrees = _AGREEMENT.match(said.raw) is not None and not _WRONG.search(said.raw)
    if said.answer == "drop":
        return Reply(DECLINED)
    if phone and not (agrees and phone == dialogue.heard):
        return _read_back(dialogue, phone, region)
    if agrees or said.answer == "yes":
        return _noted(dialogue, dialogue.heard)
    if _WRONG.search(said.raw):
        return _ask_number(dialogue, "Sorry. ")
    return _missed(dialogue, _is_it_right(dialogue.heard, region))


def _ask_number(dialogue: CallBackDialogue, before: str = "") -> Reply:
    return Reply(before + ASK_NUMBER, dialogue.model_copy(update={"asked": "number", "heard": ""}).to_memory())


def _read_back(dialogue: CallBackDialogue, phone: str, region: str) -> Reply:
    update = {"asked": "right", "heard": phone}
    return Reply(_is_it_right(phone, region), dialogue.model_copy(update=update).to_memory())


def _missed(dialogue: CallBackDialogue, again: str) -> Reply:
    misses = dialogue.misses + 1
    if misses < MAX_MISSES:
        return Reply(again, dialogue.model_copy(update={"misses": misses}).to_memory())
    if dialogue.known:
        return _noted(dialogue)
    # a number that was read back but not confirmed may be a stranger's number
    text = f"I'm sorry, I couldn't get your number. I've told {dialogue.department} that you want to be called back."
    return Reply(f"{text} {ANYTHING_ELSE}", call_back=CallBackRequest(dialogue.department, dialogue.reason))


def _noted(dialogue: CallBackDialogue, phone: str = "") -> Reply:
    ending = phone[-4:] or dialogue.known
    text = f"All right, somebody from {dialogue.department} will call you back at the number ending in {ending}."
    return Reply(f"{text} {ANYTHING_ELSE}", call_back=CallBackRequest(dialogue.department, dialogue.reason, phone))


def _is_it_right(phone: str, region: str) -> str:
    return f"I heard {digit_by_digit(phone, region)}. Is that right?"
