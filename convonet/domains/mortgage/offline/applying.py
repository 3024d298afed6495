"""An application itself: start it, fill in its figures one by one, see how it stands, give it up."""

from __future__ import annotations

from decimal import Decimal

from convonet.agents.forms.form import Ask, Form, Move, Sure, Tell, Values, Work, sentence
from convonet.agents.forms.readers import choice
from convonet.agents.skill import Call, Outcome, UseTools
from convonet.domains.mortgage.file import SPOKEN_STATUS
from convonet.domains.mortgage.offline.slots import FIGURE_NAMES, UNKNOWN, another, figures, wish
from convonet.domains.mortgage.offline.telling import (
    CREATE,
    NOTED,
    QUESTIONS,
    STATUS,
    after_first,
    go_on,
    is_open,
    ours,
    outcome_of,
    told,
)
from convonet.domains.mortgage.repository import NO_APPLICATION
from convonet.domains.mortgage.vocabulary import Status
from convonet.domains.speech import spoken_amount
from convonet.language.spoken import enumerated

UPDATE = "update_mortgage_financial_info"
CANCELS = "cancel_mortgage_application"

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
    """Note the figures among the values."""
    return UseTools((Call(UPDATE, _given(values)),))


def _apply(work: Work) -> Move:
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
            return Sure(_START)
    return UseTools((Call(CREATE, {}),))


def _created(created: Outcome, values: Values) -> Move:
    if not created.ok:
        return Tell(created.text)
    if _given(values):
        return update_with(values)
    return go_on(created.data["application"], "I started a mortgage application.", "", {}, {})


def _there_is_one(status: Outcome, values: Values) -> Move:
    application = status.data["application"]
    stands = f"You have an application already, and it {SPOKEN_STATUS[Status(application['status'])]}."
    if "another" in values:
        return Sure(f"{stands} Shall I start another one?")
    return go_on(application, stands, after_first(status.text), {}, {})


def _figures(work: Work) -> Move:
    noted, status = outcome_of(work, UPDATE), outcome_of(work, STATUS)
    if noted is not None:
        return _noted(noted, work.values)
    if _given(work.values):
        return update_with(work.values)
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return told(status)
    unknown = _unknown(work.values)
    if unknown:
        return go_on(status.data["application"], "", "All right. Tell me when you know it.", {}, unknown)
    return go_on(status.data["application"], "", _WHICH, {}, {})


def _noted(noted: Outcome, values: Values) -> Move:
    given = {name: values[name] for name in _given(values)}
    if noted.ok:
        said = enumerated([spoken_figure(name, value) for name, value in given.items()])
        return go_on(noted.data["application"], f"I noted {said}.", after_first(noted.text), given, _unknown(values))
    if noted.text == NO_APPLICATION:
        return Sure(noted.text, form="apply")
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


def _status(work: Work) -> Move:
    status = outcome_of(work, STATUS)
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return told(status)
    application = status.data["application"]
    if application["missing_figures"] and is_open(status):
        # it ends with what is needed next, so the answer may be that
        return Ask(application["missing_figures"][0], status.text, values={}, form="figures")
    return Tell(status.text, {"application": application["application_id"]})


HELP_TEXT = (
    "About a mortgage I can start or cancel an application, note your figures, debts and documents, "
    "and work out a payment or what you can afford."
)


def _help(work: Work) -> Move:
    return Tell(HELP_TEXT)


def _on_file(work: Work) -> Move:
    status = outcome_of(work, STATUS)
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return told(status)
    name = work.values["figure"]
    value = status.data["application"][name]
    if value is None:
        missing = _SPOKEN[name].partition(" of ")[0]
        return Tell(f"Your application does not say {missing.removeprefix('a ').removeprefix('an ')} yet.")
    return Tell(f"Your application says {spoken_figure(name, str(value))}.")


def _cancel(work: Work) -> Move:
    status, cancelled = outcome_of(work, STATUS), outcome_of(work, CANCELS)
    if cancelled is not None:
        return Tell(cancelled.text)
    if work.agreed:
        return UseTools((Call(CANCELS, {"application_id": work.values["application"]}),))
    if status is None:
        return UseTools((Call(STATUS, {}),))
    if not status.ok:
        return Tell("You have no mortgage application." if status.text == NO_APPLICATION else status.text)
    if not is_open(status):
        return Tell(status.text)
    application = status.data["application"]
    stands = SPOKEN_STATUS[Status(application["status"])]
    return Sure(
        f"Do you really want to cancel your mortgage application for good? It {stands}.",
        {"application": application["application_id"]},
    )


