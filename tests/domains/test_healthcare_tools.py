"""Every healthcare tool through a real MCP client over HTTP, on SQLite and PostgreSQL."""

import asyncio
import itertools
import json
import re
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import func, select, update

from convonet.auth.tokens import CallerClaims, mint_caller_token
from convonet.core.ids import TurnId, UserId
from convonet.domains.healthcare.demo.member import CLAIMS
from convonet.domains.healthcare.enums import ADJUDICATED, ClaimStatus
from convonet.domains.healthcare.models import (
    AccumulationRow,
    AuthorizationRow,
    BenefitRow,
    ClaimLineRow,
    ClaimRow,
    EnrollmentRow,
    MemberRow,
    PlanRow,
    ProgramRow,
    ProviderRow,
    midnight,
)
from convonet.domains.healthcare.plan_year import plan_year_on
from convonet.domains.healthcare.seed import seed
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.domains.conftest import ALICE, BOB, SECRET, tool_box, user

CAROL = CallerClaims(UserId(str(uuid.uuid4())), "Carol", "UTC", TurnId("t-carol"))
_numbers = itertools.count()

ARGUMENTS = {
    "check_eligibility": {},
    "get_coverage_dates": {},
    "search_claims": {},
    "get_claim_status": {"claim_id": "CLM1"},
    "get_claim_details": {"claim_id": "CLM1"},
    "file_claim_appeal": {"claim_id": "CLM1", "reason": "it was an emergency"},
    "get_eob": {"claim_id": "CLM1"},
    "get_benefits_summary": {},
    "check_benefit_coverage": {"service_type": "MRI"},
    "get_deductible_status": {},
    "get_out_of_pocket_status": {},
    "get_copay_info": {"service_type": "specialist"},
    "check_prior_auth_required": {"procedure_code": "70553"},
    "submit_prior_auth": {"procedure_code": "27447", "provider_npi": "1000000104"},
    "get_prior_auth_status": {"auth_id": "AUTH1"},
    "list_prior_auths": {},
    "search_providers": {"specialty": "cardiology"},
    "check_provider_network": {"npi": "1000000102"},
    "get_provider_details": {"npi": "1000000102"},
    "get_care_programs": {},
    "enroll_care_program": {"program_id": "CVN-WELLNESS"},
    "get_preventive_care": {},
}
"""All tools, with arguments that a member could give."""


@pytest.fixture
async def database(database):
    """Alice and Carol are members, Bob is not."""
    async with database.transaction() as session:
        session.add(user(CAROL))
        await session.flush()
        for member in (ALICE, CAROL):
            await seed(session, uuid.UUID(member.user_id), datetime.now(UTC))
    return database


async def call(toolbox, tool, claims=ALICE, key=None, **arguments):
    return await toolbox.call(
        "healthcare", tool, arguments, claims=claims, idempotency_key=key or f"k:{next(_numbers)}"
    )


async def claims_of(toolbox, claims=ALICE, **filters):
    return (await call(toolbox, "search_claims", claims, **{"limit": 50, **filters})).data["claims"]


async def change(database, row, **values):
    """Change Alice's membership or what hangs on it."""
    async with database.transaction() as session:
        member = select(MemberRow.id).where(MemberRow.user_id == uuid.UUID(ALICE.user_id)).scalar_subquery()
        where = row.id == member if row is MemberRow else row.member_id == member
        await session.execute(update(row).where(where).values(**values))


async def snapshot(database):
    """All that the tools could have changed."""
    async with database.transaction() as session:
        return [
            [tuple(found) for found in await session.execute(select(*row.__table__.columns).order_by(row.id))]
            for row in (ClaimRow, AuthorizationRow, EnrollmentRow, MemberRow, AccumulationRow)
        ]


def today():
    return datetime.now(UTC).date()


# -- coverage, benefits, limits


async def test_a_member_hears_that_and_until_when_they_are_covered(toolbox, database):
    covered = await call(toolbox, "check_eligibility")
    assert covered.text == "Yes, you are covered by Convonet Gold PPO."
    assert covered.data["coverage"]["is_covered"] is True
    dates = await call(toolbox, "get_coverage_dates")
    assert dates.text.endswith("and has no end date.")
    year = dates.data["coverage"]
    assert year["plan_year_start"] <= year["as_of"] <= year["plan_year_end"]
    await change(database, MemberRow, coverage_end_date=midnight(today() + timedelta(days=40)))
    assert "until" in (await call(toolbox, "check_eligibility")).text
    assert (await call(toolbox, "get_coverage_dates")).data["coverage"]["days_remaining"] in (40, 41)


async def test_a_member_is_covered_only_on_the_days_and_in_the_states_of_coverage(toolbox, database):
    before, after = midnight(today() - timedelta(days=3)), midnight(today() + timedelta(days=3))
    usual = {"coverage_start_date": before, "coverage_end_date": None, "eligibility_status": "active"}
    for values, sentence, is_covered in (
        ({"coverage_end_date": before}, "No, your coverage ended on", False),
        ({"coverage_start_date": after}, "Not yet: your coverage begins on", False),
        ({"eligibility_status": "suspended"}, "No, your coverage is suspended at the moment.", False),
        ({"eligibility_status": "cobra"}, "Yes, you are covered by Convonet Gold PPO.", True),
    ):
        await change(database, MemberRow, **{**usual, **values})
        answer = await call(toolbox, "check_eligibility")
        assert answer.ok
        assert answer.text.startswith(sentence)
        assert answer.data["coverage"]["is_covered"] is is_covered
        for tool, arguments in (
            ("submit_prior_auth", {"procedure_code": "27130", "provider_npi": "1000000104"}),
            ("enroll_care_program", {"program_id": "CVN-QUIT"}),
        ):
            done = await call(toolbox, tool, **arguments)
            assert done.ok is is_covered
            assert is_covered or done.text.startswith("Your coverage is not active today")


