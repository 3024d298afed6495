"""The service of the provider directory: search by specialty and distance, network status."""

from __future__ import annotations

from convonet.core.owner import Owner
from convonet.domains.healthcare.enums import NetworkTier
from convonet.domains.healthcare.models import MemberRow, ProviderRow
from convonet.domains.healthcare.providers.geography import CENTERS, zip_codes_within
from convonet.domains.healthcare.providers.repository import ZIP_DIGITS, ProviderRepository
from convonet.domains.healthcare.providers.schemas import Provider, ProviderDetails, ProvidersFound
from convonet.domains.healthcare.repository import membership
from convonet.domains.healthcare.synonyms import specialty
from convonet.storage.database import Database

IN_NETWORK = frozenset({NetworkTier.TIER_1, NetworkTier.TIER_2})


class ProviderService:
    """The directory, for members only. Raises `NotAMember`, `NotFound`, `DomainError` with words for the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, owner: Owner, said: str, *, zip_code: str | None, radius_miles: int, limit: int
    ) -> ProvidersFound:
        """Providers of a specialty around a ZIP code, or the member's home if it is known, the nearest first."""
        wanted = specialty(said)
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            around = zip_code or _home(member)
            distances = None if around is None else zip_codes_within(around, radius_miles)
            rows = await ProviderRepository(session).providers(wanted, distances, limit + 1)
        return ProvidersFound(
            specialty=wanted,
            zip_code=around,
            radius_miles=None if around is None else radius_miles,
            providers=[provider_of(row, (distances or {}).get(_area(row))) for row in rows[:limit]],
            more=len(rows) > limit,
        )

    async def details(self, owner: Owner, npi: str) -> ProviderDetails:
        async with self._database.reading() as session:
            await membership(session, owner.user_id)
            row = await ProviderRepository(session).provider(npi)
        return ProviderDetails(
            **provider_of(row, None).model_dump(),
            other_specialties=row.secondary_specialties or [],
            hospital_affiliations=row.hospital_affiliations or [],
            reviews=row.patient_reviews_count or 0,
            email=row.email,
            website=row.website,
        )


def name_of(row: ProviderRow) -> str:
    """ "Dr. Ada Example", or the organization's name."""
    person = " ".join(part for part in (row.first_name, row.last_name) if part)
    return f"Dr. {person}" if person else row.organization_name or "an unnamed provider"


def provider_of(row: ProviderRow, miles: float | None) -> Provider:
    """Show a row; `miles` is its distance."""
    tier = NetworkTier(row.network_tier)
    return Provider(
        npi=row.npi,
        name=name_of(row),
        specialty=row.primary_specialty,
        network=tier,
        in_network=tier in IN_NETWORK,
        accepting_patients=row.is_accepting_patients is not False,
        phone=row.phone,
        address=row.address_line_1,
        city=row.city,
        zip_code=row.zip_code,
        miles=miles,
        rating=row.quality_rating,
        languages=row.languages or [],
    )


def _home(member: MemberRow) -> str | None:
    code = (member.member_metadata or {}).get("zip_code")
    return code if isinstance(code, str) and code in CENTERS else None


def _area(row: ProviderRow) -> str:
    return (row.zip_code or "")[:ZIP_DIGITS]
