"""The slots of the mortgage forms: each figure by the words around it, or alone as an answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from convonet.agents.forms.form import Found, Slot, find_nothing
from convonet.agents.forms.readers import choice, without
from convonet.domains.mortgage.loan_file import FIGURES
from convonet.domains.mortgage.offline.amounts import NUMBER, a_month, in_digits, only_amount, plain, rate_in, years_in

UNKNOWN = "unknown"
"""The value of a figure that the caller was asked for and doesn't know yet."""

_FILLERS = (
    "is|are|was|be|will be|should be|would be|has to be|of|about|around|roughly|approximately|almost|nearly|to|at"
    "|a|the|for|now|only|just|like|more like|actually|currently|maybe|probably|it's|comes|amount|total|at least"
    "|went|goes|gone|up|down to|before taxes?|all together|altogether|each month|a month|every month"
)
_UNITS = "dollars?|bucks|a|per|each|every|month|of|in|for|on|as|my|our|the|other|total|all"

_UNKNOWN = re.compile(
    r"(?:i (?:really )?(?:don't|do not) (?:know|remember)|no idea|i have no idea|i'm not sure|i am not sure|not sure)"
    r"(?: .*)?|(?:i(?:'d| would)? have to check|skip (?:it|that|this)(?: one)?|next(?: one| question)?)",
    re.IGNORECASE,
)

_NO_DEBTS = re.compile(
    r"\b(?:no|zero|(?:not|don't|do not|without|haven't)(?: have)? any)(?: other| monthly| more)? debts?\b"
    r"|\bdebt[- ]free\b",
    re.IGNORECASE,
)
_NONE = re.compile(r"(?:none|nothing|no|zero|i don't have any|i have none|there are none)\b.*", re.IGNORECASE)

# an answer with this beginning corrects what was said before
_CORRECTS = re.compile(r"(?:no|wait|sorry|make (?:it|that)|change (?:it|that)|i mean|i meant)\b", re.IGNORECASE)
_HOME = r"(?:house|home|property|place|condo|apartment|townhouse)"
_OWN_LOAN = r"(?<!car )(?<!auto )(?<!truck )(?<!student )(?<!personal )(?:loan|mortgage)"


def figure(
    name: str,
    ask: str | None,
    *,
    after: str,
    before: str = r"(?!)",
    least: int = 0,
    most: int = 100_000_000,
    hint: str = "",
    monthly: bool = False,
    none: re.Pattern[str] | None = None,
) -> Slot:
    """Make the slot of an amount near certain words; with `monthly` a year's amount becomes a month's.

    `none` is the pattern of a spoken zero.
    """
    number_before = NUMBER.replace("value", "value2")
    pattern = re.compile(
        rf"\b(?:{after})(?: (?:{_FILLERS}))* {NUMBER}|(?<![\w.]){number_before}(?: (?:{_UNITS}))* (?:{before})\b"
    )

    def meant(value: Decimal, said: str) -> str | None:
        fitting = a_month(value, said) if monthly else value
        return plain(fitting) if fitting is not None and least <= fitting <= most else None

    def find(text: str, now: datetime) -> Found | None:
        if none and (zero := none.search(text)):
            return Found("0", without(text, zero))
        said = in_digits(text)
        found = pattern.search(said)
        if found is None:
            return None
        value = meant(Decimal(found["value"] or found["value2"]), said)
        return Found(value, without(said, found)) if value else None

    def read(text: str, now: datetime) -> str | None:
        if _UNKNOWN.fullmatch(text):
            return UNKNOWN
        if none and (_NONE.fullmatch(text) or none.search(text)):
            return "0"
        value = None if _CORRECTS.match(text) else only_amount(text)
        return meant(value, in_digits(text)) if value is not None else None

    return Slot(name, find, read, ask, hint=hint, nothing="0" if none else None)


def credit_score() -> Slot:
    """300 to 850."""
    return figure(
        "credit_score",
        None,
        after="credit score|credit rating|fico(?: score)?|credit|score",
        before="credit score|credit rating|fico|credit",
        least=300,
        most=850,
        hint="It is a number between 300 and 850.",
    )


