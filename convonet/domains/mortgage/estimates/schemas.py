"""The estimates as their tools show them. Amounts are dollars with two decimals, ratios percent."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

from convonet.domains.mortgage.enums import Band, Outlook


class Ratio(BaseModel):
    """Debt to income; `with_payment` counts the new loan's estimated payment too, when the loan is known."""

    application_id: str
    monthly_income: Decimal
    monthly_debt: Decimal
    dti_ratio: Decimal
    band: Band
    estimated_payment: Decimal | None
    with_payment: Decimal | None


class PreApproval(BaseModel):
    """A lender's probable decision; `reasons` are sentences that speak against it.

    `ratio` counts the new payment too, when the loan is known.
    """

    application_id: str
    outlook: Outlook
    credit_score: int
    ratio: Decimal
    band: Band
    reasons: list[str]


class PaymentEstimate(BaseModel):
    """The cost of a loan a month, and over its years."""

    loan_amount: Decimal
    annual_rate_percent: Decimal
    years: int
    monthly_payment: Decimal
    total_interest: Decimal


class Affordability(BaseModel):
    """The loan and price that an income allows, and the assumptions behind it."""

    monthly_income: Decimal
    monthly_debt: Decimal
    affordable_payment: Decimal
    largest_loan: Decimal
    down_payment_amount: Decimal
    highest_price: Decimal
    annual_rate_percent: Decimal
    years: int
