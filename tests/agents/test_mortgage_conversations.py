"""A caller applies for a mortgage by voice: figures one by one, debts, documents, estimates, and giving it up."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from convonet.agents.base import ToolStarted
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow
from convonet.domains.mortgage.seed import seed

CREDIT, INCOME = "What is your credit score?", "What is your income a month, before taxes?"
DEBTS, DOWN = "What do you pay for debts each month, all together?", "How much can you put down?"
LOAN, VALUE = "How much do you want to borrow?", "What is the value of the property?"
NONE_YET = "You have no mortgage application yet. Would you like to start one?"


@pytest.fixture
async def world(todays_world):
    return todays_world


async def say_all(talk, *lines):
    for line in lines:
        heard = await talk.say(line)
    return heard


async def rows(world, table=ApplicationRow):
    async with world.database.reading() as session:
        return (await session.scalars(select(table).order_by(table.created_at))).all()


async def applied(world, *lines):
    """A conversation with the demo's application: all figures, two debts and two documents are there."""
    talk = await world.talk()
    async with world.database.transaction() as session:
        await seed(session, uuid.UUID(talk.caller.user_id), datetime.now(UTC))
    if lines:
        await say_all(talk, *lines)
    return talk


def calls(heard):
    return [(event.tool, dict(event.arguments)) for event in heard.events if isinstance(event, ToolStarted)]


async def test_an_application_is_filled_in_figure_by_figure(world):
    talk = await world.talk()
    started = await talk.say("i'd like to apply for a mortgage")
    assert started.text == f"I started a mortgage application. {CREDIT}"
    assert started.final.agent_type == "mortgage"
    noted = await talk.say("seven forty")
    assert noted.text == f"I noted a credit score of 740. {INCOME}"
    assert calls(noted) == [("update_mortgage_financial_info", {"credit_score": 740})]
    assert (await talk.say("nine thousand two hundred")).text.endswith(DEBTS)
    assert (await talk.say("twelve hundred a month")).text == f"I noted debts of 1,200 dollars a month. {DOWN}"
    assert (await talk.say("ninety thousand dollars")).text.endswith(LOAN)
    assert (await talk.say("three sixty thousand")).text.endswith(VALUE)
    last = await talk.say("four hundred fifty thousand")
    assert last.text.startswith("I noted a property value of 450,000 dollars. Still missing: a photo identification,")
    (row,) = await rows(world)
    assert (row.credit_score, row.monthly_income, row.monthly_debt) == (740, 9200, 1200)
    assert (row.down_payment_amount, row.loan_amount, row.property_value) == (90_000, 360_000, 450_000)
    assert row.status == "document_collection"


async def test_several_figures_may_come_in_one_sentence(world):
    talk = await world.talk()
    await talk.say("start a mortgage application")
    heard = await talk.say("my credit score is seven forty and i make a hundred and eight thousand a year")
    assert heard.text == f"I noted a credit score of 740 and an income of 9,000 dollars a month. {DEBTS}"
    await talk.say("nothing")
    (row,) = await rows(world)
    assert (row.credit_score, row.monthly_income, row.monthly_debt) == (740, 9000, 0)


@pytest.mark.parametrize("said", ["no make it seven fifty", "actually it's 750", "sorry my score is seven fifty"])
async def test_a_value_that_was_just_noted_can_be_corrected(world, said):
    talk = await world.talk()
    await say_all(talk, "apply for a mortgage", "seven forty")
    heard = await talk.say(said)
    assert calls(heard) == [("update_mortgage_financial_info", {"credit_score": 750})]
    assert heard.text == f"I noted a credit score of 750. {INCOME}"
    await talk.say("eight thousand")
    (row,) = await rows(world)
    assert (row.credit_score, row.monthly_income) == (750, 8000)


async def test_an_implausible_monthly_income_is_asked_for_again(world):
    talk = await world.talk()
    await say_all(talk, "apply for a mortgage", "seven forty")
    assert (await talk.say("ninety six thousand")).text == (
        f"Sorry? {INCOME} For example: nine thousand dollars a month."
    )
    assert "an income of 8,000 dollars a month" in (await talk.say("ninety six thousand a year")).text
    assert (await rows(world))[0].monthly_income == 8000


