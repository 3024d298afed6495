"""The sentences of coverage, benefits and limits, short enough to be heard once."""

from __future__ import annotations

from decimal import Decimal

from convonet.domains.healthcare.coverage.schemas import Benefit, Benefits, Coverage, Limits, PreventiveCare
from convonet.domains.speech import counted, spoken_amount, spoken_day, spoken_percent, spoken_words
from convonet.language.sentences import enumerated

MAX_SPOKEN = 4
"""Names that a caller can follow in one breath."""


def of_coverage(coverage: Coverage) -> str:
    """Say whether the caller is covered."""
    today = coverage.as_of
    if coverage.is_covered:
        until = f", until {spoken_day(coverage.coverage_end, today)}" if coverage.coverage_end else ""
        return f"Yes, you are covered by {coverage.plan_name}{until}."
    if coverage.coverage_start > today:
        return f"Not yet: your coverage begins on {spoken_day(coverage.coverage_start, today)}."
    if coverage.coverage_end is not None and coverage.coverage_end < today:
        return f"No, your coverage ended on {spoken_day(coverage.coverage_end, today)}."
    return f"No, your coverage is {spoken_words(coverage.status)} at the moment."


def of_dates(coverage: Coverage) -> str:
    """Since and until when."""
    today = coverage.as_of
    begins = "began" if coverage.coverage_start <= today else "begins"
    start = f"Your coverage {begins} on {spoken_day(coverage.coverage_start, today)}"
    if coverage.coverage_end is None:
        return f"{start} and has no end date."
    ends = "ended" if coverage.coverage_end < today else "ends"
    return f"{start} and {ends} on {spoken_day(coverage.coverage_end, today)}."


def of_benefits(benefits: Benefits) -> str:
    """The plan at a glance."""
    services = [benefit for benefit in benefits.benefits if benefit.is_covered]
    if not services:
        return f"I can't find the benefits of {benefits.plan_name}."
    copays = [
        f"{spoken_words(benefit.service)}: {spoken_amount(benefit.copay_in_network)}"
        for benefit in services
        if benefit.copay_in_network
    ]
    named = f" Copays in the network are, for example, {enumerated(copays[:MAX_SPOKEN])}." if copays else ""
    return f"{benefits.plan_name} covers {counted(len(services), 'kind', 'kinds')} of service.{named}"


def of_benefit(benefit: Benefit) -> str:
    """Say whether a service is covered, and what has to be done first."""
    service = spoken_words(benefit.service).capitalize()
    if not benefit.is_covered:
        return f"{service} is not covered by your plan."
    needs = [
        word
        for word, needed in (
            ("prior authorization", benefit.requires_prior_auth),
            ("a referral", benefit.requires_referral),
        )
        if needed
    ]
    first = f" You need {enumerated(needs)} first." if needs else ""
    visits = f" The plan pays for {benefit.visits_per_year} visits a year." if benefit.visits_per_year else ""
    return f"{service} is covered: {of_costs(benefit)}.{first}{visits}"


def of_costs(benefit: Benefit) -> str:
    """The caller's cost in and out of the network."""
    inside = _cost(benefit.copay_in_network, benefit.coinsurance_in_network)
    if inside is None:
        return "your plan says nothing about the cost"
    outside = _cost(benefit.copay_out_of_network, benefit.coinsurance_out_of_network)
    return f"you pay {inside} in the network" + (f" and {outside} out of it" if outside else "")


def of_copay(benefit: Benefit) -> str:
    """Say the caller's cost of a kind of service."""
    service = spoken_words(benefit.service)
    if not benefit.is_covered:
        return f"{service.capitalize()} is not covered by your plan."
    return f"{service.capitalize()}: {of_costs(benefit)}."


def of_limits(limits: Limits) -> str:
    """Say the caller's progress towards a limit of the current plan year."""
    own = limits.individual_in_network
    name = "deductible" if limits.kind == "deductible" else "out-of-pocket maximum"
    year = f"in the plan year that ends on {limits.plan_year_end:%B} {limits.plan_year_end.day}"
    if not own.limit:
        return f"Your plan has no {name}."
    if not own.remaining:
        return f"You have met your {name}, {spoken_amount(own.limit)}, {year}."
    so_far = f"{spoken_amount(own.met)} count" if own.met else "nothing counts"
    left = f"{spoken_amount(own.remaining)} are left of {spoken_amount(own.limit)}"
    return f"So far {so_far} towards your {name} {year}; {left}."


def of_preventive(care: PreventiveCare) -> str:
    """Name the recommended services."""
    cost = "at no cost in the network" if care.free_in_network else "on your plan's preventive terms"
    names = [
        service.name if service.condition is None else f"{service.name} {service.condition}"
        for service in care.services
    ]
    listed = enumerated(names)
    at = "" if care.age is None else f" At {care.age},"
    advice = f"{at} recommended are: {listed}." if at else f" Recommended are: {listed}."
    return f"Preventive care is covered {cost}.{advice}"


def _cost(copay: Decimal | None, coinsurance: Decimal | None) -> str | None:
    if copay is None and coinsurance is None:
        return None
    parts = [spoken_amount(copay)] if copay else []
    parts += [spoken_percent(coinsurance)] if coinsurance else []
    return " plus ".join(parts) or "nothing"
