"""The debts of an application as their tools show them."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

from convonet.domains.mortgage.models import DebtRow, account_ending


class Debt(BaseModel):
    """A debt of an application; `account_ending` is the last four digits of its account number."""

    debt_id: str
    debt_type: str
    creditor_name: str | None
    account_ending: str | None
    monthly_payment: Decimal
    outstanding_balance: Decimal | None
    interest_rate: Decimal | None
    description: str | None

    @classmethod
    def of(cls, row: DebtRow) -> Debt:
        return cls(
            debt_id=str(row.id),
            debt_type=row.debt_type,
            creditor_name=row.creditor_name,
            account_ending=account_ending(row.account_number),
            monthly_payment=row.monthly_payment,
            outstanding_balance=row.outstanding_balance,
            interest_rate=row.interest_rate,
            description=row.description,
        )


class Debts(BaseModel):
    """All debts of an application; `counted` is the sum in the ratio."""

    application_id: str
    debts: list[Debt]
    counted: Decimal
