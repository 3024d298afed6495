"""The documents of an application as their tools show them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from convonet.domains.mortgage.enums import DocumentType
from convonet.domains.mortgage.models import DocumentRow


class Document(BaseModel):
    """A document of an application."""

    document_id: str
    document_type: str
    document_name: str
    status: str
    uploaded_at: datetime | None

    @classmethod
    def of(cls, row: DocumentRow) -> Document:
        return cls(
            document_id=str(row.id),
            document_type=row.document_type,
            document_name=row.document_name,
            status=row.status,
            uploaded_at=row.uploaded_at,
        )


class RequiredDocument(BaseModel):
    """A requirement: the documents that meet it, and the missing ones of them."""

    requirement: str
    alternatives: list[list[DocumentType]]
    missing: list[DocumentType]


class DocumentChecklist(BaseModel):
    """The documents of an application, and those that it needs."""

    application_id: str | None
    documents: list[Document]
    required: list[RequiredDocument]
    missing: list[DocumentType]
