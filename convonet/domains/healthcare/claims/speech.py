"""The sentences of claims."""

from __future__ import annotations

from datetime import date

from convonet.domains.healthcare.claims.schemas import Appeal, Claim, ClaimDetails, ExplanationOfBenefits
from convonet.domains.healthcare.enums import ClaimStatus, DenialReason
from convonet.domains.healthcare.speech import MAX_SPOKEN, spoken_count
from convonet.domains.speech import spoken_amount, spoken_day, spoken_words
from convonet.language.sentences import enumerated

SPOKEN_STATUS = {
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

SPOKEN_REASON = {
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


def of_claims(claims: list[Claim], today: date, *, more: bool) -> str:
    """Count the claims, and name the newest ones."""
    if not claims:
        return "I found no such claims."
    named = "; ".join(_briefly(claim, today) for claim in claims[:MAX_SPOKEN])
    lead = "The newest: " if len(claims) > MAX_SPOKEN else ""
    return f"I found {spoken_count(len(claims), 'claim', 'claims', more=more)}. {lead}{named}."


def of_claim(claim: Claim, today: date) -> str:
    """Say a claim's status, its reason, and whether it can be appealed."""
    why = _why(claim)
    owed = f" Your part is {spoken_amount(claim.member_responsibility)}." if claim.member_responsibility else ""
    chance = (
        f" You can appeal until {spoken_day(claim.appeal_until, today)}."
        if claim.can_be_appealed and claim.appeal_until
        else ""
    )
    return f"Your claim {_origin(claim, today)} {SPOKEN_STATUS[claim.status]}{why}.{owed}{chance}"


def of_details(claim: ClaimDetails, today: date) -> str:
    """A claim with its services."""
    services = [line.description for line in claim.lines if line.description]
    done = f" It is for {enumerated(services[:MAX_SPOKEN])}." if services else ""
    expected = claim.appeal_decision_expected
    decision = f" The decision is expected by {spoken_day(expected, today)}." if expected else ""
    return f"{of_claim(claim, today)} The bill was {spoken_amount(claim.billed)}.{done}{decision}"


def of_explanation(explanation: ExplanationOfBenefits) -> str:
    """Say the plan's and the member's shares."""
    billed = f"{spoken_amount(explanation.billed)} were billed"
    if explanation.denial_reason and not explanation.allowed:
        return f"{billed} and nothing was allowed, because {SPOKEN_REASON[explanation.denial_reason]}."
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
    own = f"your part is {enumerated(parts) if parts else 'nothing'}"
    return f"{billed}, {spoken_amount(explanation.allowed)} allowed; {paid}, and {own}."


def of_appeal(appeal: Appeal) -> str:
    """That the appeal is filed."""
    expected = spoken_day(appeal.decision_expected, appeal.filed_on)
    return f"I filed your appeal. You can expect a decision by {expected}."


def _briefly(claim: Claim, today: date) -> str:
    where = f" with {claim.provider_name}" if claim.provider_name else ""
    return f"{spoken_day(claim.service_date, today)}{where}, {spoken_words(claim.status)}"


def _why(claim: Claim) -> str:
    if claim.denial_reason is None:
        return ""
    was_denied = claim.status in (ClaimStatus.DENIED, ClaimStatus.APPEAL_DENIED)
    return f"{'' if was_denied else '; it had been denied'} because {SPOKEN_REASON[claim.denial_reason]}"


def _origin(claim: Claim, today: date) -> str:
    where = f" with {claim.provider_name}" if claim.provider_name else ""
    return f"of {spoken_day(claim.service_date, today)}{where}"
