"""The tools of an application's debts."""

from __future__ import annotations

from decimal import Decimal

from mcp_types import CallToolResult

from convonet.domains.mortgage.debts.service import DebtService, NewDebt
from convonet.domains.mortgage.enums import DebtType
from convonet.domains.mortgage.schemas import (
    AccountNumber,
    Amount,
    ApplicationId,
    Call,
    DebtRate,
    Name,
    Payment,
    Text,
)
from convonet.domains.speech import counted, spoken_amount, spoken_words
from convonet.mcp.server import DomainServer, owner_of, tool_result


def add_debt_tools(mcp: DomainServer, service: DebtService) -> None:
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
        return tool_result(sentence, {"debt": debt.model_dump(mode="json")})

    @mcp.tool()
    async def get_mortgage_debts(context: Call, application_id: ApplicationId = None) -> CallToolResult:
        """List the debts on the caller's application, with what they add up to a month."""
        found = await service.debts(owner_of(context), application_id)
        data = found.model_dump(mode="json")
        if not found.debts:
            return tool_result("There are no debts on your application.", data)
        total = sum((debt.monthly_payment for debt in found.debts), Decimal(0))
        named = [f"{spoken_words(debt.debt_type)}, {spoken_amount(debt.monthly_payment)}" for debt in found.debts]
        count = counted(len(named), "debt", "debts")
        sentence = (
            f"There {'is' if len(named) == 1 else 'are'} {count}: {'; '.join(named)}. "
            f"Together that is {spoken_amount(total)} a month."
        )
        if found.counted != total:
            sentence += f" You told me of {spoken_amount(found.counted)} in all, so that is what counts."
        return tool_result(sentence, data)
