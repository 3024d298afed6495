"""What a caller can do with the debts and documents of an application. Effects happen once per idempotency key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError, NotFound
from convonet.core.owner import Owner
from convonet.domains.mortgage.file import MortgageFile, shown_requirements
from convonet.domains.mortgage.files import change_file, read_file
from convonet.domains.mortgage.models import DebtRow, DocumentRow, account_ending
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.domains.mortgage.requirements import required
from convonet.domains.mortgage.results import Debt, Debts, Document, Paperwork
from convonet.domains.mortgage.vocabulary import DebtType, DocumentStatus, DocumentType
from convonet.storage.database import Database

MAX_DEBTS = 50
MAX_DOCUMENTS = 100
"""More than a real application has; what comes on top is a mistake or mischief."""


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


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document that the caller hands in."""

    document_type: DocumentType
    document_name: str
    file_path: str | None
    file_url: str | None


class PaperService:
    """Raises `DomainError` with words for the caller; `NotFound` for what is not there or not theirs."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def add_debt(self, owner: Owner, application_id: str | None, debt: NewDebt) -> Debt:
        """Add a debt."""
        now = self._clock()

        async def work(repository: MortgageRepository, file: MortgageFile) -> Debt:
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
            await repository.add(row)
            MortgageFile(file.row, [*file.debts, row], file.documents).settle(now)
            return Debt.of(row)

        return await change_file(self._database, owner, application_id, Debt, work)

    async def debts(self, owner: Owner, application_id: str | None) -> Debts:
        """All debts of an application."""
        file = await read_file(self._database, owner, application_id)
        return Debts(
            application_id=str(file.row.id),
            debts=[Debt.of(row) for row in file.debts],
            counted=file.counted_debt or Decimal(0),
        )

    async def add_document(self, owner: Owner, application_id: str | None, document: NewDocument) -> Document:
        """Note a document as handed in; whether it is good is for the lender to verify."""
        now = self._clock()

        async def work(repository: MortgageRepository, file: MortgageFile) -> Document:
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

        return await change_file(self._database, owner, application_id, Document, work)

    async def paperwork(self, owner: Owner, application_id: str | None) -> Paperwork:
        """The documents of an application against what it needs."""
        return (await read_file(self._database, owner, application_id)).paperwork()

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
