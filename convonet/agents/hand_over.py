"""Recognises a caller who wants to speak to a human: whole sentences only, so that "real estate agent" is none."""

from __future__ import annotations

import re

from convonet.agents.spoken import cleaned

NO_HUMAN_YET = "I'm sorry, there is no human line set up here yet, so I can't connect you to a person."

_PERSON = (
    r"(?:an? |the |some ?|your |another )?(?:(?:real|live|actual|human) )*(?:human(?: being)?|person|people|agent"
    r"|someone"
    r"|somebody|body|representative|rep|operator|manager|supervisor|staff|employee|customer (?:service|support)|support"
    r"|sales|technical support|the front desk)(?: agent| person| representative| team)?"
)
_WISH = re.compile(
    rf"(?:i (?:need|want|would like|have) to |i'd rather |to )*(?:talk|speak|chat)(?: to| with)? {_PERSON}"
    r"(?: please| instead| now)*"
    r"|(?:transfer|connect|put|forward|transport|hand)(?: me| us| this call| the call)?(?: over| through)?(?: to| with)"
    rf" {_PERSON}"
    r"|(?:transfer|connect) (?:me|this call|the call)"
    rf"|(?:get|give|find) me {_PERSON}"
    rf"|(?:i (?:want|need)|is there) {_PERSON}(?: there| here)?"
    r"|(?:a )?(?:human|operator|representative|agent|live agent|human agent|real person|customer service)(?: please)?",
    re.IGNORECASE,
)


def wants_a_human(said: str) -> bool:
    """Whether the sentence asks for a person."""
    return _WISH.fullmatch(cleaned(said)) is not None
