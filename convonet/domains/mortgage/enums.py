"""The closed sets of mortgages, and the table of an application's status changes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """The status of an application. Up to `under_review` it follows from the facts; then the lender decides."""

    DRAFT = "draft"
    FINANCIAL_REVIEW = "financial_review"
    DOCUMENT_COLLECTION = "document_collection"
    DOCUMENT_VERIFICATION = "document_verification"
    UNDER_REVIEW = "under_review"
    PRE_APPROVED = "pre_approved"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.FINANCIAL_REVIEW, Status.CANCELLED}),
    Status.FINANCIAL_REVIEW: frozenset({Status.DOCUMENT_COLLECTION, Status.REJECTED, Status.CANCELLED}),
    Status.DOCUMENT_COLLECTION: frozenset({Status.DOCUMENT_VERIFICATION, Status.REJECTED, Status.CANCELLED}),
    # a debt that is named late may need a document that is not there
    Status.DOCUMENT_VERIFICATION: frozenset(
        {Status.DOCUMENT_COLLECTION, Status.UNDER_REVIEW, Status.REJECTED, Status.CANCELLED}
    ),
    Status.UNDER_REVIEW: frozenset({Status.PRE_APPROVED, Status.REJECTED, Status.CANCELLED}),
    Status.PRE_APPROVED: frozenset({Status.APPROVED, Status.REJECTED, Status.CANCELLED}),
    Status.APPROVED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""From where to where."""
CLOSED = frozenset(status for status, following in TRANSITIONS.items() if not following)

CHANGEABLE = frozenset(
    {Status.DRAFT, Status.FINANCIAL_REVIEW, Status.DOCUMENT_COLLECTION, Status.DOCUMENT_VERIFICATION}
)
"""The caller may still change figures, debts and documents; afterwards the lender decides."""


class DocumentType(StrEnum):
    """The fact that a document proves."""

    IDENTIFICATION = "identification"
    INCOME_PAYSTUB = "income_paystub"
    INCOME_W2 = "income_w2"
    INCOME_TAX_RETURN = "income_tax_return"
    INCOME_PNL = "income_pnl"
    INCOME_1099 = "income_1099"
    ASSET_BANK_STATEMENT = "asset_bank_statement"
    ASSET_INVESTMENT = "asset_investment"
    ASSET_RETIREMENT = "asset_retirement"
    DEBT_CREDIT_CARD = "debt_credit_card"
    DEBT_STUDENT_LOAN = "debt_student_loan"
    DEBT_AUTO_LOAN = "debt_auto_loan"
    DOWN_PAYMENT_SOURCE = "down_payment_source"
    DOWN_PAYMENT_GIFT_LETTER = "down_payment_gift_letter"


class DocumentStatus(StrEnum):
    """The status of a document; only the lender's staff verifies or rejects."""

    PENDING = "pending"
    UPLOADED = "uploaded"
    VERIFIED = "verified"
    REJECTED = "rejected"


class DebtType(StrEnum):
    """The kind of a debt."""

    CREDIT_CARD = "credit_card"
    STUDENT_LOAN = "student_loan"
    AUTO_LOAN = "auto_loan"
    MORTGAGE = "mortgage"
    OTHER = "other"


class Band(StrEnum):
    """A lender's view of a debt-to-income ratio."""

    EXCELLENT = "excellent"
    GOOD = "good"
    ACCEPTABLE = "acceptable"
    HIGH = "high"


class Outlook(StrEnum):
    """The result of a pre-approval check; only the lender decides."""

    LIKELY = "likely"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
