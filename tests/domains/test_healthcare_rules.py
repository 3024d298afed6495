"""The rules of the healthcare payer that no row may break: limits, money, states, plan years, distances."""

import contextlib
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.healthcare.authorizations.service import RULES, authorization_of, status_on
from convonet.domains.healthcare.claims.service import claim_of, explanation_of
from convonet.domains.healthcare.codes import diagnosis_code_of, npi_of, procedure_code_of, zip_code_of
from convonet.domains.healthcare.cost_sharing import Room, Terms, share
from convonet.domains.healthcare.coverage.prevention import recommended
from convonet.domains.healthcare.coverage.schemas import Progress
from convonet.domains.healthcare.coverage.service import age_on
from convonet.domains.healthcare.demo.adjudication import Adjudicator, last_of
from convonet.domains.healthcare.demo.member import AUTHORIZATIONS, CLAIMS
from convonet.domains.healthcare.demo.plan import BENEFITS, PLAN, PROVIDERS
from convonet.domains.healthcare.enums import (
    ADJUDICATED,
    AUTH_TRANSITIONS,
    CLAIM_TRANSITIONS,
    AuthStatus,
    ClaimStatus,
    NetworkTier,
    ServiceCategory,
    transition,
)
from convonet.domains.healthcare.models import AuthorizationRow, BenefitRow, ClaimRow, PlanRow, midnight
from convonet.domains.healthcare.plan_year import plan_year_on
from convonet.domains.healthcare.providers.geography import CENTERS, miles, zip_codes_within
from convonet.domains.healthcare.repository import Counted
from convonet.domains.healthcare.synonyms import service_category, specialty
from convonet.domains.speech import spoken_amount, spoken_day

NOTHING = Decimal(0)
amounts = st.decimals(min_value=0, max_value=50_000, places=2)
percents = st.decimals(min_value=0, max_value=100, places=2)
terms = st.builds(Terms, copay=st.none() | amounts, coinsurance=st.none() | percents)
moments = st.builds(lambda day: midnight(day) + timedelta(hours=15), st.dates(min_value=date(2000, 1, 1)))
days = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))


def plan_row():
    return PlanRow(id=uuid.uuid4(), **PLAN)


def benefit_rows():
    return [
        BenefitRow(
            service_category=benefit.service,
            copay_in_network=None if benefit.copay is None else Decimal(benefit.copay),
            coinsurance_in_network=None if benefit.coinsurance is None else Decimal(benefit.coinsurance),
            copay_out_of_network=None,
            coinsurance_out_of_network=Decimal(40),
        )
        for benefit in BENEFITS
    ]


# -- money


@given(amounts, terms, amounts, amounts)
def test_an_allowed_amount_is_divided_without_a_cent_lost_or_beyond_the_limits(allowed, agreed, deductible, ceiling):
    part = share(allowed, agreed, Room(deductible, ceiling))
    assert min(part.deductible, part.copay, part.coinsurance, part.paid) >= 0
    assert part.responsibility == part.deductible + part.copay + part.coinsurance
    assert part.paid + part.responsibility == allowed
    assert part.deductible <= deductible
    assert part.responsibility <= ceiling
    assert part.paid == part.paid.quantize(Decimal("0.01"))


@given(amounts, percents, amounts)
def test_with_a_copay_the_deductible_does_not_apply(allowed, copay, deductible):
    part = share(allowed, Terms(copay, None), Room(deductible, Decimal(10**6)))
    assert (part.deductible, part.copay) == (0, min(copay, allowed))


@given(st.lists(st.tuples(amounts, terms), max_size=30), amounts, amounts)
def test_accumulators_never_exceed_the_limits_whatever_claims_come(claims, deductible_limit, oop_limit):
    deductible = out_of_pocket = NOTHING
    for allowed, agreed in claims:
        part = share(allowed, agreed, Room(deductible_limit - deductible, oop_limit - out_of_pocket))
        deductible, out_of_pocket = deductible + part.deductible, out_of_pocket + part.responsibility
        assert deductible <= deductible_limit
        assert out_of_pocket <= oop_limit


@given(amounts, st.decimals(min_value=-1000, max_value=100_000, places=2))
def test_progress_stays_within_its_limit_and_adds_up(limit, counted):
    progress = Progress.towards(limit, counted)
    assert 0 <= progress.met <= limit
    assert progress.met + progress.remaining == limit
    if 0 <= counted <= limit:
        assert progress.met == counted