async def test_benefits_are_said_for_all_services_and_for_one(toolbox, database):
    summary = await call(toolbox, "get_benefits_summary")
    assert summary.text.startswith(
        "Convonet Gold PPO covers 14 kinds of service. Copays in the network are, for example,"
    )
    assert len({benefit["service"] for benefit in summary.data["benefits"]}) == 14
    scan = await call(toolbox, "check_benefit_coverage", service_type="an MRI")
    assert scan.text == (
        "Diagnostic imaging is covered: you pay 20 percent in the network and 40 percent out of it."
        " You need prior authorization first."
    )
    assert scan.data["benefit"]["coinsurance_in_network"] == "20.00"
    copay = await call(toolbox, "get_copay_info", service_type="specialist")
    assert copay.text == "Specialist visit: you pay 50 dollars in the network and 40 percent out of it."
    assert (await call(toolbox, "get_copay_info", service_type="flu shot")).text.startswith(
        "Preventive: you pay nothing"
    )
    async with database.transaction() as session:
        await session.execute(BenefitRow.__table__.delete().where(BenefitRow.service_category == "prescription"))
        await session.execute(
            update(BenefitRow).where(BenefitRow.service_category == "surgery").values(is_covered=False)
        )
    for service in ("medication", "surgery"):
        for tool in ("check_benefit_coverage", "get_copay_info"):
            answer = await call(toolbox, tool, service_type=service)
            assert answer.text.endswith("is not covered by your plan.")
            assert answer.data["benefit"]["is_covered"] is False


async def test_limits_are_those_of_the_current_plan_year_and_never_exceeded(toolbox, database):
    counted = [claim for claim in await claims_of(toolbox) if claim["status"] in ADJUDICATED]
    owed = sum(Decimal(c["member_responsibility"]) for c in counted if c["provider_network"] != "tier_3")
    outside = sum(Decimal(c["member_responsibility"]) for c in counted if c["provider_network"] == "tier_3")
    booked = (await call(toolbox, "get_out_of_pocket_status")).data["out_of_pocket"]
    assert Decimal(booked["individual_in_network"]["met"]) == owed > 0
    assert Decimal(booked["individual_out_of_network"]["met"]) == outside > 0
    deductible = await call(toolbox, "get_deductible_status")
    await change(database, AccumulationRow, plan_year=2019, individual_deductible_met_in_network=Decimal("1.00"))
    assert (await call(toolbox, "get_out_of_pocket_status")).data["out_of_pocket"] == booked
    assert await call(toolbox, "get_deductible_status") == deductible
    assert re.fullmatch(r"So far .* count towards your deductible in the plan year that ends on .*", deductible.text)
    progress = deductible.data["deductible"]["individual_in_network"]
    assert Decimal(progress["met"]) + Decimal(progress["remaining"]) == Decimal(progress["limit"]) == 1500
    async with database.transaction() as session:
        plan = await session.scalar(select(PlanRow))
        year = plan_year_on(today(), plan.plan_year_start.date())
    too_much = Decimal("99999.99")
    await change(database, AccumulationRow, plan_year=year.number, individual_deductible_met_in_network=too_much)
    met = await call(toolbox, "get_deductible_status")
    assert met.text.startswith("You have met your deductible, 1,500 dollars,")
    assert met.data["deductible"]["individual_in_network"] == {
        "limit": "1500.00",
        "met": "1500.00",
        "remaining": "0.00",
    }


async def test_claims_count_from_the_first_to_the_last_day_of_the_plan_year(toolbox, database):
    async with database.transaction() as session:
        plan = await session.scalar(select(PlanRow))
        year = plan_year_on(today(), plan.plan_year_start.date())
        await session.execute(AccumulationRow.__table__.delete())
    for served, amount in (
        (year.start - timedelta(days=1), "0.00"),
        (year.start, "70.00"),
        (year.end, "70.00"),
        (year.end + timedelta(days=1), "0.00"),
    ):
        await change(
            database,
            ClaimRow,
            service_date=midnight(served),
            status="paid",
            provider_network_tier="tier_2",
            member_responsibility=Decimal(5),
        )
        limits = (await call(toolbox, "get_out_of_pocket_status")).data["out_of_pocket"]
        assert limits["individual_in_network"]["met"] == amount, served


async def test_preventive_care_is_recommended_by_age(toolbox, database):
    care = await call(toolbox, "get_preventive_care")
    assert care.text.startswith("Preventive care is covered at no cost in the network. At 47, recommended are: ")
    assert "colonoscopy" in care.text
    await change(database, MemberRow, date_of_birth=None)
    unknown = await call(toolbox, "get_preventive_care")
    assert unknown.text.endswith("Recommended are: wellness visit and flu shot.")


# -- claims


