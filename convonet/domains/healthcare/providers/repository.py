"""The SQL of the provider directory, which is the same for all members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import String, case, cast, func, nulls_last, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.domains.healthcare.models import ProviderRow

ZIP_DIGITS = 5
"""Rows may hold ZIP+4."""


class ProviderRepository:
    """The provider directory within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def providers(
        self, specialty: str, distances: Mapping[str, float] | None, limit: int
    ) -> Sequence[ProviderRow]:
        """Providers of a specialty, the nearest first, then by network and rating; only within `distances` if given."""
        area = func.substr(ProviderRow.zip_code, 1, ZIP_DIGITS)
        query = select(ProviderRow).where(
            or_(
                ProviderRow.primary_specialty.icontains(specialty, autoescape=True),
                cast(ProviderRow.secondary_specialties, String).icontains(specialty, autoescape=True),
            )
        )
        if distances is not None:
            query = query.where(area.in_(distances)).order_by(case(dict(distances), value=area))
        query = query.order_by(ProviderRow.network_tier, nulls_last(ProviderRow.quality_rating.desc()), ProviderRow.npi)
        return (await self._session.scalars(query.limit(limit))).all()

    async def provider(self, npi: str) -> ProviderRow:
        """A provider by NPI. Raises `NotFound`."""
        row = await self._session.scalar(select(ProviderRow).where(ProviderRow.npi == npi))
        if row is None:
            raise NotFound("provider", spoken="I can't find a provider with that number in our directory.")
        return row