def income(ask: str | None = None, alone: str = "") -> Slot:
    """Dollars a month before taxes; `alone` are more words before it where no other amount is likely."""
    return figure(
        "monthly_income",
        ask,
        after=r"incomes?|salary|salaries|wages|earnings"
        r"|(?:i|we|and|together|wife|husband|partner) (?:both |together )?"
        rf"(?:make|made|earn|earned|get paid|gross|bring home|bring in)|earning|making|bringing in{alone}",
        before=r"(?:in )?(?:monthly |gross )?(?:income|salary|before taxes?)",
        least=1,
        most=1_000_000,
        hint="For example: nine thousand dollars a month.",
        monthly=True,
    )


def debt(ask: str | None = None) -> Slot:
    """Dollars a month for all debts together."""
    return figure(
        "monthly_debt",
        ask,
        after=r"debts?|debt payments?|obligations|bills|monthly payments|(?:i|we|and) pay|paying",
        before=r"(?:toward |towards )?(?:monthly )?(?:debts?|debt payments?|obligations|bills)",
        most=1_000_000,
        hint="For example: five hundred dollars a month.",
        none=_NO_DEBTS,
    )


def down_payment(ask: str | None = None) -> Slot:
    """Dollars."""
    return figure(
        "down_payment_amount",
        ask,
        after=r"down payment|put(?:ting)? down|pay(?:ing)? down|money down",
        before=r"(?:down payment|down|saved for the down payment)",
        hint="Please say it in dollars, for example: fifty thousand.",
        none=re.compile(r"\b(?:no|zero|nothing|without (?:a|any)) (?:money )?down(?: payment)?\b", re.IGNORECASE),
    )


def figures() -> tuple[Slot, ...]:
    """All figures of an application; the form, not the slot, asks for the missing ones."""
    return (
        credit_score(),
        down_payment(),
        figure("closing_costs_estimate", None, after="closing costs?", before="closing costs?"),
        figure(
            "total_savings",
            None,
            after="savings|saved up|saved|savings account",
            before="saved up|saved|savings|the bank|bank",
        ),
        figure(
            "property_value",
            None,
            after=rf"{_HOME} (?:(?:i|we) (?:want|like) )?(?:(?:is |that's |that is )?(?:worth|valued|priced|listed"
            rf"|going)|costs?|is|value|price|for)|(?:it's|it is|is) worth|value of (?:the|my|our) {_HOME}"
            rf"|(?:purchase|asking|sale|home|house|list|listing|property) (?:price|value)",
            before=_HOME,
            least=1000,
            hint="For example: four hundred fifty thousand dollars.",
        ),
        figure(
            "loan_amount",
            None,
            after=rf"{_OWN_LOAN}|borrow|borrowing|to finance",
            before=_OWN_LOAN,
            least=1000,
            hint="For example: three hundred sixty thousand dollars.",
        ),
        debt(),
        income(),
    )


FIGURE_NAMES = (*FIGURES, "closing_costs_estimate", "total_savings")


def loan() -> Slot:
    """The loan, where no other amount is expected: any number that may be one."""

    def find(text: str, now: datetime) -> Found | None:
        said = in_digits(text)
        found = next((one for one in re.finditer(NUMBER, said) if Decimal(one["value"]) >= 1000), None)
        return Found(found["value"], without(said, found)) if found else None

    return Slot("loan", find, hint="For example: three hundred sixty thousand dollars.")


def rate() -> Slot:
    """Percent a year."""
    return _quantity("rate", rate_in)


def years() -> Slot:
    """The term in years."""
    return _quantity("years", years_in)


def wish() -> Slot:
    """Present when the caller says that they want to apply; "how do I apply" and "we found a house" say less."""
    wanted = (
        r"appl(?:y|ying|ication)|start|begin|open|create|sign up|fill out|take out|(?:need|want|like|get|give me) an?"
    )
    said = re.compile(rf"(?!how\b|what\b)(?:.*\b)?(?:{wanted})\b", re.IGNORECASE)

    def find(text: str, now: datetime) -> Found | None:
        return Found("yes", text) if said.match(text) else None

    return Slot("wish", find, find_nothing, early=True)


def another() -> Slot:
    """Present when a second application is wanted."""
    return choice("another", None, {"yes": "another|second|additional|one more"})


def _quantity(name: str, within: Callable[[str], tuple[str, str] | None]) -> Slot:
    def find(text: str, now: datetime) -> Found | None:
        return Found(*found) if (found := within(text)) else None

    return Slot(name, find, early=True)
