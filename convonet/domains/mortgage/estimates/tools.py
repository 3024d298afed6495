"""The tools that estimate: debt to income, pre-approval, payments, and affordability."""

from __future__ import annotations

from decimal import Decimal

from mcp_types import CallToolResult

from convonet.domains.mortgage.applications.service import MortgageService
from convonet.domains.mortgage.enums import Outlook
from convonet.domains.mortgage.estimates.arithmetic import ANNUAL_RATE_PERCENT, YEARS
from convonet.domains.mortgage.estimates.schemas import PreApproval
from convonet.domains.mortgage.estimates.service import affordability, payment_estimate
from convonet.domains.mortgage.schemas import Amount, ApplicationId, Call, Income, Payment, Price, Rate, Years
from convonet.domains.speech import spoken_amount, spoken_percent
from convonet.mcp.server import DomainServer, owner_of, tool_result


def add_estimate_tools(mcp: DomainServer, service: MortgageService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def calculate_dti_ratio(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """Work out the caller's debt to income ratio from their application, and how a lender sees it."""
        ratio = await service.ratio(owner_of(context), application_id)
        sentence = f"Your debt to income ratio is {spoken_percent(ratio.dti_ratio)}, which is {ratio.band}."
        if ratio.with_payment is not None:
            sentence += f" With the new payment it would be about {spoken_percent(ratio.with_payment)}."
        return tool_result(sentence, ratio.model_dump(mode="json"))

    @mcp.tool()
    async def check_preapproval(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """Say whether the caller would probably be pre-approved, and why or why not. Only the lender decides."""
        check = await service.preapproval(owner_of(context), application_id)
        return tool_result(_spoken_check(check), check.model_dump(mode="json"))

    @mcp.tool()
    async def estimate_payment(
        loan_amount: Price, annual_rate_percent: Rate = ANNUAL_RATE_PERCENT, years: Years = YEARS
    ) -> CallToolResult:
        """Estimate the monthly payment of a mortgage of any size, without taxes and insurance. Needs no application."""
        estimate = payment_estimate(loan_amount, annual_rate_percent, years)
        sentence = (
            f"About {spoken_amount(estimate.monthly_payment)} a month at {spoken_percent(annual_rate_percent)} "
            f"over {years} years, without taxes and insurance."
        )
        return tool_result(sentence, estimate.model_dump(mode="json"))

    @mcp.tool()
    async def estimate_affordability(
        monthly_income: Income,
        monthly_debt: Payment = Decimal(0),
        down_payment_amount: Amount = Decimal(0),
        annual_rate_percent: Rate = ANNUAL_RATE_PERCENT,
        years: Years = YEARS,
    ) -> CallToolResult:
        """Estimate how large a loan and how expensive a home somebody can afford. Needs no application."""
        estimate = affordability(monthly_income, monthly_debt, down_payment_amount, annual_rate_percent, years)
        if estimate.largest_loan == 0:
            sentence = "With these debts there is no room for a mortgage payment."
        else:
            sentence = (
                f"A loan of up to about {spoken_amount(estimate.largest_loan)}, and a home for up to "
                f"{spoken_amount(estimate.highest_price)}, at {spoken_percent(annual_rate_percent)} over {years} years."
            )
        return tool_result(sentence, estimate.model_dump(mode="json"))


def _spoken_check(check: PreApproval) -> str:
    if check.outlook == Outlook.LIKELY:
        figures = f"a credit score of {check.credit_score} and a debt to income ratio of {spoken_percent(check.ratio)}"
        return f"With {figures}, a pre-approval looks likely. The lender decides."
    how = "is possible but not certain" if check.outlook == Outlook.POSSIBLE else "does not look likely"
    return f"A pre-approval {how}. {' '.join(check.reasons)} The lender decides."
