"""The parts that the forms of all features share: foreign sentences, and the next question after an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from convonet.agents.forms.form import Ask, Confirm, Move, Tell, Values, Work, sentence
from convonet.agents.skill import Call, Outcome, UseTools
from convonet.domains.mortgage.enums import CHANGEABLE, CLOSED
from convonet.domains.mortgage.errors import NO_APPLICATION

STATUS = "get_mortgage_application_status"
CREATE = "create_mortgage_application"

# a todo about a mortgage, a claim's documents, a pre-approved scan: for other domains
_NOT_OURS = (
    r"^(?!.*\b(?:to-?dos?|to do|(?:my|the|our) list|remind\w*|calendar|tasks?|reservation|tables?|meeting|appointments?"
    r"|patients?|claims?|prior auth\w*|copay|deductible|health|medical|doctor|mri|surgery|procedure|medication"
    r"|prescription|therapy|scan for|x-?ray|transfer)\b)"
)

NOTED = "noted"
"""The figures that were noted last, as "name=value,name=value"; the caller may correct them instead of answering."""

QUESTIONS: Mapping[str, str] = {
    "credit_score": "What is your credit score?",
    "monthly_income": "What is your income a month, before taxes?",
    "monthly_debt": "What do you pay for debts each month, all together?",
    "down_payment_amount": "How much can you put down?",
    "loan_amount": "How much do you want to borrow?",
    "property_value": "What is the value of the property?",
}


def ours(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a form, from the sentence's beginning, that no sentence of another domain matches."""
    return sentence(f"{_NOT_OURS}(?:{'|'.join(patterns)})")


def told_or_offered(outcome: Outcome) -> Move:
    """Say the tool's answer; where there is no application, offer to start one."""
    return Confirm(outcome.text, form="apply") if outcome.text == NO_APPLICATION else Tell(outcome.text)


def asking(tool: str) -> Callable[[Work], Move]:
    """The function of a form that only asks one tool."""

    def act(work: Work) -> Move:
        return told_or_offered(work.outcomes[-1]) if work.outcomes else UseTools((Call(tool, {}),))

    return act


def outcome_of(work: Work, tool: str) -> Outcome | None:
    """The tool's last outcome of this turn."""
    return next((outcome for outcome in reversed(work.outcomes) if outcome.tool == tool), None)


def ask_next(application: Mapping[str, Any], first: str, rest: str, given: Values, unknown: Values) -> Move:
    """Ask for the next missing figure that the caller may know; when there is none, say `rest`."""
    missing = [name for name in application["missing_figures"] if name not in unknown]
    if not missing or application["status"] not in CHANGEABLE:
        return Tell(f"{first} {rest}".strip(), {"application": application["application_id"]})
    noted = ",".join(f"{name}={value}" for name, value in given.items())
    known = {**unknown, **given, NOTED: noted}
    return Ask(missing[0], QUESTIONS[missing[0]], first=first, values=known, form="figures")


def is_open(status: Outcome) -> bool:
    """Say whether there is an application that isn't closed."""
    return status.ok and status.data["application"]["status"] not in CLOSED


def after_first(text: str) -> str:
    """The tool's sentences without the first one."""
    return text.partition(". ")[2]


def added_or_offered(work: Work, calls: tuple[Call, ...]) -> Move:
    """Add debts or documents; where there is no application, offer to start one first."""
    added = [outcome for outcome in work.outcomes if outcome.tool == calls[0].tool]
    if added:
        none = next((outcome for outcome in added if outcome.text == NO_APPLICATION), None)
        return Confirm(none.text) if none else Tell(" ".join(outcome.text for outcome in added))
    created = outcome_of(work, CREATE)
    if created is not None and not created.ok:
        return Tell(created.text)
    # there was no application, and the caller has agreed to start one
    if work.agreed and created is None:
        return UseTools((Call(CREATE, {}),))
    return UseTools(calls)
