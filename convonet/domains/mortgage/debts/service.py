"""The service of an application's debts. Effects happen once per idempotency key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.mortgage.debts.schemas import Debt, Debts
from convonet.domains.mortgage.enums import DebtType
from convonet.domains.mortgage.loan_file import LoanFile, change_file, read_file
from convonet.domains.mortgage.models import DebtRow, account_ending
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.storage.database import Database

MAX_DEBTS = 50
"""More than any application has; another one is a mistake or abuse."""


@dataclass(frozen=True, slots=True)
class NewDebt:
    """A debt to be added."""

    debt_type: DebtType
    monthly_payment: Decimal
    creditor_name: str | None
    account_number: str | None
    outstanding_balance: Decimal | None
    interest_rate: Decimal | None
    description: str | None


class DebtService:
    """Raises `DomainError` with words for the caller, and `NotFound` for an unknown or another caller's application."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def add_debt(self, owner: Owner, application_id: str | None, debt: NewDebt) -> Debt:
        now = self._clock()

        async def work(repository: MortgageRepository, file: LoanFile) -> Debt:
            if len(file.debts) >= MAX_DEBTS:
                raise DomainError("too many debts", spoken="That is more debts than I can note on one application.")
            row = DebtRow(
                id=uuid.uuid4(),
                application_id=file.row.id,
                debt_type=debt.debt_type,
                creditor_name=debt.creditor_name,
                account_number=account_ending(debt.account_number),
                monthly_payment=debt.monthly_payment,
                outstanding_balance=debt.outstanding_balance,
                interest_rate=debt.interest_rate,
                description=debt.description,
                created_at=now,
                updated_at=now,
            )
            await repository.add_row(row)
            LoanFile(file.row, [*file.debts, row], file.documents).update_status(now)
            return Debt.of(row)

        return await change_file(self._database, owner, application_id, Debt, work)

    async def debts(self, owner: Owner, application_id: str | None) -> Debts:
        file = await read_file(self._database, owner, application_id)
        return Debts(
            application_id=str(file.row.id),
            debts=[Debt.of(row) for row in file.debts],
            counted=file.counted_debt or Decimal(0),
        )
