"""The functions that carry out the forms of `forms`: their tool calls, questions and answers."""

from __future__ import annotations

from decimal import Decimal

from convonet.agents.forms.form import Ask, Confirm, Move, Tell, Values, Work
from convonet.agents.skill import Call, Outcome, UseTools
from convonet.domains.mortgage.enums import Status
from convonet.domains.mortgage.errors import NO_APPLICATION
from convonet.domains.mortgage.offline.shared import (
    CREATE,
    NOTED,
    QUESTIONS,
    STATUS,
    after_first,
    ask_next,
    is_open,
    outcome_of,
    told_or_offered,
)
from convonet.domains.mortgage.offline.slots import FIGURE_NAMES, UNKNOWN
from convonet.domains.mortgage.speech import SPOKEN_STATUS
from convonet.domains.speech import spoken_amount
from convonet.language.sentences import enumerated

UPDATE = "update_mortgage_financial_info"
CANCEL_TOOL = "cancel_mortgage_application"

_SPOKEN = {
    "credit_score": "a credit score of {}",
    "monthly_income": "an income of {} a month",
    "monthly_debt": "debts of {} a month",
    "down_payment_amount": "a down payment of {}",
    "loan_amount": "a loan of {}",
    "property_value": "a property value of {}",
    "closing_costs_estimate": "closing costs of {}",
    "total_savings": "savings of {}",
}
_START = "Shall I start a mortgage application for you?"
_WHICH = "Which figure shall I note? Say, for example: my income is nine thousand dollars a month."


def update_with(values: Values) -> UseTools:
    """Make the tool call that notes the figures among the values."""
    return UseTools((Call(UPDATE, _given(values)),))


def apply(work: Work) -> Move:
    """Start an application after a yes, and ask for its figures."""
    status, created, noted = (outcome_of(work, tool) for tool in (STATUS, CREATE, UPDATE))
    if noted is not None:
        return _noted(noted, work.values) if noted.ok else Tell(noted.text)
    if created is not None:
        return _created(created, work.values)
    if not work.agreed:
        if status is None:
            return UseTools((Call(STATUS, {}),))
        if is_open(status):
            return _there_is_one(status, work.values)
        if "wish" not in work.values:
            return Confirm(_START)
    return UseTools((Call(CREATE, {}),))


def _created(created: Outcome, values: Values) -> Move:
    if not created.ok:
        return Tell(created.text)
    if _given(values):
        return update_with(values)
    return ask_next(created.data["application"], "I started a mortgage application.", "", {}, {})


def _there_is_one(status: Outcome, values: Values) -> Move:
    application = status.data["application"]
    stands = f"You have an application already, and it {SPOKEN_STATUS[Status(application['status'])]}."
    if "another" in values:
        return Confirm(f"{stands} Shall I start another one?")
    return ask_next(application, stands, after_first(status.text), {}, {})


def note_figures(work: Work) -> Move:
    """Note figures of the application, and ask for the next one."""
    noted, status = outcome_of(work, UPDATE), outcome_of(work, STATUS)
    if noted is not None:
        return _noted(noted, work.values)
    if _given(work.values):
        return update_with(work.values)
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return told_or_offered(status)
    unknown = _unknown(work.values)
    if unknown:
        return ask_next(status.data["application"], "", "All right. Tell me when you know it.", {}, unknown)
    return ask_next(status.data["application"], "", _WHICH, {}, {})


def _noted(noted: Outcome, values: Values) -> Move:
    given = {name: values[name] for name in _given(values)}
    if noted.ok:
        said = enumerated([spoken_figure(name, value) for name, value in given.items()])
        return ask_next(noted.data["application"], f"I noted {said}.", after_first(noted.text), given, _unknown(values))
    if noted.text == NO_APPLICATION:
        return Confirm(noted.text, form="apply")
    amount = next((name for name in ("loan_amount", "property_value") if name in given), None)
    if amount and "larger than the value" in noted.text:
        return Ask(amount, QUESTIONS[amount], first=noted.text)
    return Tell(noted.text)


def spoken_figure(name: str, value: str) -> str:
    """ "an income of 9,000 dollars a month"."""
    return _SPOKEN[name].format(value if name == "credit_score" else spoken_amount(Decimal(value)))


def _given(values: Values) -> dict[str, object]:
    noted = dict(pair.split("=") for pair in values.get(NOTED, "").split(",") if pair)
    named = {name: values[name] for name in FIGURE_NAMES if values.get(name, UNKNOWN) not in {UNKNOWN, noted.get(name)}}
    return {name: int(value) if value.isdigit() else float(value) for name, value in named.items()}


def _unknown(values: Values) -> Values:
    return {name: UNKNOWN for name in FIGURE_NAMES if values.get(name) == UNKNOWN}


def show_status(work: Work) -> Move:
    """Say the application's status."""
    status = outcome_of(work, STATUS)
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return told_or_offered(status)
    application = status.data["application"]
    if application["missing_figures"] and is_open(status):
        # it ends with the figure that is needed next, so the caller may answer with it
        return Ask(application["missing_figures"][0], status.text, values={}, form="figures")
    return Tell(status.text, {"application": application["application_id"]})


HELP_TEXT = (
    "About a mortgage I can start or cancel an application, note your figures, debts and documents, "
    "and work out a payment or what you can afford."
)


def help_with(work: Work) -> Move:
    """Say what can be done about a mortgage."""
    return Tell(HELP_TEXT)


def show_figure(work: Work) -> Move:
    """Say a figure that is on the application."""
    status = outcome_of(work, STATUS)
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return told_or_offered(status)
    name = work.values["figure"]
    value = status.data["application"][name]
    if value is None:
        missing = _SPOKEN[name].partition(" of ")[0]
        return Tell(f"Your application does not say {missing.removeprefix('a ').removeprefix('an ')} yet.")
    return Tell(f"Your application says {spoken_figure(name, str(value))}.")


def cancel(work: Work) -> Move:
    """Cancel the application after a yes."""
    status, cancelled = outcome_of(work, STATUS), outcome_of(work, CANCEL_TOOL)
    if cancelled is not None:
        return Tell(cancelled.text)
    if work.agreed:
        return UseTools((Call(CANCEL_TOOL, {"application_id": work.values["application"]}),))
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return Tell("You have no mortgage application." if status.text == NO_APPLICATION else status.text)
    if not is_open(status):
        return Tell(status.text)
    application = status.data["application"]
    stands = SPOKEN_STATUS[Status(application["status"])]
    return Confirm(
        f"Do you really want to cancel your mortgage application for good? It {stands}.",
        {"application": application["application_id"]},
    )