@given(st.lists(st.sampled_from(CLAIMS), max_size=60), moments)
def test_decided_claims_add_up_in_themselves_their_lines_and_the_limits(claims, now):
    plan, member = plan_row(), uuid.uuid4()
    adjudicator = Adjudicator(plan, benefit_rows(), Counted())
    owed_inside = owed_outside = NOTHING
    for claim in claims:
        row, lines = adjudicator.decide(uuid.uuid4(), member, claim, now)
        assert row.billed_amount == sum(line.billed_amount for line in lines)
        if row.allowed_amount is None:
            assert row.paid_amount is None
            assert row.member_responsibility is None
            continue
        assert row.allowed_amount == row.paid_amount + row.member_responsibility <= row.billed_amount
        assert row.member_responsibility == row.deductible_applied + row.copay_applied + row.coinsurance_applied
        assert row.allowed_amount == sum(line.allowed_amount for line in lines)
        assert row.paid_amount == sum(line.paid_amount for line in lines)
        assert min(line.paid_amount for line in lines) >= 0
        explained = explanation_of(row, lines)
        assert explained.billed == explained.not_allowed + explained.allowed
        if row.status not in ADJUDICATED:
            assert row.allowed_amount == 0
        elif row.provider_network_tier == NetworkTier.TIER_3:
            owed_outside += row.member_responsibility
        else:
            owed_inside += row.member_responsibility
    counted = adjudicator.counted
    assert (counted.oop_in_network, counted.oop_out_of_network) == (owed_inside, owed_outside)
    assert counted.deductible_in_network <= plan.individual_deductible_in_network
    assert counted.deductible_out_of_network <= plan.individual_deductible_out_of_network
    assert owed_inside <= plan.individual_oop_max_in_network
    assert owed_outside <= plan.individual_oop_max_out_of_network


# -- states


@pytest.mark.parametrize("steps", [CLAIM_TRANSITIONS, AUTH_TRANSITIONS], ids=["claims", "authorizations"])
def test_only_the_steps_of_the_table_are_taken(steps):
    for current in steps:
        for following in type(current):
            if following in steps[current]:
                assert transition(steps, current, following) is following
            else:
                with pytest.raises(DomainError) as refusal:
                    transition(steps, current, following)
                assert refusal.value.spoken.endswith(".")


@pytest.mark.parametrize(
    ("steps", "first"),
    [(CLAIM_TRANSITIONS, ClaimStatus.SUBMITTED), (AUTH_TRANSITIONS, AuthStatus.PENDING)],
    ids=["claims", "auths"],
)
def test_every_state_is_in_the_table_and_can_be_reached(steps, first):
    assert set(steps) == set(type(first))
    reached, ahead = set(), [first]
    while ahead:
        state = ahead.pop()
        if state not in reached:
            reached.add(state)
            ahead += steps[state]
    assert reached == set(steps)


@given(st.data())
def test_no_path_appeals_a_claim_twice_or_changes_a_paid_one(data):
    way = [ClaimStatus.SUBMITTED]
    while CLAIM_TRANSITIONS[way[-1]] and len(way) < 25:
        way.append(data.draw(st.sampled_from(sorted(CLAIM_TRANSITIONS[way[-1]]))))
    assert way.count(ClaimStatus.APPEALED) <= 1
    assert ClaimStatus.PAID not in way[:-1]
    appealed = [before for before, after in pairwise(way) if after is ClaimStatus.APPEALED]
    assert appealed in ([], [ClaimStatus.DENIED])
    assert last_of(way, CLAIM_TRANSITIONS) is way[-1]


def test_the_demonstrations_claims_and_authorizations_came_about_legally():
    assert len({last_of(claim.path, CLAIM_TRANSITIONS) for claim in CLAIMS}) == 8
    assert len({last_of(one.path, AUTH_TRANSITIONS) for one in AUTHORIZATIONS}) == 4
    assert {claim.path[0] for claim in CLAIMS} == {ClaimStatus.SUBMITTED}
    assert [claim.age_days for claim in CLAIMS] == sorted((claim.age_days for claim in CLAIMS), reverse=True)


@given(st.sampled_from(ClaimStatus), st.booleans(), days, st.integers(min_value=-5, max_value=400))
def test_a_claim_can_be_appealed_while_denied_unappealed_and_within_180_days(status, is_appealed, denied, later):
    row = ClaimRow(
        claim_number="CLM1",
        service_date=midnight(denied - timedelta(days=9)),
        processed_date=midnight(denied),
        billed_amount=NOTHING,
        status=status,
        is_appealed=is_appealed,
    )
    claim = claim_of(row, denied + timedelta(days=later))
    assert claim.can_be_appealed is (status == "denied" and not is_appealed and later <= 180)