async def test_a_figure_that_the_caller_does_not_know_is_left_for_later(world):
    talk = await world.talk()
    await talk.say("apply for a mortgage")
    assert (await talk.say("i don't know")).text == INCOME
    assert (await talk.say("nine thousand")).text.endswith(DEBTS)
    (row,) = await rows(world)
    assert (row.credit_score, row.monthly_income) == (None, 9000)


async def test_figures_without_an_application_are_kept_until_it_is_started(world):
    talk = await world.talk()
    assert (await talk.say("my credit score is seven forty")).text == NONE_YET
    assert await rows(world) == []
    assert (await talk.say("yes please")).text == f"I noted a credit score of 740. {INCOME}"
    (row,) = await rows(world)
    assert row.credit_score == 740


async def test_nothing_is_started_when_the_caller_says_no(world):
    talk = await world.talk()
    assert (await talk.say("which documents are missing")).text == NONE_YET
    assert (await talk.say("no")).text == "Okay, I'll leave it."
    assert await rows(world) == []


async def test_a_caller_with_an_application_continues_it_or_starts_another(world):
    talk = await applied(world)
    heard = await talk.say("i'd like to apply for a mortgage")
    assert heard.text.startswith("You have an application already, and it is waiting for documents. Still missing: ")
    assert heard.tools == ["get_mortgage_application_status"]
    asked = await talk.say("start another mortgage application")
    assert asked.text.endswith("Shall I start another one?")
    assert len(await rows(world)) == 1
    assert (await talk.say("yes")).text == f"I started a mortgage application. {CREDIT}"
    assert len(await rows(world)) == 2


async def test_the_loan_is_changed_by_saying_so(world):
    talk = await applied(world)
    heard = await talk.say("make the loan four hundred thousand instead")
    assert calls(heard) == [("update_mortgage_financial_info", {"loan_amount": 400_000})]
    assert heard.text.startswith("I noted a loan of 400,000 dollars. Still missing: ")
    await talk.say("make it three hundred eighty thousand")
    assert (await rows(world))[0].loan_amount == 380_000


async def test_a_loan_above_the_value_is_asked_for_again(world):
    talk = await applied(world)
    heard = await talk.say("change the loan amount to five hundred thousand")
    assert heard.text == f"The loan can't be larger than the value of the property. {LOAN}"
    assert (await rows(world))[0].loan_amount == 360_000
    await talk.say("four hundred thousand")
    assert (await rows(world))[0].loan_amount == 400_000


async def test_the_status_names_missing_values_and_takes_the_answer(world):
    talk = await world.talk()
    await say_all(talk, "apply for a mortgage", "never mind")
    heard = await talk.say("what's the status of my application")
    assert heard.text == (
        "Your application is a draft. Next I need your credit score and your monthly income, and 4 more figures later."
    )
    await talk.say("seven forty")
    assert (await rows(world))[0].credit_score == 740


async def test_a_debt_is_added_with_all_that_was_said_of_it(world):
    talk = await applied(world)
    heard = await talk.say("i also have a car loan, three hundred a month")
    assert heard.text == "I added the auto loan with 300 dollars a month."
    assert calls(heard) == [("add_mortgage_debt", {"debt_type": "auto_loan", "monthly_payment": 300})]
    await talk.say(
        "i have a student loan with navient at five and a half percent, two fifty a month, i owe 20 thousand"
    )
    debts = await rows(world, DebtRow)
    (student,) = (debt for debt in debts if debt.debt_type == "student_loan")
    assert (student.creditor_name, student.monthly_payment, student.outstanding_balance, student.interest_rate) == (
        "Navient",
        250,
        20_000,
        Decimal("5.50"),
    )


