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
    rf"(?:(?:i (?:need|want|would like|have) to |i'd rather |to )*(?:talk|speak|chat)(?: to| with)? {_PERSON}"
    r"(?: please| instead| now)*"
    r"|(?:transfer|connect|put|forward|transport|hand)(?: me| us| this call| the call)?(?: over| through)?(?: to| with)"
    rf" {_PERSON}"
    r"|(?:transfer|connect) (?:me|this call|the call)"
    rf"|(?:get|give|find) me {_PERSON}"
    rf"|(?:i (?:want|need)|is there) {_PERSON}(?: there| here)?"
    r"|(?:a )?(?:human|operator|representative|agent|live agent|human agent|real person|customer service)(?: please)?"
    r")(?: (?:about|regarding|concerning|because|so that|who can|that can|instead of) .+)?",
    re.IGNORECASE,
)
_PEOPLE = re.compile(
    r"\b(?:human|person|people|agent|operator|representative|rep|somebody|someone|anybody|anyone|manager|supervisor|staff"
    r"|colleague|employee|team|department|service|support|individual|receptionist|specialist|advisor|adviser|folks?)s?\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:don't|do not|didn't|no need to|not|never|without|instead of|rather than|stop)\b.*"
    r"\b(?:transfer|transferred|transferring|connect|human|person|agent|operator|representative|somebody|someone)",
    re.IGNORECASE,
)


def wants_a_human(said: str) -> bool:
    """Whether the sentence surely asks for a person."""
    return _WISH.fullmatch(cleaned(said)) is not None


def names_a_person(said: str) -> bool:
    """Whether anybody is named to whom a caller might want to speak."""
    return _PEOPLE.search(said) is not None


def refuses_a_human(said: str) -> bool:
    """ "Don't transfer me, just tell me my copay"."""
    return _REFUSAL.search(said) is not None
