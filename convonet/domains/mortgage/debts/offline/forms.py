"""The forms of debts: name one, and list those that are noted."""

from __future__ import annotations

from convonet.agents.forms.form import Form, Move, Tell, Work
from convonet.agents.skill import Call
from convonet.domains.mortgage.debts.offline.slots import description, kind, lender, payment, rate, several
from convonet.domains.mortgage.enums import DebtType
from convonet.domains.mortgage.offline.shared import added_or_offered, asking, ours
from convonet.domains.mortgage.offline.slots import figure

ADD_DEBT = "add_mortgage_debt"


def _add_debt(work: Work) -> Move:
    if "several" in work.values:
        pairs = [pair.split(":") for pair in work.values["several"].split(",")]
        return added_or_offered(
            work,
            tuple(Call(ADD_DEBT, {"debt_type": kind, "monthly_payment": _number(paid)}) for kind, paid in pairs),
        )
    move = added_or_offered(work, (Call(ADD_DEBT, _debt(work)),))
    if isinstance(move, Tell) and "description" in work.values:
        return Tell(move.text.replace("the other with", f"the {work.values['description']} with"))
    return move


def _debt(work: Work) -> dict[str, object]:
    values = work.values
    debt: dict[str, object] = {"debt_type": values["kind"], "monthly_payment": _number(values["payment"])}
    if "lender" in values:
        debt["creditor_name"] = values["lender"]
    if "balance" in values:
        debt["outstanding_balance"] = _number(values["balance"])
    if "rate" in values:
        debt["interest_rate"] = float(values["rate"])
    if "description" in values and values["kind"] == DebtType.OTHER:
        debt["description"] = values["description"]
    return debt


def _number(value: str) -> int | float:
    return int(value) if value.isdigit() else float(value)


_DEBT = (
    r"(?:(?:car|auto|truck|vehicle|student|college|personal|boat) (?:loans?|payments?|debts?|lease|note)"
    r"|credit card (?:debts?|payments?|bills?|balance)|child support|alimony|home equity(?: loan| line)?|heloc"
    r"|(?:another|second|other|existing|current) mortgage)"
)
_CARD = r"(?:credit cards?|visa|mastercard)"
_SPENT = r"(?:a month|per month|every month|each month|monthly|balance|dollars|hundred)"

_HAVE = (
    r"(?:and |but |oh )*(?:(?:i|we)(?: also| still| currently)*(?:'ve| have|'m|'re| am| are)?"
    r"(?: also| still| currently)*(?: have| got| pay| owe| paying(?: off)?|(?<=have|.'ve))"
    r"|there(?:'s| is| are))\b(?! to\b)"
)

DEBT = Form(
    name="add_debt",
    act=_add_debt,
    aside=True,
    patterns=ours(
        rf"{_HAVE}(?:.*\b)(?<!no ){_DEBT}\b(?! statement| papers| documents?| letter)"
        r"(?!.*\b(?:uploaded|sent|submitted|handed|question|help)\b)",
        rf"{_HAVE}.*\b(?:{_CARD}\b.*\b{_SPENT}|{_SPENT}.*\b{_CARD})",
        rf"{_HAVE}.*\b(?:car|truck)\b.*\b{_SPENT}",
        r"(?:add|note|include|put down|record|enter)(?: also)? (?:a|an|my|our|another|one more|the|this)"
        rf"(?: new| monthly)? (?:debt|{_DEBT}|{_CARD})\b(?! statement| papers)",
        rf"(?:put|note|include)\b.*\b{_DEBT}\b.*\b(?:on|in) (?:my|the) (?:mortgage |loan )?application\b",
        rf"(?:and )?(?:my|our|the) (?:{_DEBT}|{_CARD})(?: payment| bill)?(?:'s)? (?:is|are|costs?|runs?|comes? to)\b",
        r"(?:i|we)(?: also)? (?:have|'ve got|forgot|owe)(?: to (?:mention|name|tell you about))?"
        r" (?:another|one more|a new|more) debts?\b",
        rf"(?:and )?(?:another|one more|a second) (?:debt|{_DEBT})\b",
    ),
    slots=(
        several(),
        description(),
        rate(),
        kind(),
        figure(
            "balance",
            None,
            after=r"owe|balance|outstanding|left on it|remaining",
            before=r"(?:left|outstanding|remaining|to go|balance)",
        ),
        payment(),
        lender(),
    ),
    handles_failure=True,
)
_NO_RATIO = r"(?![ -]+to[ -]+income)(?!.*\b(?:ratio|compared|against|income|can|could|allowed|too)\b)"

DEBTS = Form(
    name="debts",
    act=asking("get_mortgage_debts"),
    aside=True,
    patterns=ours(
        r"(?:what|what's|which|list|read|tell me|show|how many|how much|do i|go over|say)\b.*"
        rf"\b(?:my|our|the|which|what|any) (?:\w+ )?debts?\b{_NO_RATIO}",
        rf"(?:what|which|how (?:many|much)) (?:other )?debts?\b{_NO_RATIO}",
        rf"(?:is|are|did you (?:note|add)|have you (?:noted|added)|do you have) (?:my|our|the) {_DEBT}\b(?! statement)",
    ),
    handles_failure=True,
)
