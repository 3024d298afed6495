"""A lender's probable view of an application, and estimates. Nothing is an offer, nothing is stored."""

from __future__ import annotations

from decimal import Decimal

from convonet.core.errors import DomainError
from convonet.domains.mortgage.enums import CLOSED, Band, Outlook
from convonet.domains.mortgage.estimates.arithmetic import (
    ANNUAL_RATE_PERCENT,
    YEARS,
    affordable_payment,
    band_of,
    largest_loan,
    monthly_payment,
    ratio_percent,
    schedule,
)
from convonet.domains.mortgage.estimates.schemas import Affordability, PaymentEstimate, PreApproval, Ratio
from convonet.domains.mortgage.loan_file import LoanFile
from convonet.domains.mortgage.speech import SPOKEN_FIGURE
from convonet.domains.speech import spoken_percent
from convonet.language.sentences import enumerated

MIN_CREDIT_SCORE = 620

PREFERRED_RATIO = Decimal(43)
"""From here on pre-approval is possible but not likely; in the high band it is unlikely, as with too low a score."""


def ratio_of(file: LoanFile) -> Ratio:
    """Debt to income. Raises `DomainError` while income or debts are unknown."""
    income, debt = file.income, file.counted_debt
    _require({"monthly_income": income, "monthly_debt": debt})
    assert income is not None  # noqa: S101 -- for the type checker: just required
    assert debt is not None  # noqa: S101 -- for the type checker: just required
    payment = None if file.row.loan_amount is None else monthly_payment(file.row.loan_amount)
    ratio = ratio_percent(debt, income)
    return Ratio(
        application_id=str(file.row.id),
        monthly_income=income,
        monthly_debt=debt,
        dti_ratio=ratio,
        band=band_of(ratio),
        estimated_payment=payment,
        with_payment=None if payment is None else ratio_percent(debt + payment, income),
    )


def preapproval_of(file: LoanFile) -> PreApproval:
    """Assess credit score and ratio, the new payment included when the loan is known.

    Raises `DomainError` for a closed application, and while a decisive figure is unknown.
    """
    if file.status in CLOSED:
        raise DomainError("closed", spoken="That application is closed, so there is nothing to pre-approve.")
    score = file.row.credit_score
    _require({"credit_score": score, "monthly_income": file.income, "monthly_debt": file.counted_debt})
    assert score is not None  # noqa: S101 -- for the type checker: just required
    told = ratio_of(file)
    ratio = told.with_payment if told.with_payment is not None else told.dti_ratio
    band = band_of(ratio)
    reasons, outlook = [], Outlook.LIKELY
    if ratio >= PREFERRED_RATIO:
        outlook = Outlook.UNLIKELY if band == Band.HIGH else Outlook.POSSIBLE
        limit = "not below 50 percent" if band == Band.HIGH else "not below the preferred 43 percent"
        reasons.append(f"The debt to income ratio of {spoken_percent(ratio)} is {limit}.")
    if score < MIN_CREDIT_SCORE:
        outlook = Outlook.UNLIKELY
        reasons.insert(0, f"The credit score of {score} is below {MIN_CREDIT_SCORE}.")
    return PreApproval(
        application_id=told.application_id,
        outlook=outlook,
        credit_score=score,
        ratio=ratio,
        band=band,
        reasons=reasons,
    )


def payment_estimate(
    loan: Decimal, annual_rate_percent: Decimal = ANNUAL_RATE_PERCENT, years: int = YEARS
) -> PaymentEstimate:
    """The cost of a loan. Principal and interest only: taxes and insurance depend on the place."""
    return PaymentEstimate(
        loan_amount=loan,
        annual_rate_percent=annual_rate_percent,
        years=years,
        monthly_payment=monthly_payment(loan, annual_rate_percent, years),
        total_interest=sum((month.interest for month in schedule(loan, annual_rate_percent, years)), Decimal(0)),
    )


def affordability(
    monthly_income: Decimal,
    monthly_debt: Decimal,
    down_payment: Decimal,
    annual_rate_percent: Decimal = ANNUAL_RATE_PERCENT,
    years: int = YEARS,
) -> Affordability:
    """The loan and price that this income and these debts allow."""
    payment = affordable_payment(monthly_income, monthly_debt)
    loan = largest_loan(payment, annual_rate_percent, years)
    return Affordability(
        monthly_income=monthly_income,
        monthly_debt=monthly_debt,
        affordable_payment=payment,
        largest_loan=loan,
        down_payment_amount=down_payment,
        highest_price=loan + down_payment,
        annual_rate_percent=annual_rate_percent,
        years=years,
    )


def _require(figures: dict[str, object]) -> None:
    missing = [SPOKEN_FIGURE[name] for name, value in figures.items() if value is None]
    if missing:
        raise DomainError("figures missing", spoken=f"For that I need to know {enumerated(missing)}.")
