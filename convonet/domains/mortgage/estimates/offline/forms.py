"""The forms of estimates: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from convonet.agents.forms.form import Form, Slot, sentence
from convonet.domains.mortgage.estimates.offline.actions import (
    check_preapproval,
    estimate_affordability,
    estimate_again,
    estimate_payment,
    show_ratio,
)
from convonet.domains.mortgage.offline import slots
from convonet.domains.mortgage.offline.shared import ours

_AMOUNT = r"(?:thousand|hundred|grand|million|\d{4,}|\d+ ?k\b)"
_HOME = r"(?:house|home|property|mortgage|loan|condo|place|apartment)"
_APPROVED = r"(?:pre-?\s?approv\w+|pre-?\s?qualif\w+)"
_ASSESSED: tuple[Slot, ...] = (slots.credit_score(), slots.debt(), slots.income())

RATIO = Form(
    name="ratio",
    act=show_ratio,
    aside=True,
    patterns=ours(
        r".*\bdebts?[ -]+(?:to|two|2)[ -]+income\b",
        r".*\b(?:my|our|the|a) (?:dti|d t i|d\.t\.i\.)(?: ratio)?\b",
        r"(?:dti|d t i)(?: ratio)?$",
        r".*\bratio (?:of|between)\b.*\bdebts?\b.*\bincome\b",
        r".*\bdebts?\b.*\b(?:compared|versus|against|relative)\b.*\bincome\b",
        r"(?:what|how much)\b.*\bof my (?:income|salary)\b.*\b(?:goes|go|going)\b.*\bdebts?\b",
        r"what's my ratio$",
    ),
    slots=_ASSESSED,
    corrected_by="figures",
    handles_failure=True,
)

PREAPPROVAL = Form(
    name="preapproval",
    act=check_preapproval,
    aside=True,
    patterns=ours(
        rf"(?:would|will|could|can|am|might|do|are|what|how|is it likely|what's|check|see|find out|get)\b.*"
        rf"\b(?:i|we|me|us|my|our|get|be|is)\b.*\b{_APPROVED}\b",
        rf"(?:get|be|see|check|check my|what about a|is a|i'd like a|i want a|i need a|tell me if)\b.*\b{_APPROVED}\b",
        rf".*\b{_APPROVED}\b.*\b(?:mortgage|home loan|house|home|loan)\b",
        r"(?:do|would|will|could|can|am) (?:i|we)\b.*\b(?:qualify|qualified|get approved|be approved|eligible)\b.*"
        r"\b(?:mortgage|home loan|loan)\b",
        r"(?:would|will) (?:a|the|any) (?:lender|bank)\b.*\b(?:approve|lend|give me)\b",
    ),
    slots=_ASSESSED,
    corrected_by="figures",
    handles_failure=True,
)

PAYMENT = Form(
    name="payment",
    act=estimate_payment,
    aside=True,
    patterns=ours(
        rf"(?:what|what's|how much|how high|estimate|calculate|compute|figure|work out|tell me|give me|show me)\b.*"
        rf"\bpayments?\b.*\b(?:{_AMOUNT}|{_HOME})",
        r"(?:what|what's|how much|how high|estimate|calculate|compute|figure|work out|tell me|give me)\b.*"
        r"\b(?:mortgage|house|loan|monthly|new) payments?\b(?!.*\b(?:car|card|student|insurance|premium)\b)",
        r"(?:what|what's|how much|how expensive)\b.*\b(?:loan|mortgage)\b.*\b(?:costs?|run me|month|monthly)\b",
        r"(?:what|what's|how much|how high)\b.*\bpayments?\b.*\b(?:percent|\w+ years?)\b",
        rf"(?:what|how much)\b.*\b(?:i|we) (?:pay|owe|have to pay|be paying)\b.*\b(?:month|monthly)\b.*{_AMOUNT}",
        rf"(?:what|how much)\b.*\b(?:i|we) (?:pay|have to pay|be paying)\b.*\b(?:loan|mortgage|{_AMOUNT})\b.*"
        r"\b(?:percent|years?|month|monthly)\b",
        rf"(?:what about|how about|and) (?:a )?(?:loan|mortgage) of\b.*{_AMOUNT}",
        rf"(?:payment|monthly payment|payments) (?:on|for|of)\b.*{_AMOUNT}",
    ),
    slots=(slots.rate(), slots.years(), slots.loan()),
    corrected_by="what_if",
    handles_failure=True,
)

AFFORD = Form(
    name="afford",
    act=estimate_affordability,
    aside=True,
    patterns=ours(
        rf"(?:how|what)\b.*\b{_HOME}\b.*\b(?:afford|borrow|buy|qualify for)\b",
        r"how (?:much|large|big)\b.*\b(?:can|could|may|should|would|able to)\b.*\bborrow\b",
        r"(?:how much|what) (?:can|could) (?:i|we) afford(?: to (?:borrow|pay for a (?:house|home)))?$",
        rf"(?:can|could|would|is|what can|what could|do you think)?\b.*\bafford\b.*\b{_HOME}\b",
        r"what (?:price range|home price|house price|price)\b.*\bafford\b",
        rf".*\b(?:what|which|how (?:big|expensive|much))\b.*\b(?:{_HOME}|price)\b.*"
        r"\b(?:can|could)\b.*\b(?:buy|get|carry)\b",
        rf"(?:what|what's) (?:the )?(?:biggest|largest|highest|most)\b.*\b{_HOME}\b.*\b(?:get|afford|buy)\b",
        rf"(?:how much|what) (?:can|could) (?:i|we) afford\b.*{_AMOUNT}",
    ),
    slots=(
        slots.rate(),
        slots.years(),
        slots.down_payment(),
        slots.debt(),
        slots.income(alone="|with|on"),
    ),
    corrected_by="what_if",
    handles_failure=True,
)

WHAT_IF = Form(
    name="what_if",
    act=estimate_again,
    aside=True,
    about_it=sentence(
        r"^(?:and )?(?:what if|if|what about|how about|at|over|with|what would it be|how would it look)\b.*"
        r"\b(?:percent|years?|rate|down|income|debts?|earn(?:ed)?|made|make)\b"
    ),
    slots=(
        slots.rate(),
        slots.years(),
        slots.down_payment(),
        slots.debt(),
        slots.income(),
        slots.loan(),
    ),
    corrected_by="what_if",
    handles_failure=True,
)
