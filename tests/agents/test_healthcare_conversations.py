"""The health plan by voice: members' questions, the tool calls for them, and the changes that they make."""

import pytest
from sqlalchemy import select

from convonet.core.caller import Caller
from convonet.core.ids import DEMO_USER_ID
from convonet.demo import seed_demo
from convonet.domains.healthcare.models import AuthorizationRow, ClaimRow, EnrollmentRow
from tests.agents.conftest import Conversation


@pytest.fixture
async def talk(todays_world, tmp_path):
    """A conversation with the demonstration's member."""
    await seed_demo(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    return Conversation(todays_world.agent, Caller(DEMO_USER_ID, "Demo", "America/Los_Angeles"))


async def rows(world, table, **where):
    async with world.database.reading() as session:
        return list(await session.scalars(select(table).filter_by(**where)))


@pytest.mark.parametrize(
    ("said", "tool", "arguments", "words"),
    [
        ("am i covered", "check_eligibility", {}, "Yes, you are covered by Convonet Gold PPO"),
        ("is my plan still active", "check_eligibility", {}, "covered"),
        ("when does my coverage end", "get_coverage_dates", {}, "has no end date"),
        ("what does my plan cover", "get_benefits_summary", {}, "14 kinds of service"),
        ("is physical therapy covered", "check_benefit_coverage", {"service_type": "physical_therapy"}, "30 visits"),
        ("what's my copay for a specialist", "get_copay_info", {"service_type": "specialist_visit"}, "50 dollars"),
        ("how much is an mri", "get_copay_info", {"service_type": "diagnostic_imaging"}, "20 percent"),
        ("what's left on my deductible", "get_deductible_status", {}, "of 1,500 dollars"),
        ("how close am i to my out of pocket maximum", "get_out_of_pocket_status", {}, "of 6,500 dollars"),
        ("which screenings am i due for", "get_preventive_care", {}, "at no cost"),
        ("what claims do i have", "search_claims", {}, "more than 10 claims"),
        ("are any of my claims denied", "search_claims", {"status": "denied"}, "2 claims"),
        ("does surgery need prior authorization", "check_prior_auth_required", {"service_type": "surgery"}, "needs"),
        ("list my prior authorizations", "list_prior_auths", {}, "5 prior authorizations"),
        ("find a cardiologist near me", "search_providers", {"specialty": "cardiologist"}, "Bruno Example"),
        ("find an eye doctor by 94115", "search_providers", {"specialty": "eye doctor", "zip_code": "94115"}, "no"),
        ("which care programs do you have", "get_care_programs", {}, "5 care programs"),
    ],
)  # fmt: skip
async def test_one_sentence_is_answered_by_one_tool(talk, said, tool, arguments, words):
    heard = await talk.say(said)
    assert [(event.tool, event.arguments) for event in heard.events if type(event).__name__ == "ToolStarted"] == [
        (tool, arguments)
    ]
    assert words in heard.text
    assert heard.final.agent_type == "healthcare"


async def test_a_kind_of_service_is_asked_for_and_changed(talk):
    assert (await talk.say("what's my copay")).text == "For which kind of service?"
    assert "75 dollars" in (await talk.say("urgent care")).text
    assert "250 dollars" in (await talk.say("and for the emergency room")).text


async def test_an_unknown_service_is_asked_for_again_with_an_example(talk):
    await talk.say("what's my copay")
    assert (await talk.say("blue bananas")).text.startswith("Sorry? For which kind of service? For example")


async def test_the_newest_claim_is_the_newest_whatever_its_state(talk):
    heard = await talk.say("is my last claim paid")
    assert heard.tools == ["search_claims", "get_claim_status"]
    assert "Harbor Demo Laboratory" in heard.text
    more = await talk.say("tell me more about it")
    assert more.tools == ["search_claims", "get_claim_details"]
    assert "The bill was" in more.text


async def test_of_several_claims_one_is_chosen(talk):
    asked = await talk.say("why was my claim denied")
    assert asked.text.startswith("Which one: ")
    assert "was denied because" in (await talk.say("the second one")).text


async def test_an_appeal_needs_a_claim_a_reason_and_a_yes(talk, todays_world):
    await talk.say("i want to appeal a denied claim")
    asked = await talk.say("the first one")
    assert asked.text.endswith("why is the denial wrong?")
    sure = await talk.say("my doctor had asked for authorization by phone")
    assert sure.text.endswith("because: my doctor had asked for authorization by phone. Shall I file that?")
    before = await rows(todays_world, ClaimRow, is_appealed=True)
    assert "I filed your appeal" in (await talk.say("yes")).text
    (appealed,) = set(await claim_numbers(todays_world)) - {claim.claim_number for claim in before}
    (row,) = await rows(todays_world, ClaimRow, claim_number=appealed)
    assert (row.status, row.appeal_reason) == ("appealed", "my doctor had asked for authorization by phone")


async def test_another_claim_is_chosen_before_the_yes(talk, todays_world):
    before = await claim_numbers(todays_world)
    await talk.say("appeal my denied claim because it was an emergency")
    first = await talk.say("the first one")
    second = await talk.say("no, the second one")
    assert second.text.endswith("because: it was an emergency. Shall I file that?")
    assert second.text != first.text
    assert (await talk.say("no, the first one")).text == first.text
    assert await claim_numbers(todays_world) == before


async def test_a_question_in_between_leaves_the_appeal_open(talk):
    await talk.say("appeal my denied claim")
    asked = await talk.say("the first one")
    aside = await talk.say("how much of my deductible have i met")
    assert aside.tools == ["get_deductible_status"]
    assert aside.text.endswith(asked.text)
    assert "because: it was an emergency" in (await talk.say("because it was an emergency")).text


async def test_the_last_claim_is_not_the_one_that_was_talked_of(talk):
    await talk.say("why was my claim denied")
    assert "Mission Imaging" in (await talk.say("the first one")).text
    assert "Harbor Demo Laboratory" in (await talk.say("is my last claim paid")).text


async def claim_numbers(world):
    return [claim.claim_number for claim in await rows(world, ClaimRow, is_appealed=True)]


async def test_without_a_yes_nothing_is_appealed(talk, todays_world):
    before = await claim_numbers(todays_world)
    await talk.say("appeal my denied claim because it was an emergency")
    await talk.say("the first one")
    assert (await talk.say("no")).text == "Okay, I'll leave it."
    assert await claim_numbers(todays_world) == before


async def test_the_plans_payment_is_explained(talk):
    await talk.say("show me my claims that were denied")
    await talk.say("what did my plan pay for that claim")
    heard = await talk.say("the first one")
    assert heard.tools[-1] == "get_eob"


async def test_doctors_are_found_and_asked_about_one_by_one(talk):
    assert (await talk.say("i need a doctor")).text == "What kind of doctor?"
    await talk.say("a heart doctor")
    second = await talk.say("is the second one in network")
    assert second.text.startswith("Dr. Carla Placeholder is in your network")
    about = await talk.say("tell me more about her")
    assert about.tools == ["get_provider_details"]
    assert "Oakland" in about.text
    named = await talk.say("what's the phone number of doctor example")
    assert named.text.startswith("Dr. Bruno Example")


async def test_a_doctor_of_whom_nobody_spoke_is_asked_for(talk):
    assert (await talk.say("is doctor nobody in my network")).text.startswith("Which doctor?")
    heard = await talk.say("one zero zero zero zero zero zero one zero five")
    assert "Dr. Esra Mockup" in heard.text


async def test_a_doctor_who_was_not_found_is_not_mixed_up_with_others(talk):
    await talk.say("find a dermatologist near 94110")
    unknown = await talk.say("is doctor smith in my network")
    assert (unknown.tools, unknown.text.split("?")[0]) == ([], "Which doctor")
    assert "Dr. Esra Mockup" in (await talk.say("does doctor mockup take my insurance")).text


async def test_whether_a_procedure_needs_authorization_goes_by_its_code(talk):
    heard = await talk.say("does procedure 70553 need prior authorization")
    assert heard.text == "MRI of the brain needs prior authorization."


async def test_authorization_is_requested_with_code_doctor_and_yes(talk, todays_world):
    assert "NPI" in (await talk.say("request prior authorization for procedure 73721, it's urgent")).text
    sure = await talk.say("one zero zero zero zero zero zero one one two")
    assert sure.text == (
        "I'll ask for authorization of procedure 7 3 7 2 1 by provider 1 0 0 0 0 0 0 1 1 2, as urgent. "
        "Shall I send that?"
    )
    assert await rows(todays_world, AuthorizationRow, procedure_code="73721") == []
    assert "I sent the request" in (await talk.say("yes")).text
    (row,) = await rows(todays_world, AuthorizationRow, procedure_code="73721")
    assert row.is_urgent


async def test_of_several_authorizations_one_is_chosen(talk):
    asked = await talk.say("was my authorization approved")
    assert "sleep study" in asked.text
    heard = await talk.say("the sleep study")
    assert heard.tools[-1] == "get_prior_auth_status"
    assert "denied" in heard.text


async def test_a_member_is_enrolled_after_a_yes(talk, todays_world):
    before = len(await rows(todays_world, EnrollmentRow))
    assert (await talk.say("enroll me in the diabetes program")).text == (
        "Living Well with Diabetes: shall I enroll you?"
    )
    assert len(await rows(todays_world, EnrollmentRow)) == before
    assert "now enrolled" in (await talk.say("yes")).text
    assert len(await rows(todays_world, EnrollmentRow)) == before + 1


async def test_nobody_is_enrolled_twice(talk):
    assert (await talk.say("enroll me in the heart program")).text == "You are already enrolled in Strong Heart."


async def test_a_caller_who_is_no_member_hears_so(todays_world):
    heard = await (await todays_world.talk()).say("am i covered")
    assert heard.text.startswith("I can't find a health plan membership for you")


@pytest.mark.parametrize(
    ("said", "agent_type"),
    [
        ("remind me to call the doctor", "todo"),
        ("add pay my copay to my list", "todo"),
        ("transfer 500 dollars", "general"),
        ("human rights", "general"),
    ],
)
async def test_sentences_that_only_sound_like_health_go_elsewhere(todays_world, said, agent_type):
    heard = await (await todays_world.talk()).say(said)
    assert heard.final.agent_type == agent_type
