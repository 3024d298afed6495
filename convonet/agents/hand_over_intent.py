"""Rules that recognize a request for a human; "real estate agent" alone is not one. The router calls them."""

from __future__ import annotations

import re

from convonet.language.sentences import Sentence

_PERSON = (
    r"(?:an? |the |some ?|your |another )?(?:(?:real|live|actual|human) )*(?:human(?: being)?|person|people|agent"
    r"|someone"
    r"|somebody|body|representative|rep|operator|manager|supervisor|staff|employee|customer (?:service|support)|support"
    r"|sales|technical support|the front desk)(?: agent| person| representative| team)?"
)
_REQUEST = re.compile(
    rf"(?:(?:i (?:need|want|would like|have) to |i'd rather |to )*(?:talk|speak|chat)(?: to| with)? {_PERSON}"
    r"(?: please| instead| now)*"
    r"|(?:transfer|connect|put|forward|transport|hand)(?: me| us| this call| the call)?(?: over| through)?(?: to| with)"
    rf" {_PERSON}"
    r"|(?:transfer|connect) (?:me|this call|the call)"
    rf"|(?:get|give|find) me {_PERSON}"
    rf"|i (?:want|need) {_PERSON}(?: there| here)?"
    r"|(?:a )?(?:human|operator|representative|agent|live agent|human agent|real person|customer service)(?: please)?"
    r")(?P<about> (?:about|regarding|concerning|because|so that|who can|that can|instead of) .+)?",
    re.IGNORECASE,
)
_REQUEST_WITHIN = re.compile(
    r"\b(?:talk|speak(?:ing)?|chat|deal|discuss|connect(?:ed)?|transfer(?:red)?|put|get|give|pass|switch|hand|forward"
    r"|bring|send|want|need|rather|prefer|like|demand|reach|find|is there|are there|let)\b[^.?!]{0,50}?"
    r"\b(?:humans?(?: being| agent)?|(?:real|live|actual|living) (?:person|people|agent|employee)|operator"
    r"|representative|supervisor|member of staff|customer (?:service|support|care)"
    r"|(?:someone|somebody) (?:real|in person|in charge|else)|your (?:boss|manager|colleagues?|staff|employees|team))\b"
    r"(?! (?:rights|body|nature|resources|brain|beings))",
    re.IGNORECASE,
)
_OTHER_MEANING = re.compile(
    r"\b(?:list|remind|reminder|task|to-?do|calendar|are you|am i|is this|you sound|team called|crane|forklift)\b",
    re.IGNORECASE,
)
_MENTION = re.compile(
    r"\b(?:human|person|people|agent|operator|representative|rep|somebody|someone|anybody|anyone|manager|supervisor|staff"
    r"|colleague|employee|team|department|service|support|individual|receptionist|reception|specialist|advisor|adviser"
    r"|consultant|expert|boss|folks?|help desk|customer care|in charge|whoever|nurse|owner|machine|robot|bot|computer"
    r"|(?:transfer|connect|forward|pass|put|switch|hand) (?:me|us|this|the call)|transferred|put through|complain)s?\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:don't|do not|didn't|no need to|not|never|without|instead of|rather than|stop)\b"
    r"(?: (?!understand|get|hear|like|want to talk to a (?:machine|robot|bot|computer))[\w']+){0,5}? "
    r"(?:transfer|transferred|transferring|connect|connecting|human|person|agent|operator|representative|somebody|someone)\b",
    re.IGNORECASE,
)


def wants_human(said: Sentence) -> bool:
    """Return whether the sentence surely asks for a person."""
    if _REQUEST.fullmatch(said.cleaned):
        return True
    asks = _REQUEST_WITHIN.search(said.raw) and not _OTHER_MEANING.search(said.raw)
    return bool(asks) and not refuses_human(said.raw)


def gives_no_reason(said: Sentence) -> bool:
    """Return whether the sentence asks for a person and does not say why."""
    request = _REQUEST.fullmatch(said.cleaned)
    return request is not None and request["about"] is None


def mentions_person(said: str) -> bool:
    """Return whether the sentence mentions anybody whom a caller might want to speak to."""
    return _MENTION.search(said) is not None


def refuses_human(said: str) -> bool:
    """Return whether the caller declines a hand-over: "don't transfer me, just tell me my copay"."""
    return _REFUSAL.search(said) is not None
