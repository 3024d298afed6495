"""The forms of documents: hand one in, and list those that are there, needed or missing."""

from __future__ import annotations

import re
from datetime import datetime

from convonet.agents.forms.form import Form, Found, Move, Slot, Work
from convonet.agents.forms.readers import without
from convonet.agents.skill import Call
from convonet.domains.mortgage.enums import DocumentType
from convonet.domains.mortgage.offline.shared import added_or_offered, asking, ours

ADD_DOCUMENT = "upload_mortgage_document"

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


def _documents() -> Slot:
    """All documents that are named, as "income_w2,identification"."""

    def find(text: str, now: datetime) -> Found | None:
        kinds = []
        for kind, (_, pattern) in _DOCUMENTS.items():
            if found := re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE):
                kinds.append(kind.value)
                text = without(text, found)
        return Found(",".join(kinds), text) if kinds else None

    return Slot("documents", find, None, "Which document is it?", hint="For example: my W 2 or a bank statement.")


def _add_documents(work: Work) -> Move:
    kinds = [DocumentType(kind) for kind in work.values["documents"].split(",")]
    return added_or_offered(
        work,
        tuple(Call(ADD_DOCUMENT, {"document_type": kind, "document_name": _DOCUMENTS[kind][0]}) for kind in kinds),
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
_PAPERWORK = r"(?:documents?|documentation|papers?|paperwork|forms)"

MISSING = Form(
    name="missing",
    act=asking("get_missing_documents"),
    aside=True,
    patterns=ours(
        rf".*\b{_PAPERWORK}\b.*\b(?:missing|outstanding|left|still|lacking)\b",
        rf".*\b(?:missing|outstanding|still)\b.*\b{_PAPERWORK}\b",
        rf"(?:do you have|have you got|is that) all (?:of )?(?:my|the|our) {_PAPERWORK}\b",
        r"(?:did|have) i (?:sen[dt]|upload(?:ed)?|submit(?:ted)?|hand(?:ed)? in) (?:you )?(?:everything|all)\b",
        rf"(?:what|which) {_PAPERWORK} (?:haven't|have not|didn't|did not)\b",
    ),
    handles_failure=True,
)

REQUIRED = Form(
    name="required",
    act=asking("get_required_documents"),
    aside=True,
    patterns=ours(
        rf"(?:what|which|what kind of|list|tell me)\b.*\b{_PAPERWORK}\b.*"
        r"\b(?:need|required?|necessary|bring|want to see|provide|should i (?:have|send))\b",
        rf"do (?:i|we|you) need (?:my |our |the |a |an )?(?:{_ANY_DOCUMENT})\b.*\b(?:mortgage|loan|application)\b",
        rf".*\b(?:required|needed|necessary) {_PAPERWORK}\b",
        r"what (?:do i|should i|must i|do we)(?: have to)? (?:need|bring|have|prepare)\b.*"
        r"\b(?:mortgage|home loan|loan application)\b",
    ),
)

DOCUMENTS = Form(
    name="documents",
    act=asking("get_mortgage_documents"),
    aside=True,
    patterns=ours(
        rf"(?:what|which|list|read|show|tell me|how many|do you have|did you)\b.*\b{_PAPERWORK}\b(?!.*\bhave to\b).*"
        r"\b(?:have|got|uploaded|sent|received?|get|handed|submitted|on file|application|there|in)\b",
        r"what (?:have i|did i) (?:uploaded?|sent|send|submit(?:ted)?|hand(?:ed)? in)\b",
        rf"(?:list|read|show me|show|go over) (?:all )?(?:my|our|the) {_PAPERWORK}\b",
        rf"(?:did|have|has) (?:you|my|the)\b.*\b(?:get|got|receive|received|arrive|arrived|verified|come in)\b.*"
        rf"\b(?:{_PAPERWORK}|{_ANY_DOCUMENT})\b",
        rf"(?:has|have|did|is|are|was|were) (?:my|our|the) (?:{_PAPERWORK}|{_ANY_DOCUMENT})\b.*"
        r"\b(?:arrived?|verified|received|accepted|come in|there|ok|okay|in)\b",
    ),
    handles_failure=True,
)
