"""The service of mortgage applications. Effects happen once per idempotency key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, fields
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.mortgage.applications.schemas import Application
from convonet.domains.mortgage.enums import Status
from convonet.domains.mortgage.estimates.schemas import PreApproval, Ratio
from convonet.domains.mortgage.estimates.service import preapproval_of, ratio_of
from convonet.domains.mortgage.loan_file import LoanFile, change_file, read_file
from convonet.domains.mortgage.models import ApplicationRow
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.storage.database import Database
from convonet.storage.effects import run_effect

MAX_OPEN = 5
"""More than any applicant has; another one is a mistake or abuse."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Financial figures to note; None leaves one as it is."""

    credit_score: int | None = None
    monthly_income: Decimal | None = None
    monthly_debt: Decimal | None = None
    down_payment_amount: Decimal | None = None
    closing_costs_estimate: Decimal | None = None
    total_savings: Decimal | None = None
    loan_amount: Decimal | None = None
    property_value: Decimal | None = None


class MortgageService:
    """Raises `DomainError` with words for the caller, and `NotFound` for an unknown or another caller's application."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(self, owner: Owner) -> Application:
        now = self._clock()

        async def work(session: AsyncSession) -> Application:
            repository = MortgageRepository(session, owner.user_id)
            if await repository.count_open() >= MAX_OPEN:
                raise DomainError("too many", spoken=f"You have {MAX_OPEN} applications open; please finish one first.")
            row = ApplicationRow(
                id=uuid.uuid4(),
                user_id=owner.user_id,
                status=Status.DRAFT,
                created_at=now,
                updated_at=now,
                financial_review_completed=False,
                document_collection_completed=False,
                document_verification_completed=False,
            )
            await repository.add_row(row)
            return LoanFile(row, [], []).application()

        return await run_effect(self._database, owner, Application, work)

    async def status(self, owner: Owner, application_id: str | None) -> Application:
        """The application's status, and what is missing.

        The lender verifies documents without us, so the status that follows from it is saved when it is read.
        """
        file = await read_file(self._database, owner, application_id)
        if file.next_status is None:
            return file.application()
        async with self._database.transaction() as session:
            repository = MortgageRepository(session, owner.user_id)
            file = await LoanFile.load(repository, str(file.row.id), lock=True)
            if file.next_status is not None:
                file.update_status(self._clock())
            return file.application()

    async def note_figures(self, owner: Owner, application_id: str | None, figures: Figures) -> Application:
        """Note figures that the caller named."""
        given = {field.name: value for field in fields(figures) if (value := getattr(figures, field.name)) is not None}
        if not given:
            raise DomainError("no figures", spoken="Please tell me which figure to note.")

        async def work(_: MortgageRepository, file: LoanFile) -> Application:
            for name, value in given.items():
                setattr(file.row, name, value)
            loan, worth = file.row.loan_amount, file.row.property_value
            if loan is not None and worth is not None and loan > worth:
                raise DomainError("loan above value", spoken="The loan can't be larger than the value of the property.")
            file.update_status(self._clock())
            return file.application()

        return await change_file(self._database, owner, application_id, Application, work)

    async def cancel(self, owner: Owner, application_id: str | None) -> Application:
        """Give an application up, for good."""

        async def work(session: AsyncSession) -> Application:
            file = await LoanFile.load(MortgageRepository(session, owner.user_id), application_id, lock=True)
            file.set_status(Status.CANCELLED, self._clock())
            return file.application()

        return await run_effect(self._database, owner, Application, work)

    async def ratio(self, owner: Owner, application_id: str | None) -> Ratio:
        return ratio_of(await read_file(self._database, owner, application_id))

    async def preapproval(self, owner: Owner, application_id: str | None) -> PreApproval:
        """A lender's probable decision on pre-approval."""
        return preapproval_of(await read_file(self._database, owner, application_id))
