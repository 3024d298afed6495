"""The rules of mortgages, for any figures: payments add up, ratios are monotone, only legal steps are taken."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.core.errors import DomainError
from convonet.domains.mortgage.documents.requirements import INCOME, required
from convonet.domains.mortgage.enums import (
    CHANGEABLE,
    CLOSED,
    TRANSITIONS,
    DebtType,
    DocumentStatus,
    DocumentType,
    Status,
)
from convonet.domains.mortgage.estimates.arithmetic import (
    MAX_RATIO,
    affordable_payment,
    band_of,
    largest_loan,
    monthly_payment,
    ratio_percent,
    schedule,
)
from convonet.domains.mortgage.estimates.service import affordability, payment_estimate, preapproval_of
from convonet.domains.mortgage.loan_file import FIGURES, LoanFile
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow, account_ending

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


def cents(least, most):
    return st.integers(least * 100, most * 100).map(lambda amount: Decimal(amount) / 100)


RATES = st.integers(0, 25_000).map(lambda rate: Decimal(rate) / 1000)
YEARS = st.integers(1, 40)


# -- payments


@settings(max_examples=60, deadline=None)
@given(cents(1_000, 5_000_000), RATES, YEARS)
def test_the_principal_of_all_months_is_the_loan_and_no_payment_is_above_the_first(loan, rate, years):
    assert_paid_off(loan, rate, years)


def assert_paid_off(loan, rate, years):
    payment, months = monthly_payment(loan, rate, years), list(islice(schedule(loan, rate, years), 12 * years))
    assert months[-1].balance == 0
    assert sum(month.principal for month in months) == loan
    assert all(month.interest + month.principal <= payment for month in months)
    assert all(month.interest >= 0 and month.principal > 0 for month in months)


def test_a_loan_whose_payment_is_hardly_more_than_its_interest_is_paid_off_in_time():
    for loan in range(100_000, 100_200):
        assert_paid_off(Decimal(loan) / 100, Decimal(25), 40)


@pytest.mark.parametrize(
    ("loan", "rate", "years", "payment"),
    [("300000", "6", 30, "1798.66"), ("100000", "5", 15, "790.80"), ("120000", "0", 10, "1000.00")],
)
def test_payments_are_those_of_the_textbook(loan, rate, years, payment):
    assert monthly_payment(Decimal(loan), Decimal(rate), years) == Decimal(payment)


@settings(deadline=None)
@given(cents(1, 50_000), RATES, YEARS)
def test_the_largest_loan_for_a_payment_costs_no_more_and_one_dollar_more_does(payment, rate, years):
    loan = largest_loan(payment, rate, years)
    if loan:
        assert monthly_payment(loan, rate, years) <= payment
    assert monthly_payment(loan + 1, rate, years) > payment


def test_an_estimate_adds_up():
    estimate = payment_estimate(Decimal(300_000), Decimal(6), 30)
    assert estimate.monthly_payment == Decimal("1798.66")
    # the textbook, which rounds interest to the nearest cent, has 347,514.57
    assert 0 <= Decimal("347514.57") - estimate.total_interest < 15


# -- ratios


@given(cents(0, 1_000_000), cents(0, 1_000_000), cents(1, 1_000_000))
def test_more_debt_is_never_a_better_ratio_and_more_income_never_a_worse_one(debt, more, income):
    assert ratio_percent(debt, income) <= ratio_percent(debt + more, income) <= MAX_RATIO
    assert ratio_percent(debt, income + more) <= ratio_percent(debt, income)


@pytest.mark.parametrize(
    ("ratio", "band"),
    [
        ("0", "excellent"),
        ("35.99", "excellent"),
        ("36", "good"),
        ("42.99", "good"),
        ("43", "acceptable"),
        ("49.99", "acceptable"),
        ("50", "high"),
        ("999.99", "high"),
    ],
)
def test_the_bands_of_the_ratio(ratio, band):
    assert band_of(Decimal(ratio)) == band


@given(cents(1, 1_000_000), cents(0, 1_000_000))
def test_what_is_affordable_keeps_both_shares_of_the_income(income, debt):
    payment = affordable_payment(income, debt)
    assert payment >= 0
    if payment:
        assert payment <= Decimal("0.28") * income
        assert payment + debt <= Decimal("0.43") * income


def test_with_too_much_debt_nothing_is_affordable_but_what_is_there_already():
    estimate = affordability(Decimal(5_000), Decimal(4_000), Decimal(20_000))
    assert (estimate.largest_loan, estimate.highest_price) == (0, 20_000)


# -- documents


@given(st.sets(st.sampled_from(DocumentType)), st.sets(st.sampled_from(DebtType)), st.booleans())
def test_handing_in_what_is_missing_leaves_nothing_missing(present, debts, pays_down):
    requirements = required(debts, Decimal(1) if pays_down else None)
    missing = {kind for one in requirements for kind in one.missing(present)}
    assert not missing & present
    assert not [kind for one in requirements for kind in one.missing(present | missing)]


def test_a_self_employed_applicant_needs_no_pay_stub():
    assert INCOME.missing(()) == (DocumentType.INCOME_PAYSTUB, DocumentType.INCOME_W2)
    assert INCOME.missing({DocumentType.INCOME_1099}) == (DocumentType.INCOME_TAX_RETURN,)
    assert INCOME.missing({DocumentType.INCOME_TAX_RETURN, DocumentType.INCOME_PNL}) == ()


# -- the life of an application


def application(**known):
    row = ApplicationRow(id=uuid.uuid4(), user_id=uuid.uuid4(), status=Status.DRAFT, created_at=NOW, updated_at=NOW)
    for name, value in known.items():
        setattr(row, name, value)
    return row


def debt(kind, payment="100"):
    return DebtRow(id=uuid.uuid4(), debt_type=kind, monthly_payment=Decimal(payment), created_at=NOW, updated_at=NOW)


def document(kind, status=DocumentStatus.UPLOADED):
    return DocumentRow(id=uuid.uuid4(), document_type=kind, document_name="x", status=status)


FACTS = st.one_of(
    st.tuples(st.just("figure"), st.sampled_from(FIGURES)),
    st.tuples(st.just("debt"), st.sampled_from(DebtType)),
    st.tuples(st.just("document"), st.sampled_from(DocumentType)),
    st.tuples(st.just("verified"), st.just(None)),
    st.tuples(st.just("rejected"), st.sampled_from(DocumentType)),
)


EVERYTHING = [
    *(("figure", name) for name in FIGURES),
    *(("document", kind) for kind in DocumentType),
    ("verified", None),
]


@given(st.one_of(st.lists(FACTS, max_size=30), st.permutations(EVERYTHING)))
def test_whatever_becomes_known_in_whatever_order_only_legal_steps_are_taken(facts):
    file = LoanFile(application(), [], [])
    for kind, what in facts:
        if (before := file.status) not in CHANGEABLE:
            break
        if kind == "figure":
            setattr(file.row, what, 700 if what == "credit_score" else Decimal(5_000))
        elif kind == "debt":
            file = LoanFile(file.row, [*file.debts, debt(what)], file.documents)
        elif kind == "document":
            file = LoanFile(file.row, file.debts, [*file.documents, document(what)])
        else:
            for paper in file.documents:
                if kind == "verified" or paper.document_type == what:
                    paper.status = kind
        file.update_status(NOW)
        assert file.status in CHANGEABLE | {Status.UNDER_REVIEW}
        assert reachable(before, file.status)
        complete = not file.missing_figures
        assert (file.status in {Status.DRAFT, Status.FINANCIAL_REVIEW}) == (not complete)
        collected = complete and not file.missing_documents
        there = {paper.document_type for paper in file.documents if paper.status == DocumentStatus.VERIFIED}
        verified = complete and not any(one.missing(there) for one in file.requirements)
        assert (file.status == Status.DOCUMENT_VERIFICATION) == (collected and not verified)
        assert (file.status == Status.UNDER_REVIEW) == verified
        assert file.row.document_verification_completed == verified
        assert file.next_status is None


def reachable(start, end):
    seen, ahead = {start}, [start]
    while ahead:
        ahead = [step for status in ahead for step in TRANSITIONS[status] if step not in seen]
        seen.update(ahead)
    return end in seen


def test_a_debt_named_late_asks_for_its_statement_again():
    row = application(
        credit_score=700,
        monthly_income=Decimal(9_000),
        monthly_debt=Decimal(0),
        down_payment_amount=Decimal(0),
        loan_amount=Decimal(100_000),
        property_value=Decimal(200_000),
    )
    kinds = ("identification", "income_paystub", "income_w2", "asset_bank_statement")
    documents = [document(DocumentType(kind)) for kind in kinds]
    file = LoanFile(row, [], documents)
    file.update_status(NOW)
    assert file.status == Status.DOCUMENT_VERIFICATION
    later = LoanFile(row, [debt(DebtType.AUTO_LOAN)], documents)
    later.update_status(NOW)
    assert (later.status, later.missing_documents) == (Status.DOCUMENT_COLLECTION, [DocumentType.DEBT_AUTO_LOAN])


def test_a_rejected_document_counts_as_missing():
    file = LoanFile(application(), [], [document(DocumentType.IDENTIFICATION, DocumentStatus.REJECTED)])
    assert DocumentType.IDENTIFICATION in file.missing_documents


@given(st.sampled_from(Status), st.sampled_from(Status))
def test_a_step_that_is_not_in_the_table_is_refused_and_changes_nothing(start, end):
    file = LoanFile(application(status=start), [], [])
    if end in TRANSITIONS[start]:
        file.set_status(end, NOW)
        assert file.status == end
        assert (file.row.completed_at is not None) == (end in CLOSED)
    else:
        with pytest.raises(DomainError):
            file.set_status(end, NOW)
        assert file.status == start


def test_every_open_application_can_be_cancelled_and_no_closed_one_moves():
    assert all(Status.CANCELLED in TRANSITIONS[status] for status in set(Status) - CLOSED)
    assert frozenset({Status.APPROVED, Status.REJECTED, Status.CANCELLED}) == CLOSED


@pytest.mark.parametrize(
    ("number", "ending"),
    [("4000 1234 5678 9010", "9010"), ("ending in 1-2-3-4", "1234"), ("123", None), ("", None), (None, None)],
)
def test_four_digits_of_an_account_number_are_left(number, ending):
    assert account_ending(number) == ending


# -- pre-approval


@pytest.mark.parametrize(
    ("score", "debts", "outlook", "words"),
    [
        (620, 4_299, "likely", []),
        (619, 0, "unlikely", ["below 620"]),
        (700, 4_300, "possible", ["not below the preferred 43"]),
        (700, 4_999, "possible", ["not below the preferred 43"]),
        (700, 5_000, "unlikely", ["not below 50"]),
        (600, 4_500, "unlikely", ["below 620", "preferred 43"]),
    ],
)
def test_pre_approval_follows_score_and_ratio_and_says_why(score, debts, outlook, words):
    row = application(credit_score=score, monthly_income=Decimal(10_000), monthly_debt=Decimal(debts))
    check = preapproval_of(LoanFile(row, [], []))
    assert check.outlook == outlook
    assert [word in reason for word, reason in zip(words, check.reasons, strict=True)] == [True] * len(words)


def test_the_payment_of_the_new_loan_counts_and_the_larger_of_said_and_named_debts():
    row = application(
        credit_score=700, monthly_income=Decimal(10_000), monthly_debt=Decimal(100), loan_amount=Decimal(600_000)
    )
    check = preapproval_of(LoanFile(row, [debt(DebtType.OTHER, "900")], []))
    assert check.ratio == ratio_percent(900 + monthly_payment(Decimal(600_000)), Decimal(10_000))
