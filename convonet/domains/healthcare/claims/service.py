"""The service of a member's claims: find them, explain them, appeal a denied one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.healthcare.claims.schemas import Appeal, Claim, ClaimDetails, ClaimLine, ExplanationOfBenefits
from convonet.domains.healthcare.cost_sharing import NOTHING
from convonet.domains.healthcare.enums import (
    CLAIM_TRANSITIONS,
    UNDECIDED,
    ClaimStatus,
    DenialReason,
    NetworkTier,
    transition,
)
from convonet.domains.healthcare.models import ClaimLineRow, ClaimRow, day, day_or_none
from convonet.domains.healthcare.repository import MemberRepository, membership
from convonet.domains.speech import spoken_day
from convonet.storage.database import Database
from convonet.storage.effects import run_once

APPEAL_WINDOW = timedelta(days=180)
"""From the day of the denial; the time that 29 CFR 2560.503-1(h)(3)(i) gives at least."""
APPEAL_DECISION = timedelta(days=45)


class ClaimService:
    """The calling member's claims. Raises `NotAMember`, `NotFound`, `DomainError` with words for the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, owner: Owner, *, since: date | None, until: date | None, status: ClaimStatus | None, limit: int
    ) -> tuple[list[Claim], bool]:
        """Claims by day of service, both days included, the newest first; and whether there are more than `limit`."""
        if since is not None and until is not None and since > until:
            raise DomainError("dates reversed", spoken="The first day can't be after the last day.")
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            repository = MemberRepository(session, member)
            rows = await repository.claims(since=since, until=until, status=status, limit=limit + 1)
        return [claim_of(row, owner.today()) for row in rows[:limit]], len(rows) > limit

    async def status(self, owner: Owner, reference: str) -> Claim:
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            return claim_of(await MemberRepository(session, member).claim(reference), owner.today())

    async def details(self, owner: Owner, reference: str) -> ClaimDetails:
        """One claim with everything that is known."""
        row, lines = await self._with_lines(owner, reference)
        return details_of(row, lines, owner)

    async def explanation(self, owner: Owner, reference: str) -> ExplanationOfBenefits:
        """The division of a claim between plan and member. Raises `DomainError` while it is undecided."""
        row, lines = await self._with_lines(owner, reference)
        if ClaimStatus(row.status) in UNDECIDED:
            raise DomainError(
                "undecided",
                spoken="That claim has not been decided yet, so there is no explanation of benefits for it.",
            )
        return explanation_of(row, lines)

    async def appeal(self, owner: Owner, reference: str, reason: str) -> Appeal:
        """Appeal a denied claim. Raises `DomainError` when it was not denied, was appealed before or is too old."""

        async def work(session: AsyncSession) -> dict[str, Any]:
            member, _ = await membership(session, owner.user_id, lock=True)
            row = await MemberRepository(session, member).claim(reference)
            _refuse_appeal(row, owner.today())
            now = datetime.now(UTC)
            row.status = transition(CLAIM_TRANSITIONS, ClaimStatus(row.status), ClaimStatus.APPEALED)
            row.is_appealed = True
            row.appeal_date = row.updated_at = now
            row.appeal_reason = reason
            filed = owner.today()
            appeal = Appeal(
                claim_number=row.claim_number,
                status=ClaimStatus.APPEALED,
                filed_on=filed,
                decision_expected=filed + APPEAL_DECISION,
            )
            return appeal.model_dump(mode="json")

        return Appeal.model_validate(await run_once(self._database, owner.user_id, owner.idempotency_key, work))

    async def _with_lines(self, owner: Owner, reference: str) -> tuple[ClaimRow, Sequence[ClaimLineRow]]:
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            repository = MemberRepository(session, member)
            row = await repository.claim(reference)
            return row, await repository.lines(row)


def appeal_until(row: ClaimRow) -> date | None:
    """The last day on which a denied claim can be appealed; None when it can't be at all."""
    if ClaimStatus(row.status) is not ClaimStatus.DENIED or row.is_appealed:
        return None
    return day(row.processed_date or row.received_date or row.service_date) + APPEAL_WINDOW


def claim_of(row: ClaimRow, today: date) -> Claim:
    """A row, for a member whose day is `today`."""
    until = appeal_until(row)
    return Claim(
        claim_number=row.claim_number,
        status=ClaimStatus(row.status),
        service_date=day(row.service_date),
        provider_name=row.provider_name,
        provider_network=NetworkTier(row.provider_network_tier) if row.provider_network_tier else None,
        billed=row.billed_amount,
        allowed=row.allowed_amount,
        paid=row.paid_amount,
        member_responsibility=row.member_responsibility,
        denial_reason=DenialReason(row.denial_reason) if row.denial_reason else None,
        received_date=day_or_none(row.received_date),
        processed_date=day_or_none(row.processed_date),
        can_be_appealed=until is not None and today <= until,
        appeal_until=until,
    )


def details_of(row: ClaimRow, lines: Sequence[ClaimLineRow], owner: Owner) -> ClaimDetails:
    """A row with its lines."""
    appealed = None if row.appeal_date is None else row.appeal_date.astimezone(owner.zone).date()
    is_open = ClaimStatus(row.status) is ClaimStatus.APPEALED
    return ClaimDetails(
        **claim_of(row, owner.today()).model_dump(),
        deductible_applied=row.deductible_applied,
        copay_applied=row.copay_applied,
        coinsurance_applied=row.coinsurance_applied,
        diagnosis_codes=row.diagnosis_codes or [],
        procedure_codes=row.procedure_codes or [],
        denial_details=row.denial_details,
        appeal_date=appealed,
        appeal_decision_expected=appealed + APPEAL_DECISION if is_open and appealed is not None else None,
        lines=[_line_of(line) for line in lines],
    )


def explanation_of(row: ClaimRow, lines: Sequence[ClaimLineRow]) -> ExplanationOfBenefits:
    """A decided row; amounts that were never filled in are nothing."""
    allowed = row.allowed_amount or NOTHING
    return ExplanationOfBenefits(
        claim_number=row.claim_number,
        status=ClaimStatus(row.status),
        service_date=day(row.service_date),
        provider_name=row.provider_name,
        billed=row.billed_amount,
        not_allowed=row.billed_amount - allowed,
        allowed=allowed,
        paid=row.paid_amount or NOTHING,
        deductible_applied=row.deductible_applied or NOTHING,
        copay_applied=row.copay_applied or NOTHING,
        coinsurance_applied=row.coinsurance_applied or NOTHING,
        member_responsibility=row.member_responsibility or NOTHING,
        denial_reason=DenialReason(row.denial_reason) if row.denial_reason else None,
        denial_details=row.denial_details,
        lines=[_line_of(line) for line in lines],
    )


def _refuse_appeal(row: ClaimRow, today: date) -> None:
    if row.is_appealed:
        raise DomainError("appealed", spoken="That claim has been appealed already. A claim can be appealed once.")
    until = appeal_until(row)
    if until is None:
        stands = row.status.replace("_", " ")
        raise DomainError("not denied", spoken=f"Only a denied claim can be appealed. That claim is {stands}.")
    if today > until:
        raise DomainError("too late", spoken=f"That claim could be appealed until {spoken_day(until, today)}.")


def _line_of(row: ClaimLineRow) -> ClaimLine:
    return ClaimLine(
        line_number=row.line_number,
        procedure_code=row.procedure_code,
        description=row.procedure_description,
        units=row.units or 1,
        billed=row.billed_amount,
        allowed=row.allowed_amount,
        paid=row.paid_amount,
    )