@pytest.mark.parametrize(("later", "is_in_time"), [(180, True), (181, False)])
def test_the_180th_day_after_the_denial_is_the_last_one_for_an_appeal(later, is_in_time):
    denied = date(2026, 3, 1)
    row = ClaimRow(
        claim_number="CLM1",
        service_date=midnight(date(2026, 1, 1)),
        processed_date=midnight(denied),
        billed_amount=NOTHING,
        status=ClaimStatus.DENIED,
    )
    claim = claim_of(row, denied + timedelta(days=later))
    assert (claim.can_be_appealed, claim.appeal_until) == (is_in_time, date(2026, 8, 28))


@given(st.sampled_from(AuthStatus), st.none() | days, days)
def test_an_authorization_is_expired_the_day_after_its_last_one_and_only_when_it_was_approved(status, last, today):
    row = AuthorizationRow(status=status, expiration_date=None if last is None else midnight(last))
    has_run_out = status is AuthStatus.APPROVED and last is not None and last < today
    assert status_on(today, row) is (AuthStatus.EXPIRED if has_run_out else status)


@pytest.mark.parametrize(("is_urgent", "waiting"), [(True, 3), (False, 15)])
def test_a_decision_is_due_3_days_after_an_urgent_request_and_15_after_another(is_urgent, waiting):
    row = AuthorizationRow(
        auth_number="AUTH2026010100001",
        procedure_code="70553",
        status=AuthStatus.PENDING,
        # still December 31 in California
        requested_date=datetime(2026, 1, 1, 5, tzinfo=UTC),
        is_urgent=is_urgent,
    )
    shown = authorization_of(row, Owner(uuid.uuid4(), ZoneInfo("America/Los_Angeles")))
    assert shown.requested_on == date(2025, 12, 31)
    assert shown.decision_expected == date(2025, 12, 31) + timedelta(days=waiting)


@pytest.mark.parametrize("code", ["70553", "71250", "27447", "27130", "97110", "95810", "45378", "77067"])
def test_the_table_of_procedures_is_the_replaced_deployments(code):
    assert RULES[code].required is (code not in ("45378", "77067"))
    assert len(RULES) == 8


# -- plan years


@given(days, days)
def test_every_day_is_in_exactly_one_plan_year_and_these_follow_without_a_gap(today, anniversary):
    year = plan_year_on(today, anniversary)
    assert year.start <= today <= year.end
    assert (year.end - year.start).days + 1 in (365, 366)
    assert plan_year_on(year.start, anniversary) == plan_year_on(year.end, anniversary) == year
    following = plan_year_on(year.end + timedelta(days=1), anniversary)
    assert following.start == year.end + timedelta(days=1)
    assert following.number == year.number + 1


@given(days, days, days)
def test_the_year_in_which_a_plan_was_stored_makes_no_difference(today, anniversary, stored):
    if (anniversary.month, anniversary.day) != (2, 29):
        assert plan_year_on(today, anniversary) == plan_year_on(today, anniversary.replace(year=stored.year))


@pytest.mark.parametrize(
    ("today", "anniversary", "start", "end"),
    [
        (date(2026, 11, 23), date(2025, 1, 1), date(2026, 1, 1), date(2026, 12, 31)),
        (date(2027, 1, 1), date(2025, 1, 1), date(2027, 1, 1), date(2027, 12, 31)),
        (date(2026, 6, 30), date(2020, 7, 1), date(2025, 7, 1), date(2026, 6, 30)),
        (date(2026, 7, 1), date(2020, 7, 1), date(2026, 7, 1), date(2027, 6, 30)),
        (date(2026, 2, 28), date(2024, 2, 29), date(2025, 3, 1), date(2026, 2, 28)),
        (date(2028, 2, 29), date(2024, 2, 29), date(2028, 2, 29), date(2029, 2, 28)),
        (date(2020, 5, 5), date(2026, 1, 1), date(2020, 1, 1), date(2020, 12, 31)),
    ],
)
def test_plan_years_begin_on_the_plans_day(today, anniversary, start, end):
    year = plan_year_on(today, anniversary)
    assert (year.start, year.end) == (start, end)


@given(days, days)
def test_an_age_is_the_number_of_birthdays(born, today):
    if born <= today:
        age = age_on(today, born)
        assert age * 365 <= (today - born).days < (age + 1) * 367


# -- distances

zips = st.sampled_from(sorted(CENTERS))


@given(zips, zips, zips)
def test_distances_are_the_same_both_ways_and_no_detour_is_shorter(a, b, c):
    here, there, between = CENTERS[a], CENTERS[b], CENTERS[c]
    assert miles(here, here) == 0
    assert miles(here, there) == pytest.approx(miles(there, here))
    assert miles(here, there) <= miles(here, between) + miles(between, there) + 1e-9


def test_known_distances_are_right():
    assert miles(CENTERS["94110"], CENTERS["94612"]) == pytest.approx(9.1, abs=0.5)
    assert miles(CENTERS["94102"], CENTERS["95112"]) == pytest.approx(41.5, abs=1.5)
    assert miles((0, 0), (0, 180)) == pytest.approx(12_437, abs=5)