async def test_a_debt_is_asked_for_piece_by_piece(world):
    talk = await applied(world)
    assert (await talk.say("i forgot to mention another debt")).text.startswith(
        "What kind of debt is it: a credit card"
    )
    assert (await talk.say("a student loan")).text == "How much do you pay for it each month?"
    assert (await talk.say("blue bananas")).text.startswith("Sorry? How much do you pay for it each month?")
    assert (await talk.say("one eighty")).text == "I added the student loan with 180 dollars a month."
    assert len(await rows(world, DebtRow)) == 3
    listed = await talk.say("which debts are on my application")
    assert listed.text.startswith("There are 3 debts: auto loan, 410 dollars; credit card, 120 dollars; student loan")


async def test_a_debt_named_in_between_does_not_lose_the_question(world):
    talk = await world.talk()
    await say_all(talk, "apply for a mortgage", "seven forty")
    heard = await talk.say("i also have a car loan, three hundred a month")
    assert heard.text == f"I added the auto loan with 300 dollars a month. {INCOME}"
    await talk.say("nine thousand")
    (row,) = await rows(world)
    assert (row.monthly_income, len(await rows(world, DebtRow))) == (9000, 1)


async def test_two_debts_of_one_sentence_are_both_added(world):
    talk = await applied(world)
    await talk.say("i have a truck loan, three hundred a month, and alimony of six hundred a month")
    added = {(debt.debt_type, debt.monthly_payment) for debt in await rows(world, DebtRow)}
    assert added >= {("auto_loan", 300), ("other", 600)}


async def test_a_question_about_applying_starts_nothing_before_the_yes(world):
    talk = await world.talk()
    assert (await talk.say("how do i get a mortgage")).text == "Shall I start a mortgage application for you?"
    assert await rows(world) == []
    assert (await talk.say("yes")).text == f"I started a mortgage application. {CREDIT}"


async def test_documents_are_handed_in_and_are_no_longer_missing(world):
    talk = await applied(world)
    assert "a W 2 form" in (await talk.say("which documents are missing")).text
    heard = await talk.say("i uploaded my w2 and my bank statement")
    assert heard.text == (
        "I noted a W 2 form on your application. It still has to be verified. "
        "I noted a bank statement on your application. It still has to be verified."
    )
    named = {document.document_type: document.document_name for document in await rows(world, DocumentRow)}
    assert (named["income_w2"], named["asset_bank_statement"]) == ("W-2", "Bank statement")
    missing = (await talk.say("which documents are missing")).text
    assert missing.startswith("Still missing: ")
    assert "W 2" not in missing
    assert "W-2, uploaded" in (await talk.say("which documents do you have from me")).text


async def test_an_unnamed_document_is_asked_for(world):
    talk = await applied(world)
    assert (await talk.say("i sent you a document")).text == "Which document is it?"
    assert (await talk.say("my tax return")).text.startswith("I noted a tax return")
    assert "income_tax_return" in {document.document_type for document in await rows(world, DocumentRow)}


async def test_required_documents_are_listed_without_an_application(world):
    talk = await world.talk()
    heard = await talk.say("which documents do i need for a mortgage")
    assert heard.tools == ["get_required_documents"]
    assert heard.text == "Needed: a photo identification, a recent pay stub, a W 2 form and a bank statement."


async def test_debt_to_income_and_pre_approval_are_worked_out(world):
    talk = await applied(world)
    ratio = await talk.say("what's my debt to income ratio")
    assert ratio.text.startswith("Your debt to income ratio is 5.76 percent, which is excellent. With the new payment")
    check = await talk.say("would i be pre-approved")
    assert check.text.startswith("With a credit score of 735 and a debt to income ratio of")
    assert (ratio.tools, check.tools) == (["calculate_dti_ratio"], ["check_preapproval"])


async def test_missing_values_for_pre_approval_are_asked_for_and_noted(world):
    talk = await world.talk()
    await say_all(talk, "apply for a mortgage", "never mind")
    asked = await talk.say("would i be pre-approved with a credit score of eight hundred")
    assert asked.text == (
        f"For that I need to know your credit score, your monthly income and your monthly debts. {CREDIT}"
    )
    assert (await rows(world))[0].credit_score is None
    await say_all(talk, "seven forty", "nine thousand a month")
    assert "a pre-approval looks likely" in (await talk.say("five hundred")).text
    (row,) = await rows(world)
    assert (row.credit_score, row.monthly_income, row.monthly_debt) == (740, 9000, 500)


