"""The tools of what belongs to an application: debts and documents."""

from __future__ import annotations

from decimal import Decimal

from mcp_types import CallToolResult

from convonet.domains.mortgage.arguments import (
    AccountNumber,
    Amount,
    ApplicationId,
    Call,
    DebtRate,
    Name,
    Path,
    Payment,
    Text,
    Url,
)
from convonet.domains.mortgage.papers import NewDebt, NewDocument, PaperService
from convonet.domains.mortgage.results import Paperwork
from convonet.domains.mortgage.vocabulary import SPOKEN_DOCUMENT, DebtType, DocumentType
from convonet.domains.speech import counted, spoken_amount, spoken_list, spoken_words
from convonet.mcp.server import DomainServer, owner_of, told


def add_paper_tools(mcp: DomainServer, service: PaperService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def add_mortgage_debt(
        context: Call,
        debt_type: DebtType,
        monthly_payment: Payment,
        application_id: ApplicationId = None,
        creditor_name: Name | None = None,
        outstanding_balance: Amount | None = None,
        interest_rate: DebtRate | None = None,
        description: Text | None = None,
        account_number: AccountNumber | None = None,
    ) -> CallToolResult:
        """Add one debt of the caller to their application: a credit card, a student or car loan, another mortgage."""

        new = NewDebt(
            debt_type, monthly_payment, creditor_name, account_number, outstanding_balance, interest_rate, description
        )
        debt = await service.add_debt(owner_of(context), application_id, new)
        sentence = f"I added the {spoken_words(debt.debt_type)} with {spoken_amount(debt.monthly_payment)} a month."
        return told(sentence, {"debt": debt.model_dump(mode="json")})

    @mcp.tool()
    async def get_mortgage_debts(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """List the debts on the caller's application, with what they add up to a month."""

        found = await service.debts(owner_of(context), application_id)
        data = found.model_dump(mode="json")
        if not found.debts:
            return told("There are no debts on your application.", data)
        total = sum((debt.monthly_payment for debt in found.debts), Decimal(0))
        named = [f"{spoken_words(debt.debt_type)}, {spoken_amount(debt.monthly_payment)}" for debt in found.debts]
        count = counted(len(named), "debt", "debts")
        sentence = (
            f"There {'is' if len(named) == 1 else 'are'} {count}: {'; '.join(named)}. "
            f"Together that is {spoken_amount(total)} a month."
        )
        if found.counted != total:
            sentence += f" You told me of {spoken_amount(found.counted)} in all, so that is what counts."
        return told(sentence, data)

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
        return told(sentence, {"document": document.model_dump(mode="json")})

    @mcp.tool()
    async def get_mortgage_documents(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """List the documents on the caller's application, with their status."""

        papers = await service.paperwork(owner_of(context), application_id)
        if not papers.documents:
            return told("There are no documents on your application yet.", papers.model_dump(mode="json"))
        named = [f"{document.document_name}, {document.status}" for document in papers.documents]
        return told(f"On your application: {'; '.join(named)}.", papers.model_dump(mode="json"))

    @mcp.tool()
    async def get_required_documents(context: Call) -> CallToolResult:
        """Say which documents a mortgage application needs, for the caller's own figures and debts if known."""

        papers = await service.requirements(owner_of(context))
        usual = [SPOKEN_DOCUMENT[kind] for one in papers.required for kind in one.alternatives[0]]
        return told(f"Needed: {spoken_list(usual)}.", papers.model_dump(mode="json"))

    @mcp.tool()
    async def get_missing_documents(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """Say which documents are still missing from the caller's application."""

        papers = await service.paperwork(owner_of(context), application_id)
        return told(_missing(papers), papers.model_dump(mode="json"))


def _missing(papers: Paperwork) -> str:
    if not papers.missing:
        return "No document is missing."
    return f"Still missing: {spoken_list([SPOKEN_DOCUMENT[kind] for kind in papers.missing])}."
