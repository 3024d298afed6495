"""Debts and documents of an application: name them, hear which are there, which are needed and which are missing."""

from __future__ import annotations

import re
from datetime import datetime

from convonet.agents.forms.form import Form, Found, Move, Slot, Sure, Tell, Work
from convonet.agents.forms.readers import choice
from convonet.agents.skill import Call, UseTools
from convonet.domains.mortgage.offline.amounts import NUMBER, in_digits, only_amount, rate_in
from convonet.domains.mortgage.offline.slots import figure
from convonet.domains.mortgage.offline.telling import CREATE, asking, ours, outcome_of
from convonet.domains.mortgage.repository import NO_APPLICATION
from convonet.domains.mortgage.vocabulary import DebtType, DocumentType

ADD_DEBT = "add_mortgage_debt"
ADD_DOCUMENT = "upload_mortgage_document"

_DEBTS = {
    DebtType.AUTO_LOAN: r"(?:car|auto|truck|vehicle|motorcycle)(?: loans?| payments?| lease| note| debt)?",
    DebtType.STUDENT_LOAN: r"(?:student|college|school|education) (?:loans?|debts?|payments?)",
    DebtType.CREDIT_CARD: r"(?:credit|visa|store) cards?(?: debts?| bills?| payments?)?|visa|mastercard|amex",
    DebtType.MORTGAGE: r"(?:(?:another|second|other|existing|current|old) )?mortgage|home equity(?: loan| line)?|heloc",
    DebtType.OTHER: r"(?:personal|private|family|boat|bank) (?:loan|debt)s?|child support|alimony"
    r"|installments?|instalments?|other|something else",
}
_NAMED = re.compile(r"\b(?:(?:personal|private|family|boat|bank) (?:loan|debt)|child support|alimony)", re.IGNORECASE)
_DOCUMENTS = {
    DocumentType.INCOME_W2: ("W-2", r"w ?-?(?:2|two|to)s?\b|double ?-?u ?-?(?:2|two)"),
    DocumentType.INCOME_1099: ("1099", r"(?:10|ten) ?-?(?:99|ninety[- ]nine)s?"),
    DocumentType.INCOME_PAYSTUB: (
        "Pay stub",
        r"pay ?-?(?:stubs?|slips?|checks?)|paystubs?|wage slips?|salary slips?|proof of income",
    ),
    DocumentType.INCOME_TAX_RETURN: ("Tax return", r"(?:income )?tax (?:returns?|forms?|papers)|taxes"),
    DocumentType.INCOME_PNL: ("Profit and loss statement", r"profit and loss(?: statements?)?|p ?(?:and|&) ?l\b"),
    DocumentType.ASSET_INVESTMENT: (
        "Investment statement",
        r"(?:investment|brokerage|stock|stocks)(?: account)? (?:statements?|account)",
    ),
    DocumentType.ASSET_RETIREMENT: (
        "Retirement account statement",
        r"(?:retirement|pension|401 ?k|four oh one k|ira)(?: account)? (?:statements?|account)|401 ?k|four oh one k",
    ),
    DocumentType.DEBT_CREDIT_CARD: ("Credit card statement", r"credit card (?:statements?|bills?)"),
    DocumentType.DEBT_STUDENT_LOAN: (
        "Student loan statement",
        r"student loan (?:statements?|papers|letter|documents?)",
    ),
    DocumentType.DEBT_AUTO_LOAN: (
        "Car loan statement",
        r"(?:car|auto|truck) loan (?:statements?|papers|contract|documents?)",
    ),
    DocumentType.ASSET_BANK_STATEMENT: (
        "Bank statement",
        r"(?:bank|checking|savings|account)(?: account)? statements?|statements? (?:from|of) (?:my|the|our) bank",
    ),
    DocumentType.DOWN_PAYMENT_GIFT_LETTER: ("Gift letter", r"gift letters?|letter (?:from|of) my (?:parents|family)"),
    DocumentType.DOWN_PAYMENT_SOURCE: (
        "Source of the down payment",
        r"(?:proof|source|evidence) (?:of|for|where) .*down payment(?: comes from)?|proof of funds|down payment proof",
    ),
    DocumentType.IDENTIFICATION: (
        "Identification",
        r"(?:photo |state )?(?:id|i\.d\.)(?: card)?|identification(?: card)?|passport|driver'?s? licen[sc]e|licen[sc]e"
        r"|identity card|green card",
    ),
}
_ANY_DOCUMENT = "|".join(pattern for _, pattern in _DOCUMENTS.values())
_PAID = figure(
    "payment",
    None,
    after=r"payments?|i pay|we pay|pay|paying|costs?(?: me)?|cards?|loans?|is|are|support|alimony|debts?|lease",
    before=r"(?:month|monthly)",
)
_MONTHLY = re.compile(rf"{NUMBER}(?: dollars| bucks)? (?:(?:a|per|each|every) month|monthly)\b")
_LENDER = re.compile(
    r"\b(?:with|from|through|at) (?P<name>(?!the\b|my\b|about\b|a\b|an\b|it\b|least\b|pay\b)"
    r"[a-z][\w&'.]*(?: (?!for\b|at\b|and\b|of\b|about\b|with\b|where\b|i\b|is\b|it\b)[a-z][\w&'.]*){0,3})"
)