async def test_a_payment_is_estimated_and_asked_for_again_with_other_figures(world):
    talk = await world.talk()
    heard = await talk.say(
        "what would the payment be on four hundred fifty thousand over thirty years at six and a half percent"
    )
    assert calls(heard) == [
        ("estimate_payment", {"loan_amount": 450_000, "annual_rate_percent": 6.5, "years": 30}),
    ]
    assert heard.text.startswith("About 2,844 dollars and 31 cents a month at 6.5 percent over 30 years")
    for said, changed in (
        ("what about fifteen years", {"years": 15}),
        ("what if the rate is seven percent", {"annual_rate_percent": 7}),
        ("make the loan four hundred thousand instead", {"loan_amount": 400_000}),
    ):
        ((tool, arguments),) = calls(await talk.say(said))
        assert tool == "estimate_payment"
        assert arguments.items() >= changed.items()
    assert arguments == {"loan_amount": 400_000, "annual_rate_percent": 7, "years": 15}
    assert await rows(world) == []


async def test_a_payment_without_an_amount_is_that_of_the_own_loan(world):
    talk = await applied(world)
    heard = await talk.say("what would my monthly payment be")
    assert heard.text.startswith("For a loan of 360,000 dollars: about 2,3")
    stranger = await world.talk()
    assert (await stranger.say("what would my monthly payment be")).text == "For what loan amount?"
    assert (await stranger.say("two fifty thousand")).text.startswith("About 1,62")


async def test_an_affordable_price_is_estimated_from_answers(world):
    talk = await world.talk()
    assert (await talk.say("how much house can i afford")).text == INCOME
    assert (await talk.say("nine thousand a month")).text == DEBTS
    assert (await talk.say("none")).text == DOWN
    heard = await talk.say("fifty thousand")
    assert calls(heard) == [
        ("estimate_affordability", {"monthly_income": 9000, "monthly_debt": 0, "down_payment_amount": 50_000})
    ]
    assert heard.text.startswith("A loan of up to about 388,")
    (_, arguments) = calls(await talk.say("what if i put down eighty thousand"))[0]
    assert arguments == {"monthly_income": 9000, "monthly_debt": 0, "down_payment_amount": 80_000}
    assert await rows(world) == []


async def test_an_applicants_affordable_price_is_estimated_from_their_application(world):
    talk = await applied(world)
    heard = await talk.say("how much house can i afford")
    assert heard.text.startswith("With the figures from your application: A loan of up to about")
    assert calls(heard)[-1] == (
        "estimate_affordability",
        {"monthly_income": 9200, "monthly_debt": 530, "down_payment_amount": 90_000},
    )


async def test_an_application_is_cancelled_after_a_yes_only(world):
    talk = await applied(world)
    asked = await talk.say("cancel my application")
    assert asked.text == (
        "Do you really want to cancel your mortgage application for good? It is waiting for documents."
    )
    await talk.say("no")
    assert (await rows(world))[0].status == "document_collection"
    await talk.say("i want to withdraw my mortgage application")
    assert (await talk.say("yes")).text == "I cancelled your mortgage application."
    assert (await rows(world))[0].status == "cancelled"
    assert (await talk.say("cancel my application")).text == "Your application was cancelled."


async def test_a_figure_of_the_application_is_read_out(world):
    talk = await applied(world)
    assert (await talk.say("what's my credit score")).text == "Your application says a credit score of 735."
    assert (await talk.say("what are my closing costs")).text == "Your application does not say closing costs yet."


@pytest.mark.parametrize(
    ("said", "agent_type"),
    [
        ("remind me to pay the mortgage", "todo"),
        ("add finish my mortgage application to my list", "todo"),
        ("transfer 500 dollars", "general"),
        ("my real estate agent", "general"),
    ],
)
async def test_sentences_that_only_name_money_or_a_mortgage_go_elsewhere(world, said, agent_type):
    talk = await world.talk()
    heard = await talk.say(said)
    assert heard.final.agent_type == agent_type
    assert not any("mortgage" in tool for tool in heard.tools)
