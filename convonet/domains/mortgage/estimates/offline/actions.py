"""The functions that carry out the forms of `forms`: their tool calls, questions and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convonet.agents.forms.form import Ask, Move, Tell, Values, Work
from convonet.agents.skill import Call, Outcome, UseTools
from convonet.domains.mortgage.applications.offline.actions import UPDATE, spoken_figure, update_with
from convonet.domains.mortgage.offline import slots
from convonet.domains.mortgage.offline.shared import QUESTIONS, STATUS, outcome_of, told_or_offered
from convonet.domains.mortgage.speech import SPOKEN_FIGURE

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


def show_ratio(work: Work) -> Move:
    """Say the debt to income ratio."""
    return _assessed(work, RATIO_TOOL)


def check_preapproval(work: Work) -> Move:
    """Say whether a pre-approval is likely."""
    return _assessed(work, CHECK_TOOL)


def _assessed(work: Work, tool: str) -> Move:
    """Assess the application. A missing figure is asked for and noted first."""
    found, noted = outcome_of(work, tool), outcome_of(work, UPDATE)
    if found is not None:
        missing = (name for name, words in SPOKEN_FIGURE.items() if not found.ok and words in found.text)
        wanted = next(missing, None)
        # an "if" in the question is no figure to note; the answer to a question is
        return (
            Ask(wanted, QUESTIONS[wanted], first=found.text, values={"asked": "yes"})
            if wanted
            else told_or_offered(found)
        )
    if noted is not None and not noted.ok:
        return Tell(noted.text)
    given = {name: value for name, value in work.values.items() if name in SPOKEN_FIGURE}
    if slots.UNKNOWN in given.values():
        return Tell("All right. Tell me when you know it, and I'll work it out.")
    if "asked" in work.values and given and noted is None:
        return update_with(given)
    return UseTools((Call(tool, {}),))


def estimate_payment(work: Work) -> Move:
    """Estimate the payment of a loan."""
    estimate, status = outcome_of(work, PAYMENT_TOOL), outcome_of(work, STATUS)
    known: Values = {name: work.focus[name] for name in ("loan",) if name in work.focus and _changes(work.values)}
    own = _application(status).get("loan_amount")
    values = {**({"loan": str(own)} if own else {}), **known, **work.values}
    if estimate is not None:
        if not estimate.ok:
            return Tell(estimate.text)
        first = f"For {spoken_figure('loan_amount', str(own))}: " if own and "loan" not in work.values else ""
        text = f"{first}{estimate.text[0].lower()}{estimate.text[1:]}" if first else estimate.text
        return Tell(text, {"estimate": "payment", **_only(values, _LOAN_ARGUMENTS)})
    if "loan" in values:
        return UseTools((_call(PAYMENT_TOOL, values, _LOAN_ARGUMENTS),))
    # a caller who names no amount may mean the loan that they applied for
    if status is None:
        return UseTools((Call(STATUS, {}),))
    return Ask("loan", "For what loan amount?")


def estimate_affordability(work: Work) -> Move:
    """Estimate what the caller can afford."""
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


def estimate_again(work: Work) -> Move:
    """Repeat the last estimate with another figure."""
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


def _only(values: Values, names: Mapping[str, str] | tuple[str, ...]) -> dict[str, str]:
    return {name: values[name] for name in names if name in values}


def _call(tool: str, values: Values, arguments: Mapping[str, str]) -> Call:
    known = {name: value for name, value in _only(values, arguments).items() if value != slots.UNKNOWN}
    return Call(tool, {arguments[name]: _number(value) for name, value in known.items()})


def _number(value: str) -> int | float:
    number = float(value)
    return int(number) if number.is_integer() else number
