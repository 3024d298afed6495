"""The tools of an application itself: start it, look at it, fill in its figures, cancel it."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult

from convonet.domains.mortgage.applications.schemas import Application
from convonet.domains.mortgage.applications.service import Figures, MortgageService
from convonet.domains.mortgage.enums import CHANGEABLE
from convonet.domains.mortgage.schemas import Amount, ApplicationId, Call, CreditScore, Income, Payment, Price
from convonet.domains.mortgage.speech import SPOKEN_DOCUMENT, SPOKEN_FIGURE, SPOKEN_STATUS
from convonet.domains.speech import counted
from convonet.language.sentences import enumerated
from convonet.mcp.server import DomainServer, owner_of, tool_result


def add_application_tools(mcp: DomainServer, service: MortgageService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def create_mortgage_application(context: Call) -> CallToolResult:
        """Start a new mortgage application for the caller. Look with get_mortgage_application_status first."""
        application = await service.create(owner_of(context))
        return tool_result(f"I started a mortgage application. {_next_step(application)}", _shown(application))

    @mcp.tool()
    async def get_mortgage_application_status(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """Say how the caller's mortgage application stands, and which figures and documents are missing."""
        application = await service.status(owner_of(context), application_id)
        sentence = f"Your application {SPOKEN_STATUS[application.status]}. {_next_step(application)}".strip()
        return tool_result(sentence, _shown(application))

    @mcp.tool()
    async def update_mortgage_financial_info(
        context: Call,
        application_id: ApplicationId = None,
        credit_score: CreditScore | None = None,
        monthly_income: Income | None = None,
        monthly_debt: Payment | None = None,
        down_payment_amount: Amount | None = None,
        closing_costs_estimate: Amount | None = None,
        total_savings: Amount | None = None,
        loan_amount: Price | None = None,
        property_value: Price | None = None,
    ) -> CallToolResult:
        """Note financial figures of the caller on their application: only those that they named.

        Single debts belong into add_mortgage_debt; monthly_debt is what they say of all debts together.
        """
        figures = Figures(
            credit_score=credit_score,
            monthly_income=monthly_income,
            monthly_debt=monthly_debt,
            down_payment_amount=down_payment_amount,
            closing_costs_estimate=closing_costs_estimate,
            total_savings=total_savings,
            loan_amount=loan_amount,
            property_value=property_value,
        )
        application = await service.note_figures(owner_of(context), application_id, figures)
        return tool_result(f"I noted that. {_next_step(application)}".strip(), _shown(application))

    @mcp.tool()
    async def cancel_mortgage_application(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """Cancel the caller's mortgage application for good. Ask the caller to confirm first."""
        application = await service.cancel(owner_of(context), application_id)
        return tool_result("I cancelled your mortgage application.", _shown(application))


def _shown(application: Application) -> dict[str, Any]:
    return {"application": application.model_dump(mode="json")}


def _next_step(application: Application) -> str:
    if application.status not in CHANGEABLE:
        return ""
    if application.missing_figures:
        wanted = [SPOKEN_FIGURE[name] for name in application.missing_figures]
        # callers remember two at once
        later = f", and {counted(len(wanted) - 2, 'more figure', 'more figures')} later" if len(wanted) > 2 else ""
        return f"Next I need {enumerated(wanted[:2])}{later}."
    if application.missing_documents:
        return f"Still missing: {enumerated([SPOKEN_DOCUMENT[kind] for kind in application.missing_documents])}."
    return "All documents are there; the lender verifies them now."
