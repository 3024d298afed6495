"""The sentences of claims, authorizations and providers."""

from __future__ import annotations

import re
from datetime import date

from convonet.domains.healthcare.results import (
    Appeal,
    Authorization,
    AuthRule,
    Claim,
    ClaimDetails,
    ExplanationOfBenefits,
    Provider,
    ProvidersFound,
)
from convonet.domains.healthcare.vocabulary import AuthStatus, ClaimStatus, DenialReason, NetworkTier
from convonet.domains.speech import counted, spelled, spoken_amount, spoken_day, spoken_list, spoken_words

MOST_NAMED = 3
"""Entries that a caller can follow in one breath."""

STANDS = {
    ClaimStatus.SUBMITTED: "has been received and waits to be processed",
    ClaimStatus.PROCESSING: "is being processed",
    ClaimStatus.PENDING_INFO: "waits for information from your provider",
    ClaimStatus.APPROVED: "has been approved and will be paid soon",
    ClaimStatus.PARTIALLY_APPROVED: "has been approved in part",
    ClaimStatus.DENIED: "was denied",
    ClaimStatus.PAID: "has been paid",
    ClaimStatus.APPEALED: "has been appealed, and the appeal is being reviewed",
    ClaimStatus.APPEAL_APPROVED: "was approved on appeal",
    ClaimStatus.APPEAL_DENIED: "was denied again on appeal",
}

BECAUSE = {
    DenialReason.NOT_COVERED: "your plan doesn't cover that service",
    DenialReason.OUT_OF_NETWORK: "the provider is not in your network",
    DenialReason.NO_PRIOR_AUTH: "there was no prior authorization",
    DenialReason.NOT_MEDICALLY_NECESSARY: "the medical need was not shown",
    DenialReason.DUPLICATE_CLAIM: "it repeats another claim",
    DenialReason.TIMELY_FILING: "it was filed too late",
    DenialReason.COORDINATION_OF_BENEFITS: "another insurance may have to pay first",
    DenialReason.MAX_BENEFIT_REACHED: "the limit for that service has been reached",
    DenialReason.INCOMPLETE_INFO: "information was missing",
    DenialReason.EXPERIMENTAL: "the treatment counts as experimental",
    DenialReason.PRE_EXISTING_CONDITION: "of a condition from before your coverage",
}

AUTHORIZATION_STANDS = {
    AuthStatus.PENDING: "is being reviewed",
    AuthStatus.APPROVED: "is approved",
    AuthStatus.DENIED: "was denied",
    AuthStatus.EXPIRED: "has expired",
    AuthStatus.CANCELLED: "was cancelled",
    AuthStatus.ADDITIONAL_INFO_NEEDED: "needs more information from your provider",
}

NETWORK = {
    NetworkTier.TIER_1: "is a preferred provider in your network",
    NetworkTier.TIER_2: "is in your network",
    NetworkTier.TIER_3: "is not in your network",
}


def of_claims(claims: list[Claim], today: date, *, more: bool) -> str:
    """How many claims were found, and the newest ones."""
    if not claims:
        return "I found no such claims."
    named = "; ".join(_briefly(claim, today) for claim in claims[:MOST_NAMED])
    lead = "The newest: " if len(claims) > MOST_NAMED else ""
    return f"I found {_count(len(claims), 'claim', 'claims', more=more)}. {lead}{named}."


def of_claim(claim: Claim, today: date) -> str:
    """How a claim stands, why, and what can be done."""
    why = _why(claim)
    owed = _owed(claim)
    chance = (
        f" You can appeal until {spoken_day(claim.appeal_until, today)}."
        if claim.can_be_appealed and claim.appeal_until
        else ""
    )
    return f"Your claim {_origin(claim, today)} {STANDS[claim.status]}{why}.{owed}{chance}"


def of_details(claim: ClaimDetails, today: date) -> str:
    """A claim with its services."""
    services = [line.description for line in claim.lines if line.description]
    done = f" It is for {spoken_list(services[:MOST_NAMED])}." if services else ""
    expected = claim.appeal_decision_expected
    decision = f" The decision is expected by {spoken_day(expected, today)}." if expected else ""
    return f"{of_claim(claim, today)} The bill was {spoken_amount(claim.billed)}.{done}{decision}"


def of_explanation(explanation: ExplanationOfBenefits) -> str:
    """Who pays what."""
    billed = f"{spoken_amount(explanation.billed)} were billed"
    if explanation.denial_reason and not explanation.allowed:
        return f"{billed} and nothing was allowed, because {BECAUSE[explanation.denial_reason]}."
    parts = [
        f"{spoken_amount(amount)} of {name}"
        for name, amount in (
            ("deductible", explanation.deductible_applied),
            ("copay", explanation.copay_applied),
            ("coinsurance", explanation.coinsurance_applied),
        )
        if amount
    ]
    paid = f"the plan pays {spoken_amount(explanation.paid) if explanation.paid else 'nothing'}"
    own = f"your part is {spoken_list(parts) if parts else 'nothing'}"
    return f"{billed}, {spoken_amount(explanation.allowed)} allowed; {paid}, and {own}."


