"""The mortgage tools as an MCP client meets them, on both databases."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from convonet.core.errors import ConvonetError
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow
from convonet.domains.mortgage.seed import seed
from tests.domains.conftest import ALICE, BOB

FIGURES = {
    "credit_score": 735,
    "monthly_income": "9200.00",
    "monthly_debt": 530,
    "down_payment_amount": 90_000,
    "loan_amount": 360_000,
    "property_value": 450_000,
}
NOBODYS = "00000000-0000-4000-8000-000000000009"
keys = iter(range(10**9))


async def call(toolbox, tool, claims=ALICE, key=None, **arguments):
    key = key or f"key-{next(keys)}"
    return await toolbox.call("mortgage", tool, arguments, claims=claims, idempotency_key=key)


async def good(toolbox, tool, claims=ALICE, key=None, **arguments):
    result = await call(toolbox, tool, claims, key, **arguments)
    assert result.ok, result.text
    assert result.text.endswith(".")
    return result


async def start(toolbox, claims=ALICE):
    return (await good(toolbox, "create_mortgage_application", claims)).data["application"]["application_id"]


async def application(toolbox, claims=ALICE, **arguments):
    return (await good(toolbox, "get_mortgage_application_status", claims, **arguments)).data["application"]


async def counts(database):
    async with database.reading() as session:
        tables = (ApplicationRow, DebtRow, DocumentRow)
        return [await session.scalar(select(func.count()).select_from(table)) for table in tables]


async def test_an_application_goes_from_its_start_to_the_lender(toolbox):
    begun = await good(toolbox, "create_mortgage_application")
    assert begun.text == (
        "I started a mortgage application. Next I need your credit score and your monthly income, "
        "and 4 more figures later."
    )
    assert begun.data["application"]["status"] == "draft"
    noted = await good(toolbox, "update_mortgage_financial_info", credit_score=735)
    assert noted.data["application"]["status"] == "financial_review"
    noted = await good(toolbox, "update_mortgage_financial_info", **FIGURES)
    assert noted.data["application"]["status"] == "document_collection"
    assert noted.data["application"]["dti_ratio"] == "5.76"
    for kind in noted.data["application"]["missing_documents"]:
        await good(toolbox, "upload_mortgage_document", document_type=kind, document_name=f"my {kind}")
    done = await good(toolbox, "get_mortgage_application_status")
    assert done.data["application"]["status"] == "document_verification"
    assert done.text == (
        "Your application is in document verification. All documents are there; the lender verifies them now."
    )


async def test_debts_are_added_listed_and_counted(toolbox):
    await start(toolbox)
    assert (await good(toolbox, "get_mortgage_debts")).text == "There are no debts on your application."
    added = await good(
        toolbox, "add_mortgage_debt", debt_type="auto_loan", monthly_payment="410.50", creditor_name="Example Motors"
    )
    assert added.text == "I added the auto loan with 410 dollars and 50 cents a month."
    await good(toolbox, "add_mortgage_debt", debt_type="credit_card", monthly_payment=120)
    listed = await good(toolbox, "get_mortgage_debts")
    assert listed.text.endswith("Together that is 530 dollars and 50 cents a month.")
    assert [debt["monthly_payment"] for debt in listed.data["debts"]] == ["410.50", "120.00"]
    missing = await good(toolbox, "get_missing_documents")
    assert {"debt_auto_loan", "debt_credit_card"} <= set(missing.data["missing"])


async def test_a_larger_sum_that_the_caller_named_counts(toolbox):
    await start(toolbox)
    await good(toolbox, "add_mortgage_debt", debt_type="credit_card", monthly_payment=120)
    await good(toolbox, "update_mortgage_financial_info", monthly_debt=500)
    listed = await good(toolbox, "get_mortgage_debts")
    assert listed.text.endswith("is 120 dollars a month. You told me of 500 dollars in all, so that is what counts.")
    await good(toolbox, "update_mortgage_financial_info", monthly_debt=50)
    assert (await good(toolbox, "get_mortgage_debts")).text.endswith("Together that is 120 dollars a month.")


async def test_only_the_last_digits_of_an_account_number_are_stored(toolbox, database):
    await start(toolbox)
    card = {"debt_type": "credit_card", "monthly_payment": 25, "account_number": "4000-1234-5678-9010"}
    added = await good(toolbox, "add_mortgage_debt", **card)
    assert added.data["debt"]["account_ending"] == "9010"
    async with database.reading() as session:
        assert await session.scalar(select(DebtRow.account_number)) == "9010"


async def test_documents_that_the_lender_has_verified_bring_an_application_under_review(toolbox, database):
    await start(toolbox)
    noted = await good(toolbox, "update_mortgage_financial_info", **FIGURES)
    for kind in noted.data["application"]["missing_documents"]:
        await good(toolbox, "upload_mortgage_document", document_type=kind, document_name=f"my {kind}")
    async with database.transaction() as session:
        await session.execute(update(DocumentRow).values(status="verified"))
    seen = await good(toolbox, "get_mortgage_application_status")
    assert (seen.text, seen.data["application"]["status"]) == ("Your application is under review.", "under_review")
    async with database.reading() as session:
        row = (await session.scalars(select(ApplicationRow))).one()
    assert (row.status, row.document_verification_completed) == ("under_review", True)
    late = await call(toolbox, "add_mortgage_debt", debt_type="other", monthly_payment=10)
    assert late.text == "Your application is under review, so it can't be changed any more."
    assert await good(toolbox, "cancel_mortgage_application")


async def test_documents_are_noted_and_what_is_missing_is_said(toolbox):
    general = await good(toolbox, "get_required_documents")
    assert general.data["application_id"] is None
    await start(toolbox)
    assert (await good(toolbox, "get_mortgage_documents")).text == "There are no documents on your application yet."
    await good(
        toolbox,
        "upload_mortgage_document",
        document_type="income_tax_return",
        document_name="Taxes 2025",
        file_url="https://files.example.com/taxes.pdf",
    )
    listed = await good(toolbox, "get_mortgage_documents")
    assert listed.text == "On your application: Taxes 2025, uploaded."
    assert "income_1099" in (await good(toolbox, "get_missing_documents")).data["missing"]


async def test_ratio_and_pre_approval_are_said_with_their_reasons(toolbox):
    await start(toolbox)
    early = await call(toolbox, "calculate_dti_ratio")
    assert (early.ok, early.text) == (False, "For that I need to know your monthly income and your monthly debts.")
    await good(toolbox, "update_mortgage_financial_info", monthly_income=10_000, monthly_debt=3_600, credit_score=600)
    ratio = await good(toolbox, "calculate_dti_ratio")
    assert ratio.text == "Your debt to income ratio is 36 percent, which is good."
    check = await good(toolbox, "check_preapproval")
    assert check.data["outlook"] == "unlikely"
    assert check.text == (
        "A pre-approval does not look likely. The credit score of 600 is below 620. The lender decides."
    )
    await good(toolbox, "update_mortgage_financial_info", credit_score=700)
    check = await good(toolbox, "check_preapproval")
    assert check.data["outlook"] == "likely"
    assert check.text == (
        "With a credit score of 700 and a debt to income ratio of 36 percent, a pre-approval looks likely. "
        "The lender decides."
    )
    await good(toolbox, "update_mortgage_financial_info", monthly_debt=4_300)
    check = await good(toolbox, "check_preapproval")
    assert check.text == (
        "A pre-approval is possible but not certain. The debt to income ratio of 43 percent is not below the "
        "preferred 43 percent. The lender decides."
    )


async def test_estimates_need_no_application(toolbox):
    payment = await good(toolbox, "estimate_payment", loan_amount=300_000, annual_rate_percent=6)
    assert payment.text == (
        "About 1,798 dollars and 66 cents a month at 6 percent over 30 years, without taxes and insurance."
    )
    room = await good(toolbox, "estimate_affordability", monthly_income=9_000, down_payment_amount=50_000)
    assert room.data["affordable_payment"] == "2520.00"
    assert int(room.data["highest_price"]) == int(room.data["largest_loan"]) + 50_000
    none = await good(toolbox, "estimate_affordability", monthly_income=2_000, monthly_debt=1_500)
    assert none.text == "With these debts there is no room for a mortgage payment."


async def test_the_newest_open_application_is_meant_when_none_is_named(toolbox):
    first = await start(toolbox)
    second = await start(toolbox)
    assert (await application(toolbox))["application_id"] == second
    await good(toolbox, "cancel_mortgage_application")
    assert (await application(toolbox))["application_id"] == first
    assert (await application(toolbox, application_id=second))["status"] == "cancelled"


async def test_a_cancelled_application_can_not_be_changed(toolbox, database):
    await start(toolbox)
    await good(toolbox, "cancel_mortgage_application")
    before = await counts(database)
    for tool, arguments in (
        ("cancel_mortgage_application", {}),
        ("update_mortgage_financial_info", {"credit_score": 700}),
        ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": 10}),
        ("upload_mortgage_document", {"document_type": "identification", "document_name": "Passport"}),
        ("check_preapproval", {}),
    ):
        refused = await call(toolbox, tool, **arguments)
        assert not refused.ok, tool
        assert "cancelled" in refused.text or "closed" in refused.text
    assert await counts(database) == before


BAD_INPUT = [
    ("update_mortgage_financial_info", {}),
    ("update_mortgage_financial_info", {"credit_score": 299}),
    ("update_mortgage_financial_info", {"credit_score": 851}),
    ("update_mortgage_financial_info", {"monthly_income": 0}),
    ("update_mortgage_financial_info", {"monthly_income": "9200.005"}),
    ("update_mortgage_financial_info", {"monthly_income": "NaN"}),
    ("update_mortgage_financial_info", {"monthly_debt": -1}),
    ("update_mortgage_financial_info", {"loan_amount": 10**12}),
    ("update_mortgage_financial_info", {"loan_amount": 500_000, "property_value": 400_000}),
    ("add_mortgage_debt", {"debt_type": "gambling", "monthly_payment": 10}),
    ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": -10}),
    ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": 10, "creditor_name": "x" * 256}),
    ("upload_mortgage_document", {"document_type": "selfie", "document_name": "Me"}),
    ("upload_mortgage_document", {"document_type": "identification", "document_name": " "}),
    (
        "upload_mortgage_document",
        {"document_type": "identification", "document_name": "Me", "file_url": "javascript:x"},
    ),
    ("get_mortgage_application_status", {"application_id": "not an id"}),
    ("estimate_payment", {"loan_amount": 1}),
    ("estimate_payment", {"loan_amount": 100_000, "years": 0}),
    ("estimate_payment", {"loan_amount": 100_000, "annual_rate_percent": "25.001"}),
    ("estimate_affordability", {"monthly_income": -5}),
    ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": 10, "account_number": "ends in 123"}),
    ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": "Infinity"}),
    ("get_mortgage_application_status", {"application_id": NOBODYS}),
]


async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(toolbox, database):
    await start(toolbox)
    before = json.dumps(await application(toolbox)), await counts(database)
    for tool, arguments in BAD_INPUT:
        refused = await call(toolbox, tool, **arguments)
        assert not refused.ok, (tool, arguments)
        assert refused.text.endswith((".", "?")), (tool, arguments)
        assert refused.text != ConvonetError.spoken, (tool, arguments)
        assert (json.dumps(await application(toolbox)), await counts(database)) == before, (tool, arguments)


async def test_no_caller_reads_or_changes_another_callers_application(toolbox, database):
    alices = await start(toolbox)
    await good(toolbox, "update_mortgage_financial_info", **FIGURES)
    before = json.dumps(await application(toolbox)), await counts(database)
    for tool, arguments in (
        ("get_mortgage_application_status", {}),
        ("update_mortgage_financial_info", {"credit_score": 400}),
        ("cancel_mortgage_application", {}),
        ("calculate_dti_ratio", {}),
        ("check_preapproval", {}),
        ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": 10}),
        ("get_mortgage_debts", {}),
        ("upload_mortgage_document", {"document_type": "identification", "document_name": "Passport"}),
        ("get_mortgage_documents", {}),
        ("get_missing_documents", {}),
    ):
        refused = await call(toolbox, tool, BOB, application_id=alices, **arguments)
        unknown = await call(toolbox, tool, BOB, application_id=NOBODYS, **arguments)
        assert (
            (refused.ok, refused.text)
            == (unknown.ok, unknown.text)
            == (
                False,
                "I can't find that mortgage application.",
            )
        ), tool
    assert (json.dumps(await application(toolbox)), await counts(database)) == before
    assert "no mortgage application yet" in (await call(toolbox, "get_mortgage_debts", BOB)).text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("create_mortgage_application", {}),
        ("update_mortgage_financial_info", {"credit_score": 700}),
        ("add_mortgage_debt", {"debt_type": "other", "monthly_payment": 10}),
        ("upload_mortgage_document", {"document_type": "identification", "document_name": "Passport"}),
        ("cancel_mortgage_application", {}),
    ],
)
async def test_a_repeated_call_acts_once_and_answers_the_same(toolbox, database, tool, arguments):
    await start(toolbox)
    calls = [call(toolbox, tool, key="the same", **arguments) for _ in range(4)]
    answers = [*await asyncio.gather(*calls), await call(toolbox, tool, key="the same", **arguments)]
    assert {(answer.ok, answer.text, json.dumps(answer.data)) for answer in answers} == {
        (True, answers[0].text, json.dumps(answers[0].data))
    }
    applications, debts, documents = await counts(database)
    assert applications == (2 if tool == "create_mortgage_application" else 1)
    assert debts + documents == (1 if tool.startswith(("add", "upload")) else 0)


async def test_figures_that_come_at_once_are_all_kept_and_each_sees_those_before(toolbox, database):
    await start(toolbox)
    async with asyncio.TaskGroup() as group, database.transaction() as session:
        await session.execute(update(ApplicationRow).values(credit_history_years=9))
        for name, value in FIGURES.items():
            group.create_task(good(toolbox, "update_mortgage_financial_info", **{name: value}))
        # as long as the row is held here, all of them come to it
        await asyncio.sleep(0.3)
    async with database.reading() as session:
        assert await session.scalar(select(ApplicationRow.status)) == "document_collection"
    assert (await application(toolbox))["missing_figures"] == []


async def test_a_caller_has_a_few_open_applications_at_most(toolbox):
    for _ in range(5):
        await start(toolbox)
    refused = await call(toolbox, "create_mortgage_application")
    assert (refused.ok, refused.text) == (False, "You have 5 applications open; please finish one first.")


async def test_many_starts_at_once_do_not_go_beyond_the_limit(toolbox):
    answers = await asyncio.gather(*(call(toolbox, "create_mortgage_application") for _ in range(12)))
    assert sum(answer.ok for answer in answers) == 5


async def test_the_demo_data_is_an_application_in_progress_however_often_it_is_seeded(toolbox, database):
    for _ in range(2):
        async with database.transaction() as session:
            await seed(session, UUID(ALICE.user_id), datetime.now(UTC))
    shown = await application(toolbox)
    assert (shown["status"], shown["debts_count"], shown["documents_count"]) == ("document_collection", 2, 2)
    assert shown["missing_documents"] == [
        "income_w2",
        "asset_bank_statement",
        "debt_credit_card",
        "debt_auto_loan",
        "down_payment_source",
    ]