@given(zips, st.integers(min_value=1, max_value=100))
def test_all_codes_within_the_radius_are_found_and_none_beyond(center, radius):
    found = zip_codes_within(center, radius)
    assert found[center] == 0
    for code, place in CENTERS.items():
        assert (code in found) is (round(miles(CENTERS[center], place), 1) <= radius)


def test_every_provider_of_the_demonstration_can_be_placed_and_has_no_real_number():
    for provider in PROVIDERS:
        assert provider.zip_code in CENTERS
        assert not _is_real_npi(provider.npi)


def _is_real_npi(npi):
    """The check digit is Luhn's over the number with 80840 before it."""
    digits = [int(digit) for digit in "80840" + npi]
    return sum(sum(divmod(digit * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits))) % 10 == 0


# -- words


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("MRI", "diagnostic_imaging"),
        ("a CT scan", "diagnostic_imaging"),
        ("physical therapy", "physical_therapy"),
        ("therapy", "mental_health"),
        ("Urgent Care", "urgent_care"),
        ("specialist", "specialist_visit"),
        ("seeing my doctor", "office_visit"),
        ("knee surgery", "surgery"),
        ("an overnight hospital stay", "hospital_inpatient"),
        ("blood work", "diagnostic_lab"),
        ("prescription drugs", "prescription"),
        ("flu shot", "preventive"),
    ],
)
def test_what_callers_call_a_service_is_understood(said, category):
    assert service_category(said) == category


@pytest.mark.parametrize("category", ServiceCategory)
def test_the_categories_own_names_are_understood(category):
    assert service_category(category) is category
    assert service_category(category.replace("_", " ").upper()) is category


@given(st.text(max_size=40))
def test_any_words_are_understood_or_refused(said):
    with contextlib.suppress(DomainError):
        assert service_category(said) in ServiceCategory
    assert isinstance(specialty(said), str)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("cardiologist", "cardiology"),
        ("Cardiologists", "cardiology"),
        ("heart doctor", "cardiology"),
        ("a skin doctor", "dermatology"),
        ("psychiatrist", "psychiatry"),
        ("pediatrician", "pediatrics"),
        ("orthopedic surgeon", "orthopedic surgery"),
        ("Family Medicine", "family medicine"),
    ],
)
def test_what_callers_call_a_specialist_is_understood(said, wanted):
    assert specialty(said) == wanted


def test_codes_are_brought_to_one_form():
    assert zip_code_of("9 4 1 1 0") == zip_code_of("94110-1234") == "94110"
    assert npi_of("1000 000 101") == "1000000101"
    assert procedure_code_of(" e0601 ") == "E0601"
    assert diagnosis_code_of("m1711") == diagnosis_code_of("M17.11") == "M17.11"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (zip_code_of, "9411"),
        (zip_code_of, "٩٤١١٠"),
        (npi_of, "100000010"),
        (npi_of, "abcdefghij"),
        (procedure_code_of, "7055"),
        (procedure_code_of, "'; --"),
        (diagnosis_code_of, "1711"),
        (diagnosis_code_of, ""),
    ],
)
def test_codes_of_a_wrong_form_are_refused_with_a_sentence(form, text):
    with pytest.raises(DomainError) as refusal:
        form(text)
    assert refusal.value.spoken.endswith(".")


@given(amounts)
def test_an_amount_is_said_in_dollars_and_cents_and_can_be_heard_back(amount):
    words = spoken_amount(amount).replace(",", "").replace(" and ", " ").split()
    heard = sum(
        Decimal(number) / (100 if unit.startswith("cent") else 1)
        for number, unit in zip(words[::2], words[1::2], strict=True)
    )
    assert heard == amount


def test_amounts_and_days_are_said_as_people_say_them():
    assert spoken_amount(Decimal("1250.05")) == "1,250 dollars and 5 cents"
    assert spoken_amount(Decimal("1.01")) == "1 dollar and 1 cent"
    assert spoken_amount(Decimal("0.50")) == "50 cents"
    assert spoken_day(date(2026, 3, 1), date(2026, 11, 23)) == "March 1"
    assert spoken_day(date(2025, 3, 1), date(2026, 11, 23)) == "March 1, 2025"


@given(st.integers(min_value=0, max_value=120))
def test_preventive_care_is_recommended_at_every_age(age):
    names = {service.name for service in recommended(age)}
    assert {"wellness visit", "flu shot"} <= names
    assert ("colonoscopy" in names) is (45 <= age <= 75)
    assert ("mammogram" in names) is (40 <= age <= 74)
    assert ("childhood vaccines" in names) is (age < 18)
