"""Demo data: one application in progress, with two debts and two documents."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.mortgage.enums import DebtType, DocumentStatus, DocumentType, Status
from convonet.domains.mortgage.loan_file import LoanFile
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow

_NAMES = uuid.UUID("6f0b6a34-54cc-4a0f-9f0c-1b8f0a3c4d11")


async def seed(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Add the application unless it is there."""
    application_id = _id(user_id, "application")
    if await session.get(ApplicationRow, application_id) is not None:
        return
    begun = now - timedelta(days=9)
    row = ApplicationRow(
        id=application_id,
        user_id=user_id,
        status=Status.DRAFT,
        credit_score=735,
        monthly_income=Decimal("9200.00"),
        down_payment_amount=Decimal("90000.00"),
        loan_amount=Decimal("360000.00"),
        property_value=Decimal("450000.00"),
        total_savings=Decimal("128500.00"),
        loan_type="conventional",
        financial_review_completed=False,
        document_collection_completed=False,
        document_verification_completed=False,
        created_at=begun,
        updated_at=begun,
    )
    debts = [
        _debt(row, DebtType.AUTO_LOAN, "Example Motors", "410.00", "14200.00", "5.90", begun),
        _debt(row, DebtType.CREDIT_CARD, "Sample Bank", "120.00", "2350.00", "21.50", begun + timedelta(minutes=1)),
    ]
    documents = [
        _document(row, DocumentType.IDENTIFICATION, "Driver's license", now - timedelta(days=8)),
        _document(row, DocumentType.INCOME_PAYSTUB, "Pay stub", now - timedelta(days=6)),
    ]
    LoanFile(row, debts, documents).update_status(now - timedelta(days=6))
    session.add(row)
    await session.flush()
    session.add_all([*debts, *documents])
    await session.flush()


def _debt(
    row: ApplicationRow, kind: DebtType, creditor: str, monthly: str, balance: str, rate: str, at: datetime
) -> DebtRow:
    return DebtRow(
        id=_id(row.user_id, kind),
        application_id=row.id,
        debt_type=kind,
        creditor_name=creditor,
        monthly_payment=Decimal(monthly),
        outstanding_balance=Decimal(balance),
        interest_rate=Decimal(rate),
        created_at=at,
        updated_at=at,
    )


def _document(row: ApplicationRow, kind: DocumentType, name: str, at: datetime) -> DocumentRow:
    return DocumentRow(
        id=_id(row.user_id, kind),
        application_id=row.id,
        document_type=kind,
        document_name=name,
        status=DocumentStatus.UPLOADED,
        created_at=at,
        updated_at=at,
        uploaded_at=at,
    )


def _id(user_id: uuid.UUID, name: str) -> uuid.UUID:
    return uuid.uuid5(_NAMES, f"{user_id}:{name}")
