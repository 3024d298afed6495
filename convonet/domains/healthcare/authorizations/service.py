"""The service of prior authorizations: rules, requests, and their status."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.healthcare.authorizations.schemas import Authorization, AuthRule, NewAuthorization
from convonet.domains.healthcare.coverage.service import coverage_on
from convonet.domains.healthcare.enums import AUTH_TRANSITIONS, AuthStatus, transition
from convonet.domains.healthcare.models import AuthorizationRow, day_or_none
from convonet.domains.healthcare.providers.repository import ProviderRepository
from convonet.domains.healthcare.providers.service import name_of
from convonet.domains.healthcare.repository import MemberRepository, membership
from convonet.domains.healthcare.synonyms import service_category
from convonet.storage.database import Database
from convonet.storage.effects import run_once

URGENT_DECISION = timedelta(days=3)
DECISION = timedelta(days=15)
NUMBERS_A_DAY = 100_000

ATTEMPTS = 20
"""Until a free number is found; at a tenth of a day's numbers used, all of these fail once in 1e20 times."""
OPEN = frozenset({AuthStatus.PENDING, AuthStatus.ADDITIONAL_INFO_NEEDED})


@dataclass(frozen=True, slots=True)
class Rule:
    """A procedure in plain words, and whether it needs authorization."""

    procedure: str
    required: bool


RULES = {
    "70553": Rule("MRI of the brain", required=True),
    "71250": Rule("CT scan of the chest", required=True),
    "27447": Rule("knee replacement", required=True),
    "27130": Rule("hip replacement", required=True),
    "97110": Rule("physical therapy exercises", required=True),
    "95810": Rule("sleep study", required=True),
    "45378": Rule("colonoscopy", required=False),
    "77067": Rule("screening mammogram", required=False),
}
"""By procedure code. A code that is not listed follows the plan's terms for its kind of service."""


class AuthorizationService:
    """The calling member's authorizations. Raises `NotAMember`, `NotFound`, `DomainError` with words for the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rule(self, owner: Owner, procedure_code: str | None, service_type: str | None) -> AuthRule:
        """The rule for a procedure, or else for a kind of service."""
        if procedure_code is None and service_type is None:
            raise DomainError("nothing asked", spoken="Please tell me the procedure code or the kind of service.")
        category = None if service_type is None else service_category(service_type)
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            benefit = None if category is None else await MemberRepository(session, member).benefit(category)
        known = RULES.get(procedure_code or "")
        by_plan = None if benefit is None else bool(benefit.requires_prior_auth)
        return AuthRule(
            required=by_plan if known is None else known.required,
            procedure_code=procedure_code,
            procedure=None if known is None else known.procedure,
            service=category,
        )

    async def submit(self, owner: Owner, request: NewAuthorization) -> Authorization:
        """Ask for authorization. Raises `DomainError` when it is not needed, open already or not covered."""
        rule = RULES.get(request.procedure_code)
        if rule is not None and not rule.required:
            raise DomainError("not needed", spoken=f"A {rule.procedure} needs no prior authorization.")

        async def work(session: AsyncSession) -> dict[str, Any]:
            member, plan = await membership(session, owner.user_id, lock=True)
            if not coverage_on(owner.today(), member, plan).is_covered:
                raise DomainError("not covered", spoken="Your coverage is not active today, so I can't request that.")
            repository = MemberRepository(session, member)
            provider = await ProviderRepository(session).provider(request.provider_npi)
            if await repository.undecided_authorization(request.procedure_code) is not None:
                raise DomainError("open already", spoken="There is an open request for that procedure already.")
            row = _row_of(request, member.id, await _free_number(repository, owner.today()), name_of(provider))
            repository.add_authorization(row)
            return authorization_of(row, owner).model_dump(mode="json")

        return Authorization.model_validate(await run_once(self._database, owner.user_id, owner.idempotency_key, work))

    async def status(self, owner: Owner, reference: str) -> Authorization:
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            return authorization_of(await MemberRepository(session, member).authorization(reference), owner)

    async def find(self, owner: Owner, status: AuthStatus | None) -> list[Authorization]:
        """The caller's authorizations, the newest first."""
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            rows = await MemberRepository(session, member).authorizations(status, owner.today())
        return [authorization_of(row, owner) for row in rows]


def status_on(today: date, row: AuthorizationRow) -> AuthStatus:
    """The status of a row on a day: an approval expires after its last day without any write."""
    status = AuthStatus(row.status)
    until = day_or_none(row.expiration_date or row.approved_to_date)
    if status is AuthStatus.APPROVED and until is not None and until < today:
        return transition(AUTH_TRANSITIONS, status, AuthStatus.EXPIRED)
    return status


def authorization_of(row: AuthorizationRow, owner: Owner) -> Authorization:
    """A row, for a caller on their own day."""
    status = status_on(owner.today(), row)
    requested = None if row.requested_date is None else row.requested_date.astimezone(owner.zone).date()
    expected = None if requested is None else requested + (URGENT_DECISION if row.is_urgent else DECISION)
    rule = RULES.get(row.procedure_code)
    return Authorization(
        auth_number=row.auth_number,
        status=status,
        procedure_code=row.procedure_code,
        procedure=row.procedure_description or (None if rule is None else rule.procedure),
        provider_name=row.requesting_provider_name,
        is_urgent=bool(row.is_urgent),
        requested_on=requested,
        decision_expected=expected if status is AuthStatus.PENDING else None,
        decided_on=None if status in OPEN else day_or_none(row.decision_date),
        decision_reason=row.decision_reason,
        approved_units=row.approved_units,
        valid_until=day_or_none(row.expiration_date or row.approved_to_date),
    )


def _row_of(request: NewAuthorization, member_id: uuid.UUID, number: str, provider: str) -> AuthorizationRow:
    now = datetime.now(UTC)
    return AuthorizationRow(
        id=uuid.uuid4(),
        member_id=member_id,
        auth_number=number,
        procedure_code=request.procedure_code,
        procedure_description=request.procedure_description,
        diagnosis_codes=[request.diagnosis_code] if request.diagnosis_code else [],
        requesting_provider_npi=request.provider_npi,
        requesting_provider_name=provider,
        clinical_notes=request.clinical_notes,
        status=AuthStatus.PENDING,
        requested_date=now,
        is_urgent=request.is_urgent,
        created_at=now,
        updated_at=now,
    )


async def _free_number(repository: MemberRepository, today: date) -> str:
    for _ in range(ATTEMPTS):
        number = f"AUTH{today:%Y%m%d}{secrets.randbelow(NUMBERS_A_DAY):05d}"
        if not await repository.is_auth_number_taken(number):
            return number
    raise DomainError("no number is free", spoken="I can't take another request today. Please try again tomorrow.")
