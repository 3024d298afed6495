"""The decisions on the demonstration's claims, by the plan's own rules, so that all amounts add up."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from convonet.domains.healthcare.cost_sharing import NOTHING, Room, Share, Terms, share
from convonet.domains.healthcare.demo.member import DemoClaim
from convonet.domains.healthcare.demo.plan import PROVIDERS
from convonet.domains.healthcare.enums import (
    ADJUDICATED,
    CLAIM_TRANSITIONS,
    ClaimStatus,
    NetworkTier,
    State,
    transition,
)
from convonet.domains.healthcare.models import BenefitRow, ClaimLineRow, ClaimRow, PlanRow, midnight
from convonet.domains.healthcare.repository import Counted

RECEIVED = timedelta(days=2)
PROCESSED = timedelta(days=9)
PAID = timedelta(days=12)

APPEALED = timedelta(days=30)
"""After the day of the service."""
DECIDED = ADJUDICATED | {ClaimStatus.DENIED, ClaimStatus.APPEALED}
UNSHARED = Share(NOTHING, NOTHING, NOTHING, NOTHING)


def last_of(path: Sequence[State], transitions: Mapping[State, frozenset[State]]) -> State:
    """The last state of a path. Raises `DomainError` for an illegal transition."""
    for current, following in pairwise(path):
        transition(transitions, current, following)
    return path[-1]


class Adjudicator:
    """Decides claims one after the other; `counted` is their sum in the plan year."""

    def __init__(self, plan: PlanRow, benefits: Sequence[BenefitRow], counted: Counted) -> None:
        self._plan = plan
        self._benefits = {benefit.service_category: benefit for benefit in benefits}
        self.counted = counted

    def decide(
        self, key: uuid.UUID, member_id: uuid.UUID, claim: DemoClaim, now: datetime
    ) -> tuple[ClaimRow, list[ClaimLineRow]]:
        """The rows of a claim for a service `age_days` before `now`."""
        status = last_of(claim.path, CLAIM_TRANSITIONS)
        provider = next(provider for provider in PROVIDERS if provider.npi == claim.npi)
        counts = status in ADJUDICATED
        allowed = sum((line.allowed for line in claim.lines), NOTHING) if counts else NOTHING
        part = self._share(allowed, claim, provider.tier) if counts else UNSHARED
        served = midnight(now.date() - timedelta(days=claim.age_days))
        is_decided = status in DECIDED
        row = ClaimRow(
            id=key,
            member_id=member_id,
            claim_number=f"CLM{served:%Y%m%d}{key.int % 10**6:06d}",
            service_date=served,
            place_of_service=claim.place,
            provider_npi=claim.npi,
            provider_name=provider.name,
            provider_network_tier=provider.tier,
            diagnosis_codes=[claim.diagnosis],
            procedure_codes=[line.code for line in claim.lines],
            billed_amount=sum((line.billed for line in claim.lines), NOTHING),
            status=status,
            denial_reason=claim.denial,
            denial_details=claim.denial_details,
            received_date=served + RECEIVED,
            processed_date=served + PROCESSED if is_decided else None,
            paid_date=served + PAID if status is ClaimStatus.PAID else None,
            is_appealed=status is ClaimStatus.APPEALED,
            appeal_date=served + APPEALED if status is ClaimStatus.APPEALED else None,
            appeal_reason="The treatment was for scars of an illness." if status is ClaimStatus.APPEALED else None,
            created_at=now,
            updated_at=now,
        )
        if is_decided:
            row.allowed_amount, row.paid_amount, row.member_responsibility = allowed, part.paid, part.responsibility
            row.deductible_applied, row.copay_applied = part.deductible, part.copay
            row.coinsurance_applied = part.coinsurance
        return row, _lines(row, claim, part.responsibility, counts=counts, is_decided=is_decided)

    def _share(self, allowed: Decimal, claim: DemoClaim, tier: NetworkTier) -> Share:
        benefit, plan, so_far = self._benefits[claim.service], self._plan, self.counted
        if tier is NetworkTier.TIER_3:
            terms = Terms(benefit.copay_out_of_network, benefit.coinsurance_out_of_network)
            deductible = (plan.individual_deductible_out_of_network or NOTHING) - so_far.deductible_out_of_network
            ceiling = (plan.individual_oop_max_out_of_network or NOTHING) - so_far.oop_out_of_network
            part = share(allowed, terms, Room(max(deductible, NOTHING), max(ceiling, NOTHING)))
            self.counted = replace(
                so_far,
                deductible_out_of_network=so_far.deductible_out_of_network + part.deductible,
                oop_out_of_network=so_far.oop_out_of_network + part.responsibility,
            )
            return part
        terms = Terms(benefit.copay_in_network, benefit.coinsurance_in_network)
        deductible = plan.individual_deductible_in_network - so_far.deductible_in_network
        ceiling = plan.individual_oop_max_in_network - so_far.oop_in_network
        part = share(allowed, terms, Room(max(deductible, NOTHING), max(ceiling, NOTHING)))
        self.counted = replace(
            so_far,
            deductible_in_network=so_far.deductible_in_network + part.deductible,
            oop_in_network=so_far.oop_in_network + part.responsibility,
        )
        return part


def _lines(row: ClaimRow, claim: DemoClaim, owed: Decimal, *, counts: bool, is_decided: bool) -> list[ClaimLineRow]:
    """The claim's services; the member's share is taken from the first ones."""
    rows = []
    for number, line in enumerate(claim.lines, 1):
        allowed = line.allowed if counts else NOTHING
        own = min(owed, allowed)
        owed -= own
        rows.append(
            ClaimLineRow(
                id=uuid.uuid5(row.id, str(number)),
                claim_id=row.id,
                line_number=number,
                procedure_code=line.code,
                procedure_description=line.description,
                units=1,
                billed_amount=line.billed,
                allowed_amount=allowed if is_decided else None,
                paid_amount=allowed - own if is_decided else None,
                is_covered=claim.denial is None,
                denial_reason=claim.denial,
                created_at=row.created_at,
            )
        )
    return rows
