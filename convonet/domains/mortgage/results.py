"""What the domain tells, as data. Amounts are dollars with two decimals, ratios percent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from convonet.domains.mortgage.models import DebtRow, DocumentRow, account_ending
from convonet.domains.mortgage.vocabulary import Band, DocumentType, Outlook, Status


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


class Debt(BaseModel):
    """A debt of an application; `account_ending` is the last four digits of its account number."""

    debt_id: str
    debt_type: str
    creditor_name: str | None
    account_ending: str | None
    monthly_payment: Decimal
    outstanding_balance: Decimal | None
    interest_rate: Decimal | None
    description: str | None

    @classmethod
    def of(cls, row: DebtRow) -> Debt:
        return cls(
            debt_id=str(row.id),
            debt_type=row.debt_type,
            creditor_name=row.creditor_name,
            account_ending=account_ending(row.account_number),
            monthly_payment=row.monthly_payment,
            outstanding_balance=row.outstanding_balance,
            interest_rate=row.interest_rate,
            description=row.description,
        )


class Debts(BaseModel):
    """All debts of an application; `counted` is what the ratio stands on."""

    application_id: str
    debts: list[Debt]
    counted: Decimal


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
    """A requirement: which documents meet it, and what of them is missing."""

    requirement: str
    alternatives: list[list[DocumentType]]
    missing: list[DocumentType]


class Paperwork(BaseModel):
    """The documents of an application against what it needs."""

    application_id: str | None
    documents: list[Document]
    required: list[RequiredDocument]
    missing: list[DocumentType]


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
    """Whether a lender would probably pre-approve; `reasons` says in sentences what speaks against it.

    `ratio` counts the new payment too, when the loan is known.
    """

    application_id: str
    outlook: Outlook
    credit_score: int
    ratio: Decimal
    band: Band
    reasons: list[str]


class PaymentEstimate(BaseModel):
    """What a loan costs a month, and over its years."""

    loan_amount: Decimal
    annual_rate_percent: Decimal
    years: int
    monthly_payment: Decimal
    total_interest: Decimal


class Affordability(BaseModel):
    """What somebody can afford, and the assumptions behind it."""

    monthly_income: Decimal
    monthly_debt: Decimal
    affordable_payment: Decimal
    largest_loan: Decimal
    down_payment_amount: Decimal
    highest_price: Decimal
    annual_rate_percent: Decimal
    years: int
