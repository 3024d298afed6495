"""The sentences of prior authorizations."""

from __future__ import annotations

from datetime import date

from convonet.domains.healthcare.authorizations.schemas import Authorization, AuthRule
from convonet.domains.healthcare.enums import AuthStatus
from convonet.domains.healthcare.speech import MAX_SPOKEN
from convonet.domains.speech import counted, spelled, spoken_day, spoken_words
from convonet.language.sentences import enumerated

SPOKEN_STATUS = {
    AuthStatus.PENDING: "is being reviewed",
    AuthStatus.APPROVED: "is approved",
    AuthStatus.DENIED: "was denied",
    AuthStatus.EXPIRED: "has expired",
    AuthStatus.CANCELLED: "was cancelled",
    AuthStatus.ADDITIONAL_INFO_NEEDED: "needs more information from your provider",
}


def of_rule(rule: AuthRule) -> str:
    """Say whether authorization is needed."""
    what = rule.procedure or (
        spoken_words(rule.service) if rule.service else f"code {spelled(rule.procedure_code or '')}"
    )
    if rule.required is None:
        return f"I have no rule for {what}. Please tell me the kind of service, or let your provider ask."
    return f"{what[0].upper()}{what[1:]} {'needs' if rule.required else 'does not need'} prior authorization."


def of_submitted(authorization: Authorization, today: date) -> str:
    """Say that the request was sent, and the end of its number."""
    ending = spelled(authorization.auth_number[-5:])
    expected = authorization.decision_expected
    decision = f" A decision is due by {spoken_day(expected, today)}." if expected else ""
    return f"I sent the request for {_procedure(authorization)}. Its number ends in {ending}.{decision}"


def of_authorization(authorization: Authorization, today: date) -> str:
    """Say an authorization's status."""
    expected, until = authorization.decision_expected, authorization.valid_until
    stands = SPOKEN_STATUS[authorization.status]
    if expected is not None:
        due = f"a decision {'is' if expected >= today else 'was'} due by {spoken_day(expected, today)}"
        return f"Your request for {_procedure(authorization)} {stands}; {due}."
    if authorization.status is AuthStatus.APPROVED and until is not None:
        return f"Your authorization for {_procedure(authorization)} {stands} until {spoken_day(until, today)}."
    return f"Your authorization for {_procedure(authorization)} {stands}."


def of_authorizations(authorizations: list[Authorization], today: date) -> str:
    """Count the authorizations, and say the status of the newest."""
    if not authorizations:
        return "I found no such prior authorizations."
    named = [f"{_procedure(one)} {SPOKEN_STATUS[one.status]}" for one in authorizations[:MAX_SPOKEN]]
    lead = "the newest: " if len(authorizations) > MAX_SPOKEN else ""
    count = counted(len(authorizations), "prior authorization", "prior authorizations")
    return f"You have {count}; {lead}{enumerated(named)}."


def _procedure(authorization: Authorization) -> str:
    return authorization.procedure or f"code {spelled(authorization.procedure_code)}"