def _kind() -> Slot:
    return choice(
        "kind",
        "What kind of debt is it: a credit card, a student loan, a car loan, another mortgage, or something else?",
        {kind.value: pattern for kind, pattern in _DEBTS.items()},
    )


def _description() -> Slot:
    """What a debt is that belongs to no kind of its own."""

    def find(text: str, now: datetime) -> Found | None:
        return Found(found[0].lower(), text) if (found := _NAMED.search(text)) else None

    def read(text: str, now: datetime) -> str | None:
        return None

    return Slot("description", find, read, early=True)


def _several() -> Slot:
    """Debts that come in one sentence, as "auto_loan:300,student_loan:200"."""

    def find(text: str, now: datetime) -> Found | None:
        debts, kind = [], None
        for part in re.split(r",| and ", in_digits(text)):
            kind = heard.value if (heard := _kind().find(part, now)) else kind
            if kind and (paid := _payment().find(part, now)):
                debts.append(f"{kind}:{paid.value}")
                kind = None
        return Found(",".join(debts), text) if len(debts) > 1 else None

    return Slot("several", find, lambda text, now: None, early=True)


def _payment() -> Slot:
    def find(text: str, now: datetime) -> Found | None:
        said = in_digits(text)
        if found := _MONTHLY.search(said):
            return Found(found["value"], _cut(said, found))
        return _PAID.find(text, now)

    def read(text: str, now: datetime) -> str | None:
        value = only_amount(text)
        return f"{value:f}" if value is not None else None

    return Slot("payment", find, read, "How much do you pay for it each month?", hint="For example: three hundred.")


def _lender() -> Slot:
    def find(text: str, now: datetime) -> Found | None:
        found = _LENDER.search(in_digits(text))
        if found is None:
            return None
        return Found(found["name"].title(), _cut(in_digits(text), found))

    return Slot("lender", find, lambda text, now: None)


def _rate() -> Slot:
    def find(text: str, now: datetime) -> Found | None:
        return Found(*found) if (found := rate_in(text)) else None

    return Slot("rate", find, lambda text, now: None, early=True)


def _documents() -> Slot:
    """All documents that are named, as "income_w2,identification"."""

    def find(text: str, now: datetime) -> Found | None:
        kinds = []
        for kind, (_, pattern) in _DOCUMENTS.items():
            if found := re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE):
                kinds.append(kind.value)
                text = _cut(text, found)
        return Found(",".join(kinds), text) if kinds else None

    def read(text: str, now: datetime) -> str | None:
        return found.value if (found := find(text, now)) else None

    return Slot("documents", find, read, "Which document is it?", hint="For example: my W 2 or a bank statement.")


def _add_debt(work: Work) -> Move:
    if "several" in work.values:
        pairs = [pair.split(":") for pair in work.values["several"].split(",")]
        return _adding(
            work,
            tuple(Call(ADD_DEBT, {"debt_type": kind, "monthly_payment": _number(paid)}) for kind, paid in pairs),
        )
    move = _adding(work, (Call(ADD_DEBT, _debt(work)),))
    if isinstance(move, Tell) and "description" in work.values:
        return Tell(move.text.replace("the other with", f"the {work.values['description']} with"))
    return move


def _add_documents(work: Work) -> Move:
    kinds = [DocumentType(kind) for kind in work.values["documents"].split(",")]
    return _adding(
        work,
        tuple(Call(ADD_DOCUMENT, {"document_type": kind, "document_name": _DOCUMENTS[kind][0]}) for kind in kinds),
    )


