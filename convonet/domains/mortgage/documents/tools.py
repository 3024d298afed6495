"""The tools of an application's documents."""

from __future__ import annotations

from mcp_types import CallToolResult

from convonet.domains.mortgage.documents.schemas import DocumentChecklist
from convonet.domains.mortgage.documents.service import DocumentService, NewDocument
from convonet.domains.mortgage.enums import DocumentType
from convonet.domains.mortgage.schemas import (
    ApplicationId,
    Call,
    Name,
    Path,
    Url,
)
from convonet.domains.mortgage.speech import SPOKEN_DOCUMENT
from convonet.language.sentences import enumerated
from convonet.mcp.server import DomainServer, owner_of, tool_result


def add_document_tools(mcp: DomainServer, service: DocumentService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def upload_mortgage_document(
        context: Call,
        document_type: DocumentType,
        document_name: Name,
        application_id: ApplicationId = None,
        file_path: Path | None = None,
        file_url: Url | None = None,
    ) -> CallToolResult:
        """Note on the application that the caller handed a document in. The lender verifies it later."""
        new = NewDocument(document_type, document_name, file_path, str(file_url) if file_url else None)
        document = await service.add_document(owner_of(context), application_id, new)
        what = SPOKEN_DOCUMENT[document_type]
        sentence = f"I noted {what} on your application. It still has to be verified."
        return tool_result(sentence, {"document": document.model_dump(mode="json")})

    @mcp.tool()
    async def get_mortgage_documents(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """List the documents on the caller's application, with their status."""
        checklist = await service.checklist(owner_of(context), application_id)
        if not checklist.documents:
            return tool_result("There are no documents on your application yet.", checklist.model_dump(mode="json"))
        named = [f"{document.document_name}, {document.status}" for document in checklist.documents]
        return tool_result(f"On your application: {'; '.join(named)}.", checklist.model_dump(mode="json"))

    @mcp.tool()
    async def get_required_documents(context: Call) -> CallToolResult:
        """Say which documents a mortgage application needs, for the caller's own figures and debts if known."""
        checklist = await service.requirements(owner_of(context))
        usual = [SPOKEN_DOCUMENT[kind] for one in checklist.required for kind in one.alternatives[0]]
        return tool_result(f"Needed: {enumerated(usual)}.", checklist.model_dump(mode="json"))

    @mcp.tool()
    async def get_missing_documents(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """Say which documents are still missing from the caller's application."""
        checklist = await service.checklist(owner_of(context), application_id)
        return tool_result(_missing_sentence(checklist), checklist.model_dump(mode="json"))


def _missing_sentence(checklist: DocumentChecklist) -> str:
    if not checklist.missing:
        return "No document is missing."
    return f"Still missing: {enumerated([SPOKEN_DOCUMENT[kind] for kind in checklist.missing])}."
