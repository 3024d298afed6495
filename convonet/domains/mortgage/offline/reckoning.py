"""What is reckoned for a caller: debt to income, pre-approval, a loan's payment, what they can afford."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convonet.agents.forms.form import Ask, Form, Move, Slot, Tell, Values, Work, sentence
from convonet.agents.skill import Call, Outcome, UseTools
from convonet.domains.mortgage.assessment import SPOKEN_FIGURE
from convonet.domains.mortgage.offline import slots
from convonet.domains.mortgage.offline.applying import UPDATE, spoken_figure, update_with
from convonet.domains.mortgage.offline.telling import QUESTIONS, STATUS, ours, outcome_of, told

RATIO_TOOL, CHECK_TOOL = "calculate_dti_ratio", "check_preapproval"
PAYMENT_TOOL, AFFORD_TOOL = "estimate_payment", "estimate_affordability"

_LOAN_ARGUMENTS = {"loan": "loan_amount", "rate": "annual_rate_percent", "years": "years"}
_AFFORD_ARGUMENTS = {
    "monthly_income": "monthly_income",
    "monthly_debt": "monthly_debt",
    "down_payment_amount": "down_payment_amount",
    "rate": "annual_rate_percent",
    "years": "years",
}
_ASKED = ("monthly_income", "monthly_debt", "down_payment_amount")


def _ratio(work: Work) -> Move:
    return _assessed(work, RATIO_TOOL)


def _preapproval(work: Work) -> Move:
    return _assessed(work, CHECK_TOOL)


def _assessed(work: Work, tool: str) -> Move:
    """Assess the application; a figure that is missing for it is asked for, noted, and then it is assessed again."""
    found, noted = outcome_of(work, tool), outcome_of(work, UPDATE)
    if found is not None:
        wanted = None if found.ok else _missing_figure(found)
        # an "if" in the question is no figure to be noted; what was asked for is
        return Ask(wanted, QUESTIONS[wanted], first=found.text, values={"asked": "yes"}) if wanted else told(found)
    if noted is not None and not noted.ok:
        return Tell(noted.text)
    given = {name: value for name, value in work.values.items() if name in SPOKEN_FIGURE}
    if slots.UNKNOWN in given.values():
        return Tell("All right. Tell me when you know it, and I'll work it out.")
    if "asked" in work.values and given and noted is None:
        return update_with(given)
    return UseTools((Call(tool, {}),))


def _missing_figure(found: Outcome) -> str | None:
    return next((name for name, words in SPOKEN_FIGURE.items() if words in found.text), None)


def _payment(work: Work) -> Move:
    estimate, status = outcome_of(work, PAYMENT_TOOL), outcome_of(work, STATUS)
    known: Values = {name: work.focus[name] for name in ("loan",) if name in work.focus and _changes(work.values)}
    own = _application(status).get("loan_amount")
    values = {**({"loan": str(own)} if own else {}), **known, **work.values}
    if estimate is not None:
        if not estimate.ok:
            return Tell(estimate.text)
        first = f"For a loan of {_amount(own)}: " if own and "loan" not in work.values else ""
        text = f"{first}{estimate.text[0].lower()}{estimate.text[1:]}" if first else estimate.text
        return Tell(text, {"estimate": "payment", **_only(values, _LOAN_ARGUMENTS)})
    if "loan" in values:
        return UseTools((_call(PAYMENT_TOOL, values, _LOAN_ARGUMENTS),))
    # whoever says no amount may mean the loan that they have applied for
    if status is None:
        return UseTools((Call(STATUS, {}),))
    return Ask("loan", "For what loan amount?")


def _afford(work: Work) -> Move:
    estimate, status = outcome_of(work, AFFORD_TOOL), outcome_of(work, STATUS)
    own = {name: str(value) for name in _ASKED if (value := _application(status).get(name)) is not None}
    values = {**own, **work.values}
    if estimate is not None:
        if not estimate.ok:
            return Tell(estimate.text)
        text = f"{_stands_on(own, work.values)}{estimate.text}"
        return Tell(text, {"estimate": "afford", **_only(values, _AFFORD_ARGUMENTS)})
    if not any(name in values for name in _ASKED) and status is None:
        return UseTools((Call(STATUS, {}),))
    for name in _ASKED:
        if name not in values:
            return Ask(name, QUESTIONS[name], values=values)
    if values["monthly_income"] == slots.UNKNOWN:
        return Tell("Without your income I can't tell. Ask me again when you know it.")
    return UseTools((_call(AFFORD_TOOL, values, _AFFORD_ARGUMENTS),))


def _stands_on(own: Mapping[str, str], said: Values) -> str:
    taken = [spoken_figure(name, value) for name, value in own.items() if name not in said]
    return f"With {taken[0] if len(taken) == 1 else 'the figures'} from your application: " if taken else ""


def _what_if(work: Work) -> Move:
    """The last estimate once more, with another figure."""
    kind = work.focus.get("estimate")
    arguments, tool = (_AFFORD_ARGUMENTS, AFFORD_TOOL) if kind == "afford" else (_LOAN_ARGUMENTS, PAYMENT_TOOL)
    said = dict(work.values)
    if kind == "payment" and "loan" not in said and "loan_amount" in said:
        said["loan"] = said["loan_amount"]
    values = {**_only(work.focus, arguments), **_only(said, arguments)}
    estimate = outcome_of(work, tool)
    if estimate is not None:
        return Tell(estimate.text, {**_only(work.focus, ("estimate",)), **values} if estimate.ok else {})
    if not work.values:
        return Tell(
            "What shall I change in it: the amount, the rate, or something else? Say, for example: at six percent."
        )
    if kind is None and "loan" not in values:
        return Ask("loan", "For what loan amount?", form="payment")
    return UseTools((_call(tool, values, arguments),))


def _changes(values: Values) -> bool:
    return "rate" in values or "years" in values


def _application(status: Outcome | None) -> Mapping[str, Any]:
    return status.data["application"] if status is not None and status.ok else {}


def _amount(value: object) -> str:
    return spoken_figure("loan_amount", str(value)).removeprefix("a loan of ")


def _only(values: Values, names: Mapping[str, str] | tuple[str, ...]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}


def _call(tool: str, values: Values, arguments: Mapping[str, str]) -> Call:
    known = {name: value for name, value in _only(values, arguments).items() if value != slots.UNKNOWN}
    return Call(tool, {arguments[name]: _number(value) for name, value in known.items()})


def _number(value: str) -> int | float:
    number = float(value)
    return int(number) if number.is_integer() else number


_AMOUNT = r"(?:thousand|hundred|grand|million|\d{4,}|\d+ ?k\b)"
_HOME = r"(?:house|home|property|mortgage|loan|condo|place|apartment)"
_APPROVED = r"(?:pre-?\s?approv\w+|pre-?\s?qualif\w+)"
_ASSESSED: tuple[Slot, ...] = (slots.credit_score(), slots.debt(), slots.income())

RATIO = Form(
    name="ratio",
    act=_ratio,
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
    act=_preapproval,
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
    act=_payment,
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
    act=_afford,
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
    act=_what_if,
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