def _adding(work: Work, calls: tuple[Call, ...]) -> Move:
    added = [outcome for outcome in work.outcomes if outcome.tool == calls[0].tool]
    if added:
        none = next((outcome for outcome in added if outcome.text == NO_APPLICATION), None)
        return Sure(none.text) if none else Tell(" ".join(outcome.text for outcome in added))
    created = outcome_of(work, CREATE)
    if created is not None and not created.ok:
        return Tell(created.text)
    # there was none, and the caller has agreed to start one
    if work.agreed and created is None:
        return UseTools((Call(CREATE, {}),))
    return UseTools(calls)


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


def _cut(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())


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
        _several(),
        _description(),
        _rate(),
        _kind(),
        figure(
            "balance",
            None,
            after=r"owe|balance|outstanding|left on it|remaining",
            before=r"(?:left|outstanding|remaining|to go|balance)",
        ),
        _payment(),
        _lender(),
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
DOCUMENT = Form(
    name="add_document",
    act=_add_documents,
    aside=True,
    patterns=ours(
        rf"(?:and |oh )*(?:i|we)(?:'ve| have|'m| am)?(?: just| already| now| also)*"
        r" (?:upload(?:ed|ing)?|sent|send|sending|handed in|hand in|submitted|mailed|emailed|faxed|scanned|provided"
        rf"|turned in|dropped off|attached|brought|gave you|put in)\b.*\b(?:documents?|papers?|{_ANY_DOCUMENT})\b",
        rf"(?:here (?:is|are|comes?)|here's|upload|submit|hand in|turn in|attach|note that i (?:sent|uploaded))\b.*"
        rf"\b(?:documents?|{_ANY_DOCUMENT})\b",
        rf"(?:my|our|the) (?:{_ANY_DOCUMENT}) (?:is|are|was|were)(?: now| already)?"
        r" (?:uploaded|sent|in the mail|on the way|submitted|there|in)\b",
    ),
    slots=(_documents(),),
    handles_failure=True,
)
_PAPERS = r"(?:documents?|documentation|papers?|paperwork|forms)"
MISSING = Form(
    name="missing",
    act=asking("get_missing_documents"),
    aside=True,
    patterns=ours(
        rf".*\b{_PAPERS}\b.*\b(?:missing|outstanding|left|still|lacking)\b",
        rf".*\b(?:missing|outstanding|still)\b.*\b{_PAPERS}\b",
        rf"(?:do you have|have you got|is that) all (?:of )?(?:my|the|our) {_PAPERS}\b",
        r"(?:did|have) i (?:sen[dt]|upload(?:ed)?|submit(?:ted)?|hand(?:ed)? in) (?:you )?(?:everything|all)\b",
        rf"(?:what|which) {_PAPERS} (?:haven't|have not|didn't|did not)\b",
    ),
    handles_failure=True,
)
REQUIRED = Form(
    name="required",
    act=asking("get_required_documents"),
    aside=True,
    patterns=ours(
        rf"(?:what|which|what kind of|list|tell me)\b.*\b{_PAPERS}\b.*"
        r"\b(?:need|required?|necessary|bring|want to see|provide|should i (?:have|send))\b",
        rf"do (?:i|we|you) need (?:my |our |the |a |an )?(?:{_ANY_DOCUMENT})\b.*\b(?:mortgage|loan|application)\b",
        rf".*\b(?:required|needed|necessary) {_PAPERS}\b",
        r"what (?:do i|should i|must i|do we)(?: have to)? (?:need|bring|have|prepare)\b.*"
        r"\b(?:mortgage|home loan|loan application)\b",
    ),
)
DOCUMENTS = Form(
    name="documents",
    act=asking("get_mortgage_documents"),
    aside=True,
    patterns=ours(
        rf"(?:what|which|list|read|show|tell me|how many|do you have|did you)\b.*\b{_PAPERS}\b(?!.*\bhave to\b).*"
        r"\b(?:have|got|uploaded|sent|received?|get|handed|submitted|on file|application|there|in)\b",
        r"what (?:have i|did i) (?:uploaded?|sent|send|submit(?:ted)?|hand(?:ed)? in)\b",
        rf"(?:list|read|show me|show|go over) (?:all )?(?:my|our|the) {_PAPERS}\b",
        rf"(?:did|have|has) (?:you|my|the)\b.*\b(?:get|got|receive|received|arrive|arrived|verified|come in)\b.*"
        rf"\b(?:{_PAPERS}|{_ANY_DOCUMENT})\b",
        rf"(?:has|have|did|is|are|was|were) (?:my|our|the) (?:{_PAPERS}|{_ANY_DOCUMENT})\b.*"
        r"\b(?:arrived?|verified|received|accepted|come in|there|ok|okay|in)\b",
    ),
    handles_failure=True,
)
