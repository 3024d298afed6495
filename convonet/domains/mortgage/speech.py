"""Statuses, figures and documents of an application as they are said aloud."""

from __future__ import annotations

from collections.abc import Mapping

from convonet.domains.mortgage.enums import DocumentType, Status

SPOKEN_STATUS = {
    Status.DRAFT: "is a draft",
    Status.FINANCIAL_REVIEW: "is in financial review",
    Status.DOCUMENT_COLLECTION: "is waiting for documents",
    Status.DOCUMENT_VERIFICATION: "is in document verification",
    Status.UNDER_REVIEW: "is under review",
    Status.PRE_APPROVED: "is pre-approved",
    Status.APPROVED: "is approved",
    Status.REJECTED: "was rejected",
    Status.CANCELLED: "was cancelled",
}

SPOKEN_FIGURE = {
    "credit_score": "your credit score",
    "monthly_income": "your monthly income",
    "monthly_debt": "your monthly debts",
    "down_payment_amount": "your down payment",
    "loan_amount": "the loan amount",
    "property_value": "the value of the property",
}

SPOKEN_DOCUMENT: Mapping[DocumentType, str] = {
    DocumentType.IDENTIFICATION: "a photo identification",
    DocumentType.INCOME_PAYSTUB: "a recent pay stub",
    DocumentType.INCOME_W2: "a W 2 form",
    DocumentType.INCOME_TAX_RETURN: "a tax return",
    DocumentType.INCOME_PNL: "a profit and loss statement",
    DocumentType.INCOME_1099: "a 10 99 form",
    DocumentType.ASSET_BANK_STATEMENT: "a bank statement",
    DocumentType.ASSET_INVESTMENT: "an investment statement",
    DocumentType.ASSET_RETIREMENT: "a retirement account statement",
    DocumentType.DEBT_CREDIT_CARD: "a credit card statement",
    DocumentType.DEBT_STUDENT_LOAN: "a student loan statement",
    DocumentType.DEBT_AUTO_LOAN: "a car loan statement",
    DocumentType.DOWN_PAYMENT_SOURCE: "proof of where the down payment comes from",
    DocumentType.DOWN_PAYMENT_GIFT_LETTER: "a gift letter for the down payment",
}
