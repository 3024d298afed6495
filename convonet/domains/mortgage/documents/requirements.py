"""The documents that an application needs: plain rules over its figures and debts.

* Everybody: an identification and a bank statement.
* Income: pay stub and W-2 of an employee, or a tax return with 1099 or profit and loss of somebody self-employed.
* A statement for each kind of debt that has one: credit card, student loan, auto loan.
* With a down payment: where it comes from, or the gift letter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from convonet.domains.mortgage.enums import DebtType, DocumentType

STATEMENTS = MappingProxyType(
    {
        DebtType.CREDIT_CARD: DocumentType.DEBT_CREDIT_CARD,
        DebtType.STUDENT_LOAN: DocumentType.DEBT_STUDENT_LOAN,
        DebtType.AUTO_LOAN: DocumentType.DEBT_AUTO_LOAN,
    }
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """Met by all documents of any one of its alternatives; the first is the usual one."""

    name: str
    alternatives: tuple[tuple[DocumentType, ...], ...]

    def missing(self, present: Collection[DocumentType]) -> tuple[DocumentType, ...]:
        """The missing documents of the alternative that is nearest to being met."""
        open_ones = [tuple(kind for kind in option if kind not in present) for option in self.alternatives]
        return min(open_ones, key=len)


IDENTIFICATION = Requirement("identification", ((DocumentType.IDENTIFICATION,),))

INCOME = Requirement(
    "income",
    (
        (DocumentType.INCOME_PAYSTUB, DocumentType.INCOME_W2),
        (DocumentType.INCOME_TAX_RETURN, DocumentType.INCOME_1099),
        (DocumentType.INCOME_TAX_RETURN, DocumentType.INCOME_PNL),
    ),
)
ASSETS = Requirement("assets", ((DocumentType.ASSET_BANK_STATEMENT,),))

DOWN_PAYMENT = Requirement(
    "down_payment", ((DocumentType.DOWN_PAYMENT_SOURCE,), (DocumentType.DOWN_PAYMENT_GIFT_LETTER,))
)


def required(debts: Iterable[str], down_payment: Decimal | None) -> list[Requirement]:
    """The requirements of an application with these debts and this down payment."""
    kinds = set(debts)
    statements = [
        Requirement(f"{kind}_statement", ((document,),)) for kind, document in STATEMENTS.items() if kind in kinds
    ]
    return [IDENTIFICATION, INCOME, ASSETS, *statements, *([DOWN_PAYMENT] if down_payment else [])]
