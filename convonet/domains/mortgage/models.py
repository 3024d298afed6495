"""The existing tables of mortgage applications."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from convonet.storage.database import Base
from convonet.storage.types import Moment, Money

Percent = Money
"""Percentages have two exact decimals too."""

Notes = JSON(none_as_null=True)


ACCOUNT_DIGITS = 4


class Choice(UserDefinedType[str]):
    """A word of a closed set: text in our tables, an enum of PostgreSQL in those of the replaced deployment.

    `String` would be cast to VARCHAR in every statement, which no enum is compared with or set from.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "VARCHAR(50)"


def account_ending(number: str | None) -> str | None:
    """The last four digits of an account number, None when it has fewer. More of it is never stored or shown."""
    digits = "".join(character for character in number or "" if character in "0123456789")
    return digits[-ACCOUNT_DIGITS:] if len(digits) >= ACCOUNT_DIGITS else None


class ApplicationRow(Base):
    """An application. `dti_ratio` is debts without the new payment, in percent of the income."""

    __tablename__ = "mortgage_applications"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(Choice)
    credit_score: Mapped[int | None]
    credit_history_years: Mapped[int | None]
    dti_ratio: Mapped[Decimal | None] = mapped_column(Percent)
    monthly_income: Mapped[Decimal | None] = mapped_column(Money)
    monthly_debt: Mapped[Decimal | None] = mapped_column(Money)
    down_payment_amount: Mapped[Decimal | None] = mapped_column(Money)
    closing_costs_estimate: Mapped[Decimal | None] = mapped_column(Money)
    total_savings: Mapped[Decimal | None] = mapped_column(Money)
    loan_type: Mapped[str | None] = mapped_column(String(50))
    loan_amount: Mapped[Decimal | None] = mapped_column(Money)
    property_value: Mapped[Decimal | None] = mapped_column(Money)
    financial_review_completed: Mapped[bool | None]
    document_collection_completed: Mapped[bool | None]
    document_verification_completed: Mapped[bool | None]
    app_metadata: Mapped[dict[str, Any] | None] = mapped_column(Notes)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    completed_at: Mapped[datetime | None] = mapped_column(Moment)


class DebtRow(Base):
    """A debt. We store the last four digits of its `account_number`; old rows may hold all."""

    __tablename__ = "mortgage_debts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    application_id: Mapped[uuid.UUID] = mapped_column(index=True)
    debt_type: Mapped[str] = mapped_column(String(50))
    creditor_name: Mapped[str | None] = mapped_column(String(255))
    account_number: Mapped[str | None] = mapped_column(String(100))
    monthly_payment: Mapped[Decimal] = mapped_column(Money)
    outstanding_balance: Mapped[Decimal | None] = mapped_column(Money)
    interest_rate: Mapped[Decimal | None] = mapped_column(Percent)
    description: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class DocumentRow(Base):
    """A document that the caller has announced or handed in; `file_path` is a note and is never opened."""

    __tablename__ = "mortgage_documents"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    application_id: Mapped[uuid.UUID] = mapped_column(index=True)
    document_type: Mapped[str] = mapped_column(Choice)
    document_name: Mapped[str] = mapped_column(String(255))
    file_path: Mapped[str | None] = mapped_column(String(500))
    file_url: Mapped[str | None] = mapped_column(String(500))
    file_size: Mapped[int | None]
    mime_type: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(Choice)
    verified_at: Mapped[datetime | None] = mapped_column(Moment)
    verified_by: Mapped[uuid.UUID | None]
    verification_notes: Mapped[str | None]
    rejection_reason: Mapped[str | None]
    doc_metadata: Mapped[dict[str, Any] | None] = mapped_column(Notes)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    uploaded_at: Mapped[datetime | None] = mapped_column(Moment)
