"""An application with its debts and documents: its sums, its status, and the ways to read and change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.mortgage.applications.schemas import Application
from convonet.domains.mortgage.documents.requirements import Requirement, required
from convonet.domains.mortgage.documents.schemas import Document, DocumentChecklist, RequiredDocument
from convonet.domains.mortgage.enums import CHANGEABLE, CLOSED, TRANSITIONS, DocumentStatus, DocumentType, Status
from convonet.domains.mortgage.estimates.arithmetic import ratio_percent
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.domains.mortgage.speech import SPOKEN_STATUS
from convonet.storage.database import Database
from convonet.storage.effects import run_effect

FIGURES = ("credit_score", "monthly_income", "monthly_debt", "down_payment_amount", "loan_amount", "property_value")
"""The figures that the lender needs; named debts stand for `monthly_debt`."""


@dataclass(frozen=True, slots=True)
class LoanFile:
    """An application and all that belongs to it."""

    row: ApplicationRow
    debts: Sequence[DebtRow]
    documents: Sequence[DocumentRow]

    @classmethod
    async def load(cls, repository: MortgageRepository, application_id: str | None, *, lock: bool = False) -> LoanFile:
        """Raises `NotFound`."""
        row = await repository.application(application_id, lock=lock)
        return cls(row, await repository.debts(row), await repository.documents(row))

    @property
    def status(self) -> Status:
        return Status(self.row.status)

    @property
    def income(self) -> Decimal | None:
        """A month; None also for an old, unchecked value that is not above zero."""
        income = self.row.monthly_income
        return income if income is not None and income > 0 else None

    @property
    def counted_debt(self) -> Decimal | None:
        """The larger of the named sum and the debts' own sum; None when neither is known."""
        named = sum((debt.monthly_payment for debt in self.debts), Decimal(0)) if self.debts else None
        known = [amount for amount in (self.row.monthly_debt, named) if amount is not None]
        return max(known) if known else None

    @property
    def missing_figures(self) -> list[str]:
        known = {name: getattr(self.row, name) for name in FIGURES}
        known |= {"monthly_income": self.income, "monthly_debt": self.counted_debt}
        return [name for name in FIGURES if known[name] is None]

    @property
    def present(self) -> set[DocumentType]:
        """Kinds of documents that are there and not rejected."""
        return _kinds(document for document in self.documents if document.status != DocumentStatus.REJECTED)

    @property
    def is_verified(self) -> bool:
        """True when the lender has verified all required documents and no figure is missing."""
        seen = _kinds(document for document in self.documents if document.status == DocumentStatus.VERIFIED)
        return not self.missing_figures and not any(one.missing(seen) for one in self.requirements)

    @property
    def requirements(self) -> list[Requirement]:
        return required((debt.debt_type for debt in self.debts), self.row.down_payment_amount)

    @property
    def missing_documents(self) -> list[DocumentType]:
        return [kind for requirement in self.requirements for kind in requirement.missing(self.present)]

    @property
    def is_complete(self) -> bool:
        """True when no figure and no document is missing."""
        return not self.missing_figures and not self.missing_documents

    def require_changeable(self) -> None:
        """Refuse changes once the lender decides or has decided."""
        if self.status not in CHANGEABLE:
            what = SPOKEN_STATUS[self.status]
            raise DomainError("not changeable", spoken=f"Your application {what}, so it can't be changed any more.")

    def update_status(self, now: datetime) -> None:
        """Update ratio, marks and status from the facts, one legal step at a time."""
        row, income, debt = self.row, self.income, self.counted_debt
        row.dti_ratio = None if income is None or debt is None else ratio_percent(debt, income)
        row.financial_review_completed = not self.missing_figures
        row.document_collection_completed = self.is_complete
        row.document_verification_completed = self.is_verified
        row.updated_at = now
        while (following := self.next_status) is not None:
            self.set_status(following, now)

    def set_status(self, status: Status, now: datetime) -> None:
        """Go to a status. Raises `DomainError` when that is no legal step."""
        if status not in TRANSITIONS[self.status]:
            raise DomainError("illegal step", spoken=f"Your application {SPOKEN_STATUS[self.status]}.")
        self.row.status = status
        self.row.updated_at = now
        if status in CLOSED:
            self.row.completed_at = now

    @property
    def next_status(self) -> Status | None:
        """The next status by the facts; None when the lender or the caller must act first."""
        match self.status:
            case Status.DRAFT if len(self.missing_figures) < len(FIGURES):
                return Status.FINANCIAL_REVIEW
            case Status.FINANCIAL_REVIEW if not self.missing_figures:
                return Status.DOCUMENT_COLLECTION
            case Status.DOCUMENT_COLLECTION if self.is_complete:
                return Status.DOCUMENT_VERIFICATION
            case Status.DOCUMENT_VERIFICATION if not self.is_complete:
                return Status.DOCUMENT_COLLECTION
            case Status.DOCUMENT_VERIFICATION if self.is_verified:
                return Status.UNDER_REVIEW
        return None

    def application(self) -> Application:
        """The application as its tools show it."""
        row = self.row
        return Application(
            application_id=str(row.id),
            status=self.status,
            credit_score=row.credit_score,
            monthly_income=row.monthly_income,
            monthly_debt=self.counted_debt,
            dti_ratio=row.dti_ratio,
            down_payment_amount=row.down_payment_amount,
            closing_costs_estimate=row.closing_costs_estimate,
            total_savings=row.total_savings,
            loan_amount=row.loan_amount,
            property_value=row.property_value,
            missing_figures=self.missing_figures,
            missing_documents=self.missing_documents,
            debts_count=len(self.debts),
            documents_count=len(self.documents),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    def checklist(self) -> DocumentChecklist:
        """The documents, and those that are needed."""
        return DocumentChecklist(
            application_id=str(self.row.id),
            documents=[Document.of(document) for document in self.documents],
            required=shown_requirements(self.requirements, self.present),
            missing=self.missing_documents,
        )


def _kinds(documents: Iterable[DocumentRow]) -> set[DocumentType]:
    known = set(DocumentType)
    return {DocumentType(document.document_type) for document in documents if document.document_type in known}


def shown_requirements(requirements: Sequence[Requirement], present: set[DocumentType]) -> list[RequiredDocument]:
    """The requirements as the tools show them."""
    return [
        RequiredDocument(
            requirement=one.name,
            alternatives=[list(option) for option in one.alternatives],
            missing=list(one.missing(present)),
        )
        for one in requirements
    ]


Result = TypeVar("Result", bound=BaseModel)


async def read_file(database: Database, owner: Owner, application_id: str | None) -> LoanFile:
    """The caller's application. Raises `NotFound`."""
    async with database.reading() as session:
        return await LoanFile.load(MortgageRepository(session, owner.user_id), application_id)


async def change_file(
    database: Database,
    owner: Owner,
    application_id: str | None,
    result: type[Result],
    change: Callable[[MortgageRepository, LoanFile], Awaitable[Result]],
) -> Result:
    """Run `change` on the caller's application, locked. Raises `NotFound`, `DomainError` when it is closed."""

    async def work(session: AsyncSession) -> Result:
        repository = MortgageRepository(session, owner.user_id)
        file = await LoanFile.load(repository, application_id, lock=True)
        file.require_changeable()
        return await change(repository, file)

    return await run_effect(database, owner, result, work)
