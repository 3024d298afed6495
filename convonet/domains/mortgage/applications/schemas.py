"""An application as its tools show it. Amounts are dollars with two decimals, ratios percent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from convonet.domains.mortgage.enums import DocumentType, Status


class Application(BaseModel):
    """An application, with what is still missing from it."""

    application_id: str
    status: Status
    credit_score: int | None
    monthly_income: Decimal | None
    monthly_debt: Decimal | None
    dti_ratio: Decimal | None
    down_payment_amount: Decimal | None
    closing_costs_estimate: Decimal | None
    total_savings: Decimal | None
    loan_amount: Decimal | None
    property_value: Decimal | None
    missing_figures: list[str]
    missing_documents: list[DocumentType]
    debts_count: int
    documents_count: int
    created_at: datetime
    updated_at: datetime
