"""The closed sets of words that healthcare rows hold, and the tables of status changes.

Rows hold plain strings; the words are those of the replaced deployment, so that its rows can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from convonet.core.errors import DomainError


class EligibilityStatus(StrEnum):
    """The status that the payer has on file; coverage today also depends on the dates."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"
    TERMINATED = "terminated"
    COBRA = "cobra"
    SUSPENDED = "suspended"


class ServiceCategory(StrEnum):
    """Kinds of service that a plan has terms for."""

    OFFICE_VISIT = "office_visit"
    SPECIALIST_VISIT = "specialist_visit"
    EMERGENCY = "emergency"
    URGENT_CARE = "urgent_care"
    HOSPITAL_INPATIENT = "hospital_inpatient"
    HOSPITAL_OUTPATIENT = "hospital_outpatient"
    SURGERY = "surgery"
    DIAGNOSTIC_LAB = "diagnostic_lab"
    DIAGNOSTIC_IMAGING = "diagnostic_imaging"
    PREVENTIVE = "preventive"
    MENTAL_HEALTH = "mental_health"
    PHYSICAL_THERAPY = "physical_therapy"
    DURABLE_MEDICAL_EQUIPMENT = "durable_medical_equipment"
    PRESCRIPTION = "prescription"


class NetworkTier(StrEnum):
    """The first two are in the network, the third is out of it."""

    TIER_1 = "tier_1"
    TIER_2 = "tier_2"
    TIER_3 = "tier_3"


class ClaimStatus(StrEnum):
    """The state of a claim."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    PENDING_INFO = "pending_info"
    APPROVED = "approved"
    PARTIALLY_APPROVED = "partially_approved"
    DENIED = "denied"
    PAID = "paid"
    APPEALED = "appealed"
    APPEAL_APPROVED = "appeal_approved"
    APPEAL_DENIED = "appeal_denied"


class DenialReason(StrEnum):
    """The reason for a denied claim."""

    NOT_COVERED = "not_covered"
    OUT_OF_NETWORK = "out_of_network"
    NO_PRIOR_AUTH = "no_prior_auth"
    NOT_MEDICALLY_NECESSARY = "not_medically_necessary"
    DUPLICATE_CLAIM = "duplicate_claim"
    TIMELY_FILING = "timely_filing"
    COORDINATION_OF_BENEFITS = "coordination_of_benefits"
    MAX_BENEFIT_REACHED = "max_benefit_reached"
    INCOMPLETE_INFO = "incomplete_info"
    EXPERIMENTAL = "experimental"
    PRE_EXISTING_CONDITION = "pre_existing_condition"


class AuthStatus(StrEnum):
    """The state of a prior authorization."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ADDITIONAL_INFO_NEEDED = "additional_info_needed"


CLAIM_TRANSITIONS: Mapping[ClaimStatus, frozenset[ClaimStatus]] = {
    ClaimStatus.SUBMITTED: frozenset({ClaimStatus.PROCESSING}),
    ClaimStatus.PROCESSING: frozenset(
        {ClaimStatus.PENDING_INFO, ClaimStatus.APPROVED, ClaimStatus.PARTIALLY_APPROVED, ClaimStatus.DENIED}
    ),
    ClaimStatus.PENDING_INFO: frozenset({ClaimStatus.PROCESSING, ClaimStatus.DENIED}),
    ClaimStatus.APPROVED: frozenset({ClaimStatus.PAID}),
    ClaimStatus.PARTIALLY_APPROVED: frozenset({ClaimStatus.PAID}),
    ClaimStatus.DENIED: frozenset({ClaimStatus.APPEALED}),
    ClaimStatus.APPEALED: frozenset({ClaimStatus.APPEAL_APPROVED, ClaimStatus.APPEAL_DENIED}),
    ClaimStatus.APPEAL_APPROVED: frozenset({ClaimStatus.PAID}),
    ClaimStatus.APPEAL_DENIED: frozenset(),
    ClaimStatus.PAID: frozenset(),
}
"""The states that may follow a claim's state. A claim is appealed once."""

AUTH_TRANSITIONS: Mapping[AuthStatus, frozenset[AuthStatus]] = {
    AuthStatus.PENDING: frozenset(
        {AuthStatus.APPROVED, AuthStatus.DENIED, AuthStatus.ADDITIONAL_INFO_NEEDED, AuthStatus.CANCELLED}
    ),
    AuthStatus.ADDITIONAL_INFO_NEEDED: frozenset({AuthStatus.PENDING, AuthStatus.DENIED, AuthStatus.CANCELLED}),
    AuthStatus.APPROVED: frozenset({AuthStatus.EXPIRED, AuthStatus.CANCELLED}),
    AuthStatus.DENIED: frozenset(),
    AuthStatus.EXPIRED: frozenset(),
    AuthStatus.CANCELLED: frozenset(),
}
"""The states that may follow a prior authorization's state."""

ADJUDICATED = frozenset({ClaimStatus.APPROVED, ClaimStatus.PARTIALLY_APPROVED, ClaimStatus.PAID})
"""States in which the member's share counts towards the deductible and the out-of-pocket maximum.

A claim won on appeal counts from its payment on: until then its share is not recalculated.
"""

UNDECIDED = frozenset({ClaimStatus.SUBMITTED, ClaimStatus.PROCESSING, ClaimStatus.PENDING_INFO})
"""States in which there is no explanation of benefits yet."""
State = TypeVar("State", ClaimStatus, AuthStatus)


def transition(transitions: Mapping[State, frozenset[State]], current: State, following: State) -> State:
    """Return the following state. Raises `DomainError` when it may not follow the current one."""
    if following not in transitions[current]:
        raise DomainError(
            f"no transition from {current} to {following}",
            spoken=f"That is not possible while it is {current.replace('_', ' ')}.",
        )
    return following