async def test_claims_are_found_by_day_and_state_the_newest_first(toolbox):
    listed = await claims_of(toolbox)
    assert len(listed) == len(CLAIMS)
    days = [claim["service_date"] for claim in listed]
    assert days == sorted(days, reverse=True)
    first, last = days[6], days[2]
    within = await claims_of(toolbox, date_from=first, date_to=last)
    assert [claim["service_date"] for claim in within] == days[2:7]
    denied = await call(toolbox, "search_claims", status="denied")
    assert {claim["status"] for claim in denied.data["claims"]} == {"denied"}
    assert denied.text.startswith("I found 2 claims. ")
    newest = await call(toolbox, "search_claims", limit=1)
    assert newest.data["claims"] == listed[:1]
    assert newest.data["more"] is True
    assert newest.text.startswith("I found more than one claim. ")
    all_of_them = await call(toolbox, "search_claims", limit=len(CLAIMS))
    assert all_of_them.data["more"] is False
    assert all_of_them.text.startswith(f"I found {len(CLAIMS)} claims. The newest: ")
    nothing = await call(toolbox, "search_claims", date_from="2001-01-01", date_to="2001-12-31")
    assert (nothing.ok, nothing.text) == (True, "I found no such claims.")


async def test_a_claim_is_found_by_its_number_as_spoken_and_by_its_id(toolbox, database):
    denied = (await claims_of(toolbox, status="denied"))[0]
    number = denied["claim_number"]
    spoken = f"{number[:3].lower()} {number[3:11]}-{number[11:]}"
    async with database.transaction() as session:
        key = await session.scalar(select(ClaimRow.id).where(ClaimRow.claim_number == number))
    for reference in (number, spoken, str(key)):
        status = await call(toolbox, "get_claim_status", claim_id=reference)
        assert status.data["claim"] == denied
    assert "with Mission Imaging Demo Center was denied because there was no prior authorization." in status.text
    assert "You can appeal until" in status.text


async def test_details_and_explanation_of_benefits_add_up_and_are_said_in_one_sentence(toolbox):
    for claim in await claims_of(toolbox):
        details = await call(toolbox, "get_claim_details", claim_id=claim["claim_number"])
        detailed = details.data["claim"]
        assert claim.items() <= detailed.items()
        assert sum(Decimal(line["billed"]) for line in detailed["lines"]) == Decimal(claim["billed"])
        answer = await call(toolbox, "get_eob", claim_id=claim["claim_number"])
        if claim["status"] in ("submitted", "processing", "pending_info"):
            assert not answer.ok
            assert "not been decided yet" in answer.text
            continue
        eob = {name: Decimal(v) for name, v in answer.data["eob"].items() if re.fullmatch(r"\d+\.\d\d", str(v))}
        assert eob["billed"] == eob["not_allowed"] + eob["allowed"]
        assert eob["allowed"] == eob["paid"] + eob["member_responsibility"]
        parts = ("deductible_applied", "copay_applied", "coinsurance_applied")
        assert eob["member_responsibility"] == sum(eob[part] for part in parts)
        assert sum(Decimal(line["paid"]) for line in answer.data["eob"]["lines"]) == eob["paid"]
    (surgery,) = [claim for claim in await claims_of(toolbox) if claim["billed"] == "505.00"]
    assert (await call(toolbox, "get_eob", claim_id=surgery["claim_number"])).text == (
        "505 dollars were billed, 276 dollars and 30 cents allowed; the plan pays 201 dollars and 30 cents,"
        " and your part is 75 dollars of copay."
    )
    (denied, _) = await claims_of(toolbox, status="denied")
    assert (await call(toolbox, "get_eob", claim_id=denied["claim_number"])).text == (
        "2,600 dollars were billed and nothing was allowed, because there was no prior authorization."
    )


async def test_a_denied_claim_is_appealed_once_and_decided_within_45_days(toolbox, database):
    denied = (await claims_of(toolbox, status="denied"))[0]
    arguments = {"claim_id": denied["claim_number"], "reason": "My doctor said it was urgent."}
    filed = await call(toolbox, "file_claim_appeal", key="t-9:1", **arguments)
    assert filed.ok
    assert filed.text.startswith("I filed your appeal. You can expect a decision by ")
    appeal = filed.data["appeal"]
    assert date.fromisoformat(appeal["decision_expected"]) - date.fromisoformat(appeal["filed_on"]) == timedelta(
        days=45
    )
    assert await call(toolbox, "file_claim_appeal", key="t-9:1", **arguments) == filed
    details = (await call(toolbox, "get_claim_details", claim_id=denied["claim_number"])).data["claim"]
    assert (details["status"], details["can_be_appealed"]) == ("appealed", False)
    assert (details["appeal_date"], details["appeal_decision_expected"]) == (
        appeal["filed_on"],
        appeal["decision_expected"],
    )
    before = await snapshot(database)
    again = await call(toolbox, "file_claim_appeal", **arguments)
    assert (again.ok, again.text) == (False, "That claim has been appealed already. A claim can be appealed once.")
    assert await snapshot(database) == before


