"""Providers as their tools show them."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

from convonet.domains.healthcare.enums import NetworkTier


class Provider(BaseModel):
    """A doctor or organization; `miles` only when it was searched by distance."""

    npi: str
    name: str
    specialty: str | None
    network: NetworkTier
    in_network: bool
    accepting_patients: bool
    phone: str | None
    address: str | None
    city: str | None
    zip_code: str | None
    miles: float | None = None
    rating: Decimal | None = None
    languages: list[str] = []


class ProviderDetails(Provider):
    """A provider with everything that the directory knows."""

    other_specialties: list[str]
    hospital_affiliations: list[str]
    reviews: int
    email: str | None
    website: str | None


class ProvidersFound(BaseModel):
    """Found providers, around which ZIP code if the search was by distance, and whether there are more."""

    specialty: str
    zip_code: str | None
    radius_miles: int | None
    providers: list[Provider]
    more: bool
