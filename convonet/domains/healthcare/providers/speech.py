"""The sentences of providers."""

from __future__ import annotations

import re

from convonet.domains.healthcare.enums import NetworkTier
from convonet.domains.healthcare.providers.schemas import Provider, ProvidersFound
from convonet.domains.healthcare.speech import MAX_SPOKEN, spoken_count
from convonet.domains.speech import spelled
from convonet.language.sentences import enumerated

SPOKEN_NETWORK = {
    NetworkTier.TIER_1: "is a preferred provider in your network",
    NetworkTier.TIER_2: "is in your network",
    NetworkTier.TIER_3: "is not in your network",
}


def of_providers(found: ProvidersFound) -> str:
    """Name the providers that were found, the nearest first."""
    area = f" within {found.radius_miles} miles of {spelled(found.zip_code)}" if found.zip_code else ""
    if not found.providers:
        return f"I found no provider for {found.specialty}{area}. I can search further away, or for something else."
    named = [_where(provider) for provider in found.providers[:MAX_SPOKEN]]
    lead = "The first are" if len(named) > 1 else "The first is"
    count = spoken_count(len(found.providers), "provider", "providers", more=found.more)
    return f"I found {count} for {found.specialty}{area}. {lead} {enumerated(named)}."


def of_network(provider: Provider) -> str:
    """Say whether a provider is in the network."""
    patients = "takes" if provider.accepting_patients else "takes no"
    return f"{provider.name} {SPOKEN_NETWORK[provider.network]} and {patients} new patients."


def of_provider(provider: Provider) -> str:
    """Describe a provider, with the phone number."""
    specialty = f", {provider.specialty}," if provider.specialty else ""
    city = f", in {provider.city}" if provider.city else ""
    phone = f" The phone number is {_phone(provider.phone)}." if provider.phone else ""
    return f"{provider.name}{specialty} {SPOKEN_NETWORK[provider.network]}{city}.{phone}"


def _phone(number: str) -> str:
    return ", ".join(spelled(group) for group in re.findall("[0-9]+", number))


def _where(provider: Provider) -> str:
    miles = "" if provider.miles is None else f", {provider.miles:g} {'mile' if provider.miles == 1 else 'miles'} away"
    outside = "" if provider.in_network else ", out of network"
    return f"{provider.name}{f' in {provider.city}' if provider.city else ''}{miles}{outside}"