async def test_of_equal_requests_at_once_one_succeeds(toolbox, database):
    number = (await claims_of(toolbox, status="denied"))[0]["claim_number"]
    reasons = [f"reason {n}" for n in range(6)]
    answers = await asyncio.gather(
        *(call(toolbox, "file_claim_appeal", claim_id=number, reason=reason) for reason in reasons)
    )
    (filed,) = [reason for reason, answer in zip(reasons, answers, strict=True) if answer.ok]
    async with database.transaction() as session:
        assert await session.scalar(select(ClaimRow.appeal_reason).where(ClaimRow.claim_number == number)) == filed
    for tool, arguments in (
        ("submit_prior_auth", {"procedure_code": "27447", "provider_npi": "1000000104"}),
        ("enroll_care_program", {"program_id": "CVN-QUIT"}),
    ):
        answers = await asyncio.gather(*(call(toolbox, tool, **arguments) for _ in range(6)))
        assert [answer.ok for answer in answers].count(True) == 1
    pending = (await call(toolbox, "list_prior_auths", status="pending")).data["prior_authorizations"]
    assert [one["procedure_code"] for one in pending].count("27447") == 1


async def test_only_a_denied_claim_within_the_window_can_be_appealed(toolbox, database):
    denied, too_old = await claims_of(toolbox, status="denied")
    assert (denied["can_be_appealed"], too_old["can_be_appealed"]) == (True, False)
    before = await snapshot(database)
    for claim in await claims_of(toolbox):
        if claim == denied:
            continue
        answer = await call(toolbox, "file_claim_appeal", claim_id=claim["claim_number"], reason="please")
        assert not answer.ok
        assert answer.text.startswith(
            ("That claim could be appealed until", "Only a denied claim can be", "That claim has been appealed already")
        )
    for status in set(ClaimStatus) - {"denied"}:
        await change(database, ClaimRow, status=status, is_appealed=False)
        answer = await call(toolbox, "file_claim_appeal", claim_id=denied["claim_number"], reason="please")
        assert answer.text.startswith("Only a denied claim can be appealed.")
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).where(ClaimRow.appeal_reason == "please")) == 0
    assert len(before[0]) == 2 * len(CLAIMS)


# -- prior authorization


async def test_a_caller_hears_whether_authorization_is_needed(toolbox):
    async def asked(**arguments):
        answer = await call(toolbox, "check_prior_auth_required", **arguments)
        return answer.data["rule"]["required"], answer.text

    assert await asked(procedure_code="70553") == (True, "MRI of the brain needs prior authorization.")
    assert await asked(procedure_code="4 5 3 7 8") == (False, "Colonoscopy does not need prior authorization.")
    assert await asked(service_type="surgery") == (True, "Surgery needs prior authorization.")
    assert await asked(service_type="office visit") == (False, "Office visit does not need prior authorization.")
    assert (await asked(procedure_code="45378", service_type="surgery", diagnosis_code="z1211"))[0] is False
    assert (await asked(procedure_code="99999", service_type="surgery"))[0] is True
    required, sentence = await asked(procedure_code="99999")
    assert required is None
    assert sentence.startswith("I have no rule for code 9 9 9 9 9.")


async def test_a_request_gets_a_number_and_a_day_of_decision_and_is_sent_once(toolbox, database):
    for code, procedure, is_urgent, waiting in (
        ("27447", "knee replacement", False, 15),
        ("27130", "hip replacement", True, 3),
    ):
        arguments = {
            "procedure_code": code,
            "provider_npi": "1000 000 104",
            "diagnosis_code": "m1711",
            "clinical_notes": "Pain for a year.",
            "is_urgent": is_urgent,
        }
        sent = await call(toolbox, "submit_prior_auth", key=f"t-3:{code}", **arguments)
        assert sent.ok
        made = sent.data["prior_authorization"]
        requested = date.fromisoformat(made["requested_on"])
        assert re.fullmatch(rf"AUTH{requested:%Y%m%d}\d{{5}}", made["auth_number"])
        assert date.fromisoformat(made["decision_expected"]) == requested + timedelta(days=waiting)
        ending = " ".join(made["auth_number"][-5:])
        assert sent.text.startswith(f"I sent the request for {procedure}. Its number ends in {ending}.")
        assert await call(toolbox, "submit_prior_auth", key=f"t-3:{code}", **arguments) == sent
        status = await call(toolbox, "get_prior_auth_status", auth_id=made["auth_number"].lower())
        assert status.data["prior_authorization"] == made
        assert status.text.startswith(f"Your request for {procedure} is being reviewed; a decision is due by ")
        listed = (await call(toolbox, "list_prior_auths", status="pending")).data["prior_authorizations"]
        assert listed[0] == made
        before = await snapshot(database)
        again = await call(toolbox, "submit_prior_auth", **arguments)
        assert (again.ok, again.text) == (False, "There is an open request for that procedure already.")
        assert await snapshot(database) == before
    async with database.transaction() as session:
        row = await session.scalar(select(AuthorizationRow).where(AuthorizationRow.auth_number == made["auth_number"]))
    assert (row.diagnosis_codes, row.requesting_provider_name) == (["M17.11"], "Dr. Dev Specimen")
    assert row.decision_date is None


async def test_authorizations_are_listed_by_how_they_stand_today(toolbox):
    listed = (await call(toolbox, "list_prior_auths")).data["prior_authorizations"]
    states = [one["status"] for one in listed]
    assert sorted(states) == ["additional_info_needed", "approved", "denied", "expired", "pending"]
    for status in ("additional_info_needed", "approved", "denied", "expired", "pending", "cancelled"):
        found = await call(toolbox, "list_prior_auths", status=status)
        assert found.data["prior_authorizations"] == [one for one in listed if one["status"] == status]
    assert found.text == "I found no such prior authorizations."
    (approved,) = [one for one in listed if one["status"] == "approved"]
    told = await call(toolbox, "get_prior_auth_status", auth_id=approved["auth_number"])
    assert told.text.startswith("Your authorization for physical therapy exercises is approved until ")


