"""The service of an application's documents. Effects happen once per idempotency key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError, NotFound
from convonet.core.owner import Owner
from convonet.domains.mortgage.documents.requirements import required
from convonet.domains.mortgage.documents.schemas import Document, DocumentChecklist
from convonet.domains.mortgage.enums import DocumentStatus, DocumentType
from convonet.domains.mortgage.loan_file import LoanFile, change_file, read_file, shown_requirements
from convonet.domains.mortgage.models import DocumentRow
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.storage.database import Database

MAX_DOCUMENTS = 100
"""More than any application has; another one is a mistake or abuse."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document that the caller hands in."""

    document_type: DocumentType
    document_name: str
    file_path: str | None
    file_url: str | None


class DocumentService:
    """Raises `DomainError` with words for the caller, and `NotFound` for an unknown or another caller's application."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def add_document(self, owner: Owner, application_id: str | None, document: NewDocument) -> Document:
        """Note a document as handed in; whether it is good is for the lender to verify."""
        now = self._clock()

        async def work(repository: MortgageRepository, file: LoanFile) -> Document:
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
            await repository.add_row(row)
            LoanFile(file.row, file.debts, [*file.documents, row]).update_status(now)
            return Document.of(row)

        return await change_file(self._database, owner, application_id, Document, work)

    async def checklist(self, owner: Owner, application_id: str | None) -> DocumentChecklist:
        """The documents of an application, and those that it needs."""
        return (await read_file(self._database, owner, application_id)).checklist()

    async def requirements(self, owner: Owner) -> DocumentChecklist:
        """The requirements of the caller's application; without one, those of all applications."""
        try:
            return await self.checklist(owner, None)
        except NotFound:
            general = required([], None)
            return DocumentChecklist(
                application_id=None,
                documents=[],
                required=shown_requirements(general, set()),
                missing=[kind for requirement in general for kind in requirement.missing(())],
            )