def of_appeal(appeal: Appeal) -> str:
    """That the appeal is filed."""
    expected = spoken_day(appeal.decision_expected, appeal.filed_on)
    return f"I filed your appeal. You can expect a decision by {expected}."


def of_rule(rule: AuthRule) -> str:
    """Whether authorization is needed."""
    what = rule.procedure or (
        spoken_words(rule.service) if rule.service else f"code {spelled(rule.procedure_code or '')}"
    )
    if rule.required is None:
        return f"I have no rule for {what}. Please tell me the kind of service, or let your provider ask."
    return f"{what[0].upper()}{what[1:]} {'needs' if rule.required else 'does not need'} prior authorization."


def of_submitted(authorization: Authorization, today: date) -> str:
    """That the request is on its way, and how it can be told from others."""
    ending = spelled(authorization.auth_number[-5:])
    expected = authorization.decision_expected
    decision = f" A decision is due by {spoken_day(expected, today)}." if expected else ""
    return f"I sent the request for {_procedure(authorization)}. Its number ends in {ending}.{decision}"


def of_authorization(authorization: Authorization, today: date) -> str:
    """How an authorization stands."""
    expected, until = authorization.decision_expected, authorization.valid_until
    stands = AUTHORIZATION_STANDS[authorization.status]
    if expected is not None:
        due = f"a decision {'is' if expected >= today else 'was'} due by {spoken_day(expected, today)}"
        return f"Your request for {_procedure(authorization)} {stands}; {due}."
    if authorization.status is AuthStatus.APPROVED and until is not None:
        return f"Your authorization for {_procedure(authorization)} {stands} until {spoken_day(until, today)}."
    return f"Your authorization for {_procedure(authorization)} {stands}."


def of_authorizations(authorizations: list[Authorization], today: date) -> str:
    """How many there are, and how the newest stand."""
    if not authorizations:
        return "I found no such prior authorizations."
    named = [f"{_procedure(one)} {AUTHORIZATION_STANDS[one.status]}" for one in authorizations[:MOST_NAMED]]
    lead = "the newest: " if len(authorizations) > MOST_NAMED else ""
    count = counted(len(authorizations), "prior authorization", "prior authorizations")
    return f"You have {count}; {lead}{spoken_list(named)}."


def of_providers(found: ProvidersFound) -> str:
    """Who was found, the nearest first."""
    area = f" within {found.radius_miles} miles of {spelled(found.zip_code)}" if found.zip_code else ""
    if not found.providers:
        return f"I found no provider for {found.specialty}{area}. I can search further away, or for something else."
    named = [_where(provider) for provider in found.providers[:MOST_NAMED]]
    lead = "The first are" if len(named) > 1 else "The first is"
    count = _count(len(found.providers), "provider", "providers", more=found.more)
    return f"I found {count} for {found.specialty}{area}. {lead} {spoken_list(named)}."


def of_network(provider: Provider) -> str:
    """Whether a provider is in the network."""
    patients = "takes" if provider.accepting_patients else "takes no"
    return f"{provider.name} {NETWORK[provider.network]} and {patients} new patients."


def of_provider(provider: Provider) -> str:
    """Who a provider is and how to reach them."""
    specialty = f", {provider.specialty}," if provider.specialty else ""
    city = f", in {provider.city}" if provider.city else ""
    phone = f" The phone number is {_phone(provider.phone)}." if provider.phone else ""
    return f"{provider.name}{specialty} {NETWORK[provider.network]}{city}.{phone}"


def _briefly(claim: Claim, today: date) -> str:
    where = f" with {claim.provider_name}" if claim.provider_name else ""
    return f"{spoken_day(claim.service_date, today)}{where}, {spoken_words(claim.status)}"


def _count(count: int, one: str, many: str, *, more: bool) -> str:
    return f"more than {counted(count, one, many)}" if more else counted(count, one, many)


def _why(claim: Claim) -> str:
    if claim.denial_reason is None:
        return ""
    was_denied = claim.status in (ClaimStatus.DENIED, ClaimStatus.APPEAL_DENIED)
    return f"{'' if was_denied else '; it had been denied'} because {BECAUSE[claim.denial_reason]}"


def _origin(claim: Claim, today: date) -> str:
    where = f" with {claim.provider_name}" if claim.provider_name else ""
    return f"of {spoken_day(claim.service_date, today)}{where}"


def _owed(claim: Claim) -> str:
    return f" Your part is {spoken_amount(claim.member_responsibility)}." if claim.member_responsibility else ""


def _procedure(authorization: Authorization) -> str:
    return authorization.procedure or f"code {spelled(authorization.procedure_code)}"


def _phone(number: str) -> str:
    return ", ".join(spelled(group) for group in re.findall("[0-9]+", number))


def _where(provider: Provider) -> str:
    miles = "" if provider.miles is None else f", {provider.miles:g} {'mile' if provider.miles == 1 else 'miles'} away"
    outside = "" if provider.in_network else ", out of network"
    return f"{provider.name}{f' in {provider.city}' if provider.city else ''}{miles}{outside}"