# -- providers and programs


async def test_providers_are_found_by_specialty_the_nearest_first_within_the_radius(toolbox):
    async def found(**arguments):
        answer = await call(toolbox, "search_providers", **arguments)
        return [(one["name"], one["miles"]) for one in answer.data["providers"]]

    near = await found(specialty="heart doctor", zip_code="94110")
    assert [name for name, _ in near] == ["Dr. Bruno Example", "Dr. Carla Placeholder"]
    assert near[0][1] == pytest.approx(2.8, abs=0.3)
    far = await found(specialty="cardiologist", zip_code="94110-0001", radius_miles=60)
    assert [name for name, _ in far] == ["Dr. Bruno Example", "Dr. Carla Placeholder", "Dr. Kira Pattern"]
    assert [miles for _, miles in far] == sorted(miles for _, miles in far)
    assert await found(specialty="cardiology", zip_code="94110", radius_miles=60, limit=1) == far[:1]
    assert [name for name, _ in await found(specialty="cardiology", zip_code="95112", radius_miles=5)] == [
        "Dr. Kira Pattern"
    ]
    from_berkeley = await found(specialty="cardiology", zip_code="94704")
    assert [name for name, _ in from_berkeley] == ["Dr. Carla Placeholder", "Dr. Bruno Example"]
    assert [name for name, _ in await found(specialty="mammography")] == ["Mission Imaging Demo Center"]


async def test_a_search_is_around_the_members_home_and_an_unknown_place_is_said_clearly(toolbox, database):
    home = await call(toolbox, "search_providers", specialty="cardiology")
    assert home.data["zip_code"] == "94110"
    assert home.text.startswith(
        "I found 2 providers for cardiology within 25 miles of 9 4 1 1 0. The first are Dr. Bruno"
    )
    await change(database, MemberRow, member_metadata=None)
    anywhere = await call(toolbox, "search_providers", specialty="cardiology")
    assert [one["npi"] for one in anywhere.data["providers"]] == ["1000000102", "1000000193", "1000000191"]
    assert anywhere.data["zip_code"] is None
    assert "Dr. Kira Pattern in San Jose, out of network" in anywhere.text
    nowhere = await call(toolbox, "search_providers", specialty="cardiology", zip_code="99501")
    assert not nowhere.ok
    assert nowhere.text.startswith("I don't know where ZIP code 9 9 5 0 1 is.")
    for specialty in ("astrology", "%", "__"):
        none = await call(toolbox, "search_providers", specialty=specialty + " ")
        assert none.ok is (len(specialty) > 1)
        assert none.text.endswith(".")
        assert not none.data.get("providers")


async def test_a_provider_of_the_third_tier_is_not_in_the_network(toolbox):
    preferred = await call(toolbox, "check_provider_network", npi="1000000102")
    assert preferred.text == "Dr. Bruno Example is a preferred provider in your network and takes new patients."
    standard = await call(toolbox, "check_provider_network", npi="1000000110")
    assert standard.text == "Dr. Jun Prototype is in your network and takes no new patients."
    outside = await call(toolbox, "check_provider_network", npi="1000000191")
    assert outside.text == "Dr. Kira Pattern is not in your network and takes new patients."
    assert outside.data["provider"]["in_network"] is False
    details = await call(toolbox, "get_provider_details", npi="1000000101")
    assert details.text.startswith("Dr. Ada Sample, Family Medicine, is a preferred provider in your network, in San")
    assert details.data["provider"]["languages"] == ["English", "Spanish"]
    assert (await call(toolbox, "get_provider_details", npi="1999999999")).text == (
        "I can't find a provider with that number in our directory."
    )


async def test_a_member_joins_a_program_once_and_may_come_back(toolbox, database):
    offered = await call(toolbox, "get_care_programs")
    assert offered.text.startswith("There are 5 care programs: ")
    assert offered.text.endswith("You are enrolled in Strong Heart.")
    wellness = next(one for one in offered.data["programs"] if one["program_code"] == "CVN-WELLNESS")
    joined = await call(toolbox, "enroll_care_program", key="t-5:1", program_id=wellness["program_id"])
    assert joined.text == "You are now enrolled in Wellness Every Day."
    assert joined.data["program"]["enrolled_on"] is not None
    assert await call(toolbox, "enroll_care_program", key="t-5:1", program_id=wellness["program_id"]) == joined
    again = await call(toolbox, "enroll_care_program", program_id="cvn-wellness")
    assert (again.ok, again.text) == (False, "You are already enrolled in Wellness Every Day.")
    await change(database, EnrollmentRow, is_active=False, completion_percentage=Decimal(90))
    assert "You are enrolled" not in (await call(toolbox, "get_care_programs")).text
    back = await call(toolbox, "enroll_care_program", program_id="CVN-WELLNESS")
    assert (back.ok, back.data["program"]["completion_percentage"]) == (True, "0.00")
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(EnrollmentRow)) == 3
        await session.execute(update(ProgramRow).where(ProgramRow.program_code == "CVN-QUIT").values(is_active=False))
    assert (await call(toolbox, "enroll_care_program", program_id="CVN-QUIT")).text.startswith(
        "I can't find a care program"
    )


