"""The arithmetic of mortgages in exact decimals: ratios, payments, and affordability.

Estimates rest on the assumptions named here. Each estimate names them, and none is an offer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal, localcontext

from convonet.domains.mortgage.enums import Band
from convonet.storage.types import CENT

ANNUAL_RATE_PERCENT = Decimal("6.75")
YEARS = 30

HOUSING_SHARE = Decimal("0.28")
"""Of the monthly income, at most, for the loan's payment: the usual front-end rule."""

DEBT_SHARE = Decimal("0.43")
"""Of the monthly income, at most, for all debts and the payment together."""

MAX_RATIO = Decimal("999.99")
"""The column's maximum; a debt of ten times the income is beyond each limit anyway."""
_BANDS = ((Decimal(36), Band.EXCELLENT), (Decimal(43), Band.GOOD), (Decimal(50), Band.ACCEPTABLE))

_PRECISION = 40
"""Digits while compounding: a payment must not depend on the order of the calculation."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """One month of a loan."""

    interest: Decimal
    principal: Decimal
    balance: Decimal


def ratio_percent(monthly_debt: Decimal, monthly_income: Decimal) -> Decimal:
    """Debt to income in percent, with two decimals, at most `MAX_RATIO`; the income is above zero."""
    return min(MAX_RATIO, (100 * monthly_debt / monthly_income).quantize(CENT, ROUND_HALF_EVEN))


def band_of(ratio: Decimal) -> Band:
    """Below 36 excellent, below 43 good, below 50 acceptable, else high."""
    return next((band for limit, band in _BANDS if ratio < limit), Band.HIGH)


def monthly_payment(loan: Decimal, annual_rate_percent: Decimal = ANNUAL_RATE_PERCENT, years: int = YEARS) -> Decimal:
    """Principal and interest a month, rounded up to the cent, so that the loan is paid off in time."""
    months = 12 * years
    with localcontext() as context:
        context.prec = _PRECISION
        rate = annual_rate_percent / 1200
        exact = loan / months if rate == 0 else loan * rate / (1 - (1 + rate) ** -months)
        return exact.quantize(CENT, ROUND_UP)


def schedule(loan: Decimal, annual_rate_percent: Decimal, years: int) -> Iterator[Instalment]:
    """All months until the loan is paid off; the last payment is the rest, never more than the others.

    Interest is rounded down and the payment is rounded up: so each month pays something off, and the loan ends in time
    at any rate.
    """
    payment = monthly_payment(loan, annual_rate_percent, years)
    balance = loan
    while balance > 0:
        interest = (balance * annual_rate_percent / 1200).quantize(CENT, ROUND_FLOOR)
        principal = min(payment - interest, balance)
        balance -= principal
        yield Instalment(interest, principal, balance)


def affordable_payment(monthly_income: Decimal, monthly_debt: Decimal) -> Decimal:
    """The largest payment within both shares of the income; zero when the debts take it all."""
    within = min(HOUSING_SHARE * monthly_income, DEBT_SHARE * monthly_income - monthly_debt)
    return max(Decimal(0), within).quantize(CENT, ROUND_FLOOR)


def largest_loan(payment: Decimal, annual_rate_percent: Decimal = ANNUAL_RATE_PERCENT, years: int = YEARS) -> Decimal:
    """The largest loan, in whole dollars, whose monthly payment is not above `payment`."""
    months = 12 * years
    with localcontext() as context:
        context.prec = _PRECISION
        rate = annual_rate_percent / 1200
        exact = payment * months if rate == 0 else payment * (1 - (1 + rate) ** -months) / rate
        return exact.quantize(Decimal(1), ROUND_FLOOR)