_LOAN = r"(?:mortgage|home loan|house loan)"
_AMOUNT = r"(?:thousand|hundred|grand|million|\d{3,}|\d+ ?k\b)"
_FIGURE = (
    r"(?:credit score|credit rating|fico(?: score)?|income|salary|down payment|closing costs?|(?:loan|mortgage) amount"
    r"|(?:property|home|house) value|purchase price|monthly debts?|debt payments?)"
)
_PUT = r"(?:(?:and )?(?:i|we)(?:'ll|'d| can| could| will| would| plan to| want to)* )?(?:put|putting)"

APPLY = Form(
    name="apply",
    act=_apply,
    patterns=ours(
        rf"(?:apply|applying|sign up|register) for (?:a|an|another|the|my)?\b.*\b{_LOAN}\b",
        rf".*\b(?:start|begin|open|create|submit|make|file|fill out|do)\b (?:a|an|another|the|my|one more)\b.*"
        rf"\b(?:{_LOAN}|loan) application\b",
        r"(?:start|begin|open|create|fill out) (?:a|an|another|my|the|one more|a second|a new) (?:new )?application$",
        rf"(?:i(?:'d| would)? (?:want|need|like)|get|take out|we(?:'d| would)? (?:want|need|like)|give me|need)"
        rf"(?: to (?:get|take out|have))? (?:a|another) (?:new )?{_LOAN}\b(?!.*\b(?:payment|rate|estimate|calculat))",
        rf".*\b(?:want|like|ready|going|how do i|how can i|can i|could i|here) to apply for\b.*\b{_LOAN}\b",
        rf"how (?:do|can|could|would) (?:i|we) (?:get|take out|apply for)\b.*\b{_LOAN}\b",
        rf"(?:set up|arrange|finance|refinance) (?:a|an|my|our) (?:new )?(?:{_LOAN}|house|home|condo)\b",
    ),
    slots=(wish(), another(), *figures()),
    corrected_by="figures",
    handles_failure=True,
)
FIGURES = Form(
    name="figures",
    act=_figures,
    patterns=ours(
        rf"(?:and |but |well )*(?:my|our|the) (?:monthly |annual |yearly |gross |total |new |estimated )*"
        rf"(?:{_FIGURE}|debts?|savings|bills)\b(?!.*\bratio\b).*"
        r"\b(?:is|are|was|(?:would|will) be|went|comes?|changed)\b",
        rf"(?:and |but )?(?:i|we)(?: both| together)? (?:make|earn|bring home|bring in|get paid|gross)\b.*\b{_AMOUNT}",
        rf"(?:and |but )?(?:i|we|my wife and i|my husband and i)(?: have|'ve)? (?:have|got|saved)\b.*\b{_AMOUNT}\b.*"
        r"\b(?:saved|savings|in the bank|down payment|to put down|for closing)\b",
        rf"{_PUT} .*{_AMOUNT}.* down\b",
        rf"{_PUT} down .*{_AMOUNT}",
        rf"(?:and )?(?:i|we) pay\b.*{_AMOUNT}.*\b(?:all (?:my|our) (?:debts?|loans)|(?:in|for|on) debts?)\b",
        rf"(?:(?:and )?(?:i|we)(?:'d| would)? (?:want|need|like) to )?borrow\b.*{_AMOUNT}",
        rf"(?:the|our|my) (?:house|home|property|condo|place|apartment)(?: i want| we want| i like| we like)?"
        rf" (?:costs?|is|'s)\b.*{_AMOUNT}",
        rf"(?:change|update|set|correct|note|record|raise|lower|increase|put|make|write down)\b.*\b{_FIGURE}\b",
        r"(?:change|update|correct|note|add|give you|complete|fill in)\b.*\bmy (?:financials?|figures)\b",
        r"(?:i|we)(?: have|'ve| don't have| do not have)(?: got)? (?:no|any)(?: other| monthly)? debts?\b",
        r"(?:i'm|i am|we're|we are) debt[- ]free\b",
        r"(?:continue|go on|carry on|resume|proceed)\b.*\b(?:my|the) (?:mortgage |loan )?application\b",
    ),
    slots=figures(),
    corrected_by="figures",
    handles_failure=True,
)
APPLICATION_STATUS = Form(
    name="status",
    act=_status,
    aside=True,
    patterns=ours(
        rf"(?:what|what's|how|how's|where|when|is|has|did|do|check|tell me|give me|look|any|show|read|get)\b.*"
        rf"\b(?:my|our|the|a) (?:(?:{_LOAN}|loan) )?application\b(?!.*\b(?:documents?|papers?|debts?|need|say)\b)",
        r"(?:the )?status of (?:my|our) (?:mortgage|application|loan)\b",
        rf"(?:how|where) (?:is|are|far|does)\b.*\b(?:my|our) {_LOAN}\b",
        rf"(?:how's|what's happening with|what's going on with|has|is|was) (?:my|our) {_LOAN}\b(?: \w+)*"
        r"(?: going| coming| doing| approved| along| through| ready)?$",
        rf"(?:any (?:news|word|update)|has|did|when)\b.*\b(?:my|our) {_LOAN}\b(?!.*\b(?:payment|due)\b)",
        r"(?:what|which) (?:other |more )?(?:figures|numbers|information|info|details)\b.*\b(?:missing|need|left)\b",
    ),
    corrected_by="figures",
    handles_failure=True,
)
ON_FILE = Form(
    name="on_file",
    act=_on_file,
    aside=True,
    patterns=ours(
        rf"(?:what(?:'s| is| was| are)|how (?:much|high) (?:is|was|are)|tell me) (?:my|our) "
        rf"(?:monthly |annual |gross )?{_FIGURE}(?!.*\b(?:ratio|need|should|have to|be)\b)",
        rf"(?:what|what's|which|how (?:much|high)|tell me)\b.*\b(?:{_FIGURE}|savings|loan)\b.*"
        r"\b(?:did i (?:tell|give|say)|do you have|on file|noted|on (?:my|the) application)\b",
    ),
    slots=(
        choice(
            "figure",
            f"Which figure: {enumerated(['your credit score', 'your income', 'the loan', 'the down payment'], 'or')}?",
            {
                "credit_score": "credit score|credit rating|credit",
                "monthly_income": "income|salary",
                "monthly_debt": "debts?",
                "down_payment_amount": "down payment",
                "closing_costs_estimate": "closing costs?",
                "total_savings": "savings",
                "property_value": "property value|home value|value|property|house",
                "loan_amount": "loan|mortgage",
            },
        ),
    ),
    handles_failure=True,
)
HELP = Form(
    name="help",
    act=_help,
    aside=True,
    patterns=ours(
        rf".*\bhelp\b.*\b(?:mortgages?|{_LOAN}|loan application)$",
        r"what (?:can|do) you (?:do|tell me|offer|know)\b.*\b(?:mortgages?|home loans?)\b",
        r"(?:tell me|i have a question|i have questions|explain|i'd like to know more) about"
        r" (?:the |my |your )?(?:mortgages?|home loans?)$",
    ),
)
CANCEL = Form(
    name="cancel",
    act=_cancel,
    patterns=ours(
        r"(?:cancel|withdraw|delete|drop|stop|call off|give up|scrap|end|close|abandon)\b (?:on )?(?:my|our|the|this)"
        rf" (?:(?:whole|open|current) )?(?:(?:{_LOAN}|loan)(?! (?:payment|debt|officer))"
        rf"|(?:(?:{_LOAN}|loan) )?application)\b",
        rf"(?:i|we)(?: really)? (?:don't|do not|no longer) (?:want|need)\b.*\b(?:{_LOAN}|(?:loan )?application)\b",
        rf"(?:i|we)(?:'ve| have)? changed (?:my|our) minds? about the (?:{_LOAN}|application)\b",
    ),
    about_it=sentence(r"^(?:cancel|withdraw|delete|drop|call off) (?:it|that|this|the application)(?: one| again)?$"),
    handles_failure=True,
)