# -- access


async def test_a_caller_without_a_membership_hears_so_from_every_tool_whatever_identity_is_among_the_arguments(
    toolbox, database
):
    before = await snapshot(database)
    for tool, arguments in ARGUMENTS.items():
        answer = await call(toolbox, tool, BOB, **arguments)
        assert not answer.ok
        assert answer.text.startswith("I can't find a health plan membership for you."), tool
    assert await snapshot(database) == before


async def test_no_caller_sees_or_changes_another_members_claims_and_authorizations(toolbox, database):
    before = await snapshot(database)
    claim = (await claims_of(toolbox, status="denied"))[0]["claim_number"]
    auth = (await call(toolbox, "list_prior_auths")).data["prior_authorizations"][0]["auth_number"]
    async with database.transaction() as session:
        claim_id = await session.scalar(select(ClaimRow.id).where(ClaimRow.claim_number == claim))
        auth_id = await session.scalar(select(AuthorizationRow.id).where(AuthorizationRow.auth_number == auth))
    for reference in (claim, str(claim_id)):
        for tool, extra in (
            ("get_claim_status", {}),
            ("get_claim_details", {}),
            ("get_eob", {}),
            ("file_claim_appeal", {"reason": "not mine"}),
        ):
            answer = await call(toolbox, tool, CAROL, claim_id=reference, **extra)
            assert (answer.ok, answer.text) == (False, "I can't find a claim with that number among yours.")
    for reference in (auth, str(auth_id)):
        answer = await call(toolbox, "get_prior_auth_status", CAROL, auth_id=reference)
        assert (answer.ok, answer.text) == (False, "I can't find an authorization with that number among yours.")
    own, others = await claims_of(toolbox), await claims_of(toolbox, CAROL)
    assert not {one["claim_number"] for one in own} & {one["claim_number"] for one in others}
    assert await snapshot(database) == before
    for identity in ({"member_id": ALICE.user_id}, {"user_id": ALICE.user_id}):
        answer = await call(toolbox, "check_eligibility", BOB, **identity)
        assert not answer.ok
    own = await call(toolbox, "check_eligibility", CAROL)
    assert (await call(toolbox, "check_eligibility", CAROL, member_id=ALICE.user_id)).data == own.data


BAD = [
    ("search_claims", {"limit": 0}),
    ("search_claims", {"limit": 51}),
    ("search_claims", {"status": "lost"}),
    ("search_claims", {"date_from": "the day after never"}),
    ("search_claims", {"date_from": "2026-02-02", "date_to": "2026-02-01"}),
    ("get_claim_status", {}),
    ("get_claim_status", {"claim_id": ""}),
    ("get_claim_status", {"claim_id": "x" * 65}),
    ("get_claim_status", {"claim_id": "%"}),
    ("get_claim_details", {"claim_id": "' OR 1=1 --"}),
    ("get_eob", {"claim_id": "CLM20990101000000"}),
    ("file_claim_appeal", {"claim_id": "CLM20990101000000", "reason": "please"}),
    ("file_claim_appeal", {"claim_id": "CLM1", "reason": "  "}),
    ("file_claim_appeal", {"claim_id": "CLM1", "reason": "x" * 2001}),
    ("check_benefit_coverage", {"service_type": "time travel"}),
    ("get_copay_info", {"service_type": ""}),
    ("get_copay_info", {"service_type": "x" * 101}),
    ("check_prior_auth_required", {}),
    ("check_prior_auth_required", {"procedure_code": "1"}),
    ("check_prior_auth_required", {"procedure_code": "70553", "diagnosis_code": "?"}),
    ("submit_prior_auth", {"procedure_code": "27447"}),
    ("submit_prior_auth", {"procedure_code": "knee", "provider_npi": "1000000104"}),
    ("submit_prior_auth", {"procedure_code": "27447", "provider_npi": "1"}),
    ("submit_prior_auth", {"procedure_code": "27447", "provider_npi": "1999999999"}),
    ("submit_prior_auth", {"procedure_code": "77067", "provider_npi": "1000000104"}),
    ("submit_prior_auth", {"procedure_code": "27447", "provider_npi": "1000000104", "diagnosis_code": "17"}),
    ("submit_prior_auth", {"procedure_code": "27447", "provider_npi": "1000000104", "is_urgent": "perhaps"}),
    ("submit_prior_auth", {"procedure_code": "27447", "provider_npi": "1000000104", "clinical_notes": "x" * 2001}),
    ("get_prior_auth_status", {"auth_id": "AUTH2099010100000"}),
    ("list_prior_auths", {"status": "lost"}),
    ("search_providers", {"specialty": "x"}),
    ("search_providers", {"specialty": "cardiology", "zip_code": "ABCDE"}),
    ("search_providers", {"specialty": "cardiology", "zip_code": "9411"}),
    ("search_providers", {"specialty": "cardiology", "radius_miles": 0}),
    ("search_providers", {"specialty": "cardiology", "radius_miles": 101}),
    ("search_providers", {"specialty": "cardiology", "limit": 51}),
    ("check_provider_network", {"npi": "12"}),
    ("get_provider_details", {"npi": "not a number"}),
    ("enroll_care_program", {"program_id": "CVN-NOTHING"}),
    ("enroll_care_program", {"program_id": ""}),
    ("no_such_tool", {}),
]


