"""What a caller can do with a mortgage application. Effects happen once per idempotency key."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.auth.owner import Owner
from convonet.clock import Clock, utc_now
from convonet.domains.mortgage.assessment import preapproval_of, ratio_of
from convonet.domains.mortgage.file import MortgageFile, shown_requirements
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.domains.mortgage.requirements import required
from convonet.domains.mortgage.results import Application, Debt, Debts, Document, Paperwork, PreApproval, Ratio
from convonet.domains.mortgage.vocabulary import DebtType, DocumentStatus, DocumentType, Status
from convonet.errors import DomainError, NotFound
from convonet.storage.database import Database
from convonet.storage.effects import effect

MAX_OPEN = 5
MAX_DEBTS = 50
MAX_DOCUMENTS = 100
"""More than a real application has; what comes on top is a mistake or mischief."""

Result = TypeVar("Result", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Figures:
    """Financial figures to be noted; None leaves one as it is."""

    credit_score: int | None = None
    monthly_income: Decimal | None = None
    monthly_debt: Decimal | None = None
    down_payment_amount: Decimal | None = None
    closing_costs_estimate: Decimal | None = None
    total_savings: Decimal | None = None
    loan_amount: Decimal | None = None
    property_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NewDebt:
    """A debt to be added."""

    debt_type: DebtType
    monthly_payment: Decimal
    creditor_name: str | None
    outstanding_balance: Decimal | None
    interest_rate: Decimal | None
    description: str | None


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document that the caller hands in."""

    document_type: DocumentType
    document_name: str
    file_path: str | None
    file_url: str | None


class MortgageService:
    """Raises `DomainError` with words for the caller; `NotFound` for what is not there or not theirs."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def create(self, owner: Owner) -> Application:
        """Start an application."""
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
            await repository.add(row)
            return MortgageFile(row, [], []).application()

        return await effect(self._database, owner, Application, work)

    async def status(self, owner: Owner, application_id: str | None) -> Application:
        """How an application stands, and what is missing."""
        return (await self._read(owner, application_id)).application()

    async def note_figures(self, owner: Owner, application_id: str | None, figures: Figures) -> Application:
        """Note what the caller said of their money."""
        given = {field.name: value for field in fields(figures) if (value := getattr(figures, field.name)) is not None}
        if not given:
            raise DomainError("no figures", spoken="Please tell me which figure to note.")

        def work(file: MortgageFile) -> Application:
            for name, value in given.items():
                setattr(file.row, name, value)
            loan, worth = file.row.loan_amount, file.row.property_value
            if loan is not None and worth is not None and loan > worth:
                raise DomainError("loan above value", spoken="The loan can't be larger than the value of the property.")
            file.settle(self._clock())
            return file.application()

        return await self._change(owner, application_id, Application, work)

    async def cancel(self, owner: Owner, application_id: str | None) -> Application:
        """Give an application up, for good."""

        async def work(session: AsyncSession) -> Application:
            file = await MortgageFile.load(MortgageRepository(session, owner.user_id), application_id, lock=True)
            file.step(Status.CANCELLED, self._clock())
            return file.application()

        return await effect(self._database, owner, Application, work)

    async def ratio(self, owner: Owner, application_id: str | None) -> Ratio:
        """Debt to income."""
        return ratio_of(await self._read(owner, application_id))

    async def preapproval(self, owner: Owner, application_id: str | None) -> PreApproval:
        """Whether a lender would probably pre-approve."""
        return preapproval_of(await self._read(owner, application_id))

    async def add_debt(self, owner: Owner, application_id: str | None, debt: NewDebt) -> Debt:
        """Add a debt."""
        now = self._clock()

        async def work(session: AsyncSession) -> Debt:
            repository = MortgageRepository(session, owner.user_id)
            file = await MortgageFile.load(repository, application_id, lock=True)
            file.require_changeable()
            if len(file.debts) >= MAX_DEBTS:
                raise DomainError("too many debts", spoken="That is more debts than I can note on one application.")
            row = DebtRow(
                id=uuid.uuid4(),
                application_id=file.row.id,
                debt_type=debt.debt_type,
                creditor_name=debt.creditor_name,
                monthly_payment=debt.monthly_payment,
                outstanding_balance=debt.outstanding_balance,
                interest_rate=debt.interest_rate,
                description=debt.description,
                created_at=now,
                updated_at=now,
            )
            await repository.add(row)
            MortgageFile(file.row, [*file.debts, row], file.documents).settle(now)
            return Debt.of(row)

        return await effect(self._database, owner, Debt, work)

    async def debts(self, owner: Owner, application_id: str | None) -> Debts:
        """All debts of an application."""
        file = await self._read(owner, application_id)
        return Debts(
            application_id=str(file.row.id),
            debts=[Debt.of(row) for row in file.debts],
            counted=file.counted_debt or Decimal(0),
        )

    async def add_document(self, owner: Owner, application_id: str | None, document: NewDocument) -> Document:
        """Note a document as handed in; whether it is good is for the lender to verify."""
        now = self._clock()

        async def work(session: AsyncSession) -> Document:
            repository = MortgageRepository(session, owner.user_id)
            file = await MortgageFile.load(repository, application_id, lock=True)
            file.require_changeable()
            if len(file.documents) >= MAX_DOCUMENTS:
                raise DomainError("too many documents", spoken="There are too many documents on this application.")
            row = DocumentRow(
                id=uuid.uuid4(),
                application_id=file.row.id,
                document_type=document.document_type,
                document_name=document.document_name,
                file_path=document.file_path,
                file_url=document.file_url,
                status=DocumentStatus.UPLOADED,
                created_at=now,
                updated_at=now,
                uploaded_at=now,
            )
            await repository.add(row)
            MortgageFile(file.row, file.debts, [*file.documents, row]).settle(now)
            return Document.of(row)

        return await effect(self._database, owner, Document, work)

    async def paperwork(self, owner: Owner, application_id: str | None) -> Paperwork:
        """The documents of an application against what it needs."""
        return (await self._read(owner, application_id)).paperwork()

    async def requirements(self, owner: Owner) -> Paperwork:
        """What the caller's application needs; without one, what every application does."""
        try:
            return await self.paperwork(owner, None)
        except NotFound:
            general = required([], None)
            return Paperwork(
                application_id=None,
                documents=[],
                required=shown_requirements(general, set()),
                missing=[kind for requirement in general for kind in requirement.missing(())],
            )

    async def _read(self, owner: Owner, application_id: str | None) -> MortgageFile:
        async with self._database.reading() as session:
            return await MortgageFile.load(MortgageRepository(session, owner.user_id), application_id)

    async def _change(
        self, owner: Owner, application_id: str | None, result: type[Result], change: Callable[[MortgageFile], Result]
    ) -> Result:
        async def work(session: AsyncSession) -> Result:
            file = await MortgageFile.load(MortgageRepository(session, owner.user_id), application_id, lock=True)
            file.require_changeable()
            return change(file)

        return await effect(self._database, owner, result, work)
