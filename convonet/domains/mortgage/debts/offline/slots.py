"""The slots of a debt: its kind, payment, lender, rate and balance."""

from __future__ import annotations

import re
from datetime import datetime

from convonet.agents.forms.form import Found, Slot, find_nothing
from convonet.agents.forms.readers import choice, without
from convonet.domains.mortgage.enums import DebtType
from convonet.domains.mortgage.offline.amounts import NUMBER, in_digits, only_amount, rate_in
from convonet.domains.mortgage.offline.slots import figure

_DEBTS = {
    DebtType.AUTO_LOAN: r"(?:car|auto|truck|vehicle|motorcycle)(?: loans?| payments?| lease| note| debt)?",
    DebtType.STUDENT_LOAN: r"(?:student|college|school|education) (?:loans?|debts?|payments?)",
    DebtType.CREDIT_CARD: r"(?:credit|visa|store) cards?(?: debts?| bills?| payments?)?|visa|mastercard|amex",
    DebtType.MORTGAGE: r"(?:(?:another|second|other|existing|current|old) )?mortgage|home equity(?: loan| line)?|heloc",
    DebtType.OTHER: r"(?:personal|private|family|boat|bank) (?:loan|debt)s?|child support|alimony"
    r"|installments?|instalments?|other|something else",
}
_NAMED = re.compile(r"\b(?:(?:personal|private|family|boat|bank) (?:loan|debt)|child support|alimony)", re.IGNORECASE)

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


def kind() -> Slot:
    """The kind of a debt."""
    return choice(
        "kind",
        "What kind of debt is it: a credit card, a student loan, a car loan, another mortgage, or something else?",
        {kind.value: pattern for kind, pattern in _DEBTS.items()},
    )


def description() -> Slot:
    """The name of a debt that has no kind of its own."""

    def find(text: str, now: datetime) -> Found | None:
        return Found(found[0].lower(), text) if (found := _NAMED.search(text)) else None

    def read(text: str, now: datetime) -> str | None:
        return None

    return Slot("description", find, read, early=True)


def several() -> Slot:
    """Several debts of one sentence, as "auto_loan:300,student_loan:200"."""

    def find(text: str, now: datetime) -> Found | None:
        debts, named = [], None
        for part in re.split(r",| and ", in_digits(text)):
            named = heard.value if (heard := kind().find(part, now)) else named
            if named and (paid := payment().find(part, now)):
                debts.append(f"{named}:{paid.value}")
                named = None
        return Found(",".join(debts), text) if len(debts) > 1 else None

    return Slot("several", find, find_nothing, early=True)


def payment() -> Slot:
    """Dollars a month."""

    def find(text: str, now: datetime) -> Found | None:
        said = in_digits(text)
        if found := _MONTHLY.search(said):
            return Found(found["value"], without(said, found))
        return _PAID.find(text, now)

    def read(text: str, now: datetime) -> str | None:
        value = only_amount(text)
        return f"{value:f}" if value is not None else None

    return Slot("payment", find, read, "How much do you pay for it each month?", hint="For example: three hundred.")


def lender() -> Slot:
    """The creditor's name."""

    def find(text: str, now: datetime) -> Found | None:
        found = _LENDER.search(in_digits(text))
        if found is None:
            return None
        return Found(found["name"].title(), without(in_digits(text), found))

    return Slot("lender", find, find_nothing)


def rate() -> Slot:
    """Percent a year."""

    def find(text: str, now: datetime) -> Found | None:
        return Found(*found) if (found := rate_in(text)) else None

    return Slot("rate", find, find_nothing, early=True)