async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(toolbox, database):
    before = await snapshot(database)
    for tool, arguments in BAD:
        answer = await call(toolbox, tool, **arguments)
        assert not answer.ok, (tool, arguments)
        assert answer.text.endswith((".", "?"))
        assert not re.search("Traceback|validation error|something went wrong|pattern", answer.text), answer.text
    assert await snapshot(database) == before


async def test_any_mcp_client_lists_the_22_tools_none_of_which_asks_who_is_calling(tools_url):
    headers = {"Authorization": f"Bearer {mint_caller_token(ALICE, secret=SECRET)}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{tools_url}/healthcare", http_client=http)) as client,
    ):
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == set(ARGUMENTS)
        assert len(tools) == 22
        for tool in tools:
            assert 40 < len(tool.description) < 200
            assert not {"member_id", "user_id", "context"} & set(tool.input_schema["properties"])
        assert not (await client.call_tool("check_eligibility", {})).is_error


# -- demonstration data and old databases


@pytest.fixture
async def empty(database_url):
    await migrate(database_url)
    database = Database(database_url)
    async with database.transaction() as session:
        session.add_all([user(ALICE), user(BOB)])
    yield database
    await database.close()


async def counts(database):
    rows = (PlanRow, BenefitRow, MemberRow, ProviderRow, ProgramRow, ClaimRow, ClaimLineRow, AuthorizationRow)
    async with database.transaction() as session:
        found = [await session.scalar(select(func.count()).select_from(row)) for row in (*rows, AccumulationRow)]
        return [*found, await session.scalar(select(func.count()).select_from(EnrollmentRow))]


async def test_seeding_again_adds_nothing_until_a_new_plan_year_has_claims_of_its_own(empty):
    alice = uuid.UUID(ALICE.user_id)

    async def seeded(now):
        async with empty.transaction() as session:
            await seed(session, alice, now)
            plan = await session.scalar(select(PlanRow))
            year = plan_year_on(now.date(), plan.plan_year_start.date())
            query = select(AccumulationRow).where(AccumulationRow.plan_year == year.number)
            return (await session.scalars(query)).one()

    first = datetime(2026, 1, 2, 3, tzinfo=UTC)
    booked = await seeded(first)
    assert 0 < booked.individual_deductible_met_in_network < booked.individual_oop_met_in_network <= 6500
    once = await counts(empty)
    assert once == [1, 14, 1, 15, 5, len(CLAIMS), sum(len(claim.lines) for claim in CLAIMS), 5, 1, 1]
    await seeded(first + timedelta(days=1))
    assert await counts(empty) == once
    later = await seeded(datetime(2026, 12, 30, tzinfo=UTC))
    assert later.plan_year == booked.plan_year + 1 == 2026
    assert later.individual_deductible_met_in_network == booked.individual_deductible_met_in_network
    grown = await counts(empty)
    assert grown[5] == 2 * len(CLAIMS) - 1
    assert grown[8] == 2
    async with empty.transaction() as session:
        latest = await session.scalar(select(func.max(ClaimRow.service_date)))
    assert latest < datetime(2026, 12, 30, tzinfo=UTC)


async def test_a_member_of_another_plan_is_left_alone_by_the_demonstration(empty):
    async with empty.transaction() as session:
        await seed(session, uuid.UUID(BOB.user_id), datetime.now(UTC))
        plan = await session.scalar(select(PlanRow.id))
        now = datetime.now(UTC)
        session.add(
            MemberRow(
                id=uuid.uuid4(),
                user_id=uuid.UUID(ALICE.user_id),
                member_number="OTHER-1",
                plan_id=plan,
                eligibility_status="active",
                coverage_start_date=now,
                created_at=now,
                updated_at=now,
            )
        )
    before = await counts(empty)
    async with empty.transaction() as session:
        await seed(session, uuid.UUID(ALICE.user_id), now)
    assert await counts(empty) == before


OLD_ROWS = """
CREATE TABLE users_anthropic (id uuid PRIMARY KEY, email varchar(255) UNIQUE, username varchar(100) UNIQUE,
  password_hash varchar(255), first_name varchar(100), last_name varchar(100), voice_pin varchar(10) UNIQUE,
  is_active boolean, is_verified boolean, created_at timestamptz, updated_at timestamptz, last_login_at timestamptz);
CREATE TABLE healthcare_plans (id uuid PRIMARY KEY, plan_code varchar(50) UNIQUE NOT NULL, plan_name varchar(255),
  plan_type varchar(50), plan_year_start timestamptz, plan_year_end timestamptz,
  individual_deductible_in_network numeric(10,2), individual_deductible_out_of_network numeric(10,2),
  family_deductible_in_network numeric(10,2), family_deductible_out_of_network numeric(10,2),
  individual_oop_max_in_network numeric(10,2), individual_oop_max_out_of_network numeric(10,2),
  family_oop_max_in_network numeric(10,2), family_oop_max_out_of_network numeric(10,2), default_copay numeric(8,2),
  default_coinsurance numeric(5,2), requires_referral boolean, has_pharmacy_benefit boolean,
  has_mental_health_parity boolean, plan_metadata jsonb, created_at timestamptz, updated_at timestamptz);
CREATE TABLE healthcare_members (id uuid PRIMARY KEY, user_id uuid UNIQUE REFERENCES users_anthropic(id),
  member_number varchar(50) UNIQUE, group_number varchar(50), subscriber_id uuid,
  plan_id uuid REFERENCES healthcare_plans(id), plan_name varchar(255), eligibility_status varchar(50),
  coverage_start_date timestamptz, coverage_end_date timestamptz, date_of_birth timestamptz,
  relationship_to_subscriber varchar(50), preferred_contact_method varchar(50), preferred_language varchar(10),
  member_metadata jsonb, created_at timestamptz, updated_at timestamptz);
CREATE TABLE member_accumulations (id uuid PRIMARY KEY, member_id uuid REFERENCES healthcare_members(id),
  plan_year integer, individual_deductible_met_in_network numeric(10,2),
  individual_deductible_met_out_of_network numeric(10,2), family_deductible_met_in_network numeric(10,2),
  family_deductible_met_out_of_network numeric(10,2), individual_oop_met_in_network numeric(10,2),
  individual_oop_met_out_of_network numeric(10,2), family_oop_met_in_network numeric(10,2),
  family_oop_met_out_of_network numeric(10,2), last_updated timestamptz, created_at timestamptz);
CREATE TABLE prior_authorizations (id uuid PRIMARY KEY, member_id uuid REFERENCES healthcare_members(id),
  auth_number varchar(50) UNIQUE, procedure_code varchar(20), procedure_description varchar(500),
  diagnosis_codes jsonb, requesting_provider_npi varchar(10), requesting_provider_name varchar(255),
  servicing_provider_npi varchar(10), servicing_provider_name varchar(255), clinical_notes text,
  supporting_documents jsonb, status varchar(50), decision_reason text, reviewer_notes text, approved_units integer,
  approved_from_date timestamptz, approved_to_date timestamptz, requested_date timestamptz,
  decision_date timestamptz, expiration_date timestamptz, is_urgent boolean, auth_metadata jsonb,
  created_at timestamptz, updated_at timestamptz);
CREATE TABLE healthcare_providers (id uuid PRIMARY KEY, npi varchar(10) UNIQUE, tax_id varchar(20),
  first_name varchar(100), last_name varchar(100), organization_name varchar(255), primary_specialty varchar(100),
  secondary_specialties jsonb, phone varchar(20), fax varchar(20), email varchar(255), website varchar(255),
  address_line_1 varchar(255), address_line_2 varchar(255), city varchar(100), state varchar(2), zip_code varchar(10),
  network_tier varchar(50), is_accepting_patients boolean, quality_rating numeric(3,2), patient_reviews_count integer,
  languages jsonb, hospital_affiliations jsonb, provider_metadata jsonb, created_at timestamptz,
  updated_at timestamptz);
INSERT INTO users_anthropic (id, email, is_active) VALUES ('{user}', 'old@example.com', true);
INSERT INTO healthcare_plans (id, plan_code, plan_name, plan_type, plan_year_start, plan_year_end,
  individual_deductible_in_network, individual_oop_max_in_network) VALUES ('{plan}', 'OLD', 'Old Plan', 'PPO',
  '2025-01-01T00:00Z', '2025-12-31T00:00Z', 1500, 6500);
INSERT INTO healthcare_members (id, user_id, member_number, plan_id, eligibility_status, coverage_start_date,
  member_metadata) VALUES ('{member}', '{user}', 'OLD-1', '{plan}', 'active', '2025-01-01T00:00Z', '{{}}');
INSERT INTO member_accumulations (id, member_id, plan_year, individual_deductible_met_in_network)
  VALUES ('{plan}', '{member}', 2025, 750);
INSERT INTO healthcare_providers (id, npi, first_name, last_name, primary_specialty, zip_code, network_tier, languages)
  VALUES ('{plan}', '1000000777', 'Old', 'Doctor', 'Cardiology', '94102-1234', 'tier_1', '["English"]');
"""


async def test_members_of_the_old_deployment_are_served_in_the_current_plan_year(fresh_database):
    ids = {name: str(uuid.uuid4()) for name in ("plan", "member")}
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(OLD_ROWS.format(user=ALICE.user_id, **ids))
    url = Settings(DB_URI=fresh_database).storage.database_url
    await migrate(url)
    database = Database(url)
    async with tool_box(database) as box:
        limits = (await call(box, "get_deductible_status")).data["deductible"]
        assert limits["plan_year_start"] == f"{limits['plan_year_end'][:4]}-01-01" > "2025-12-31"
        assert limits["individual_in_network"]["met"] == "0.00"
        near = await call(box, "search_providers", specialty="cardiology", zip_code="94103")
        assert [(one["name"], one["miles"]) for one in near.data["providers"]] == [("Dr. Old Doctor", 0.7)]
        sent = await call(
            box, "submit_prior_auth", procedure_code="70553", provider_npi="1000000777", diagnosis_code="R51.9"
        )
        assert sent.ok
        listed = (await call(box, "list_prior_auths")).data["prior_authorizations"]
        assert listed == [sent.data["prior_authorization"]]
    assert json.loads(await connection.fetchval("SELECT diagnosis_codes FROM prior_authorizations")) == ["R51.9"]
    assert await connection.fetchval("SELECT plan_year FROM member_accumulations") == 2025
    await connection.close()
    await database.close()
