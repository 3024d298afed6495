"""The forms of claims: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from convonet.agents.forms import readers
from convonet.agents.forms.form import Ask, Confirm, Form, Move, Tell, Work, answered_by
from convonet.agents.skill import Call, UseTools
from convonet.domains.healthcare.offline import slots
from convonet.domains.healthcare.offline.choice import Row, chosen_row
from convonet.domains.speech import spoken_day


def _list(work: Work) -> Move:
    return answered_by(work, _search(work.values.get("status")))


def about_one(tool: str) -> Callable[[Work], Move]:
    """The function of a form that asks about one claim."""

    def act(work: Work) -> Move:
        if answer := work.answer(tool):
            return Tell(answer, {"claim": _named(work)})
        claim = _the_claim(work, work.values.get("denied"))
        return UseTools((Call(tool, {"claim_id": claim["claim_number"]}),)) if isinstance(claim, Mapping) else claim

    return act


def _appeal(work: Work) -> Move:
    if answer := work.answer("file_claim_appeal"):
        return Tell(answer)
    if work.agreed:
        appeal = {"claim_id": work.values["claim"], "reason": work.values["reason"]}
        return UseTools((Call("file_claim_appeal", appeal),))
    claim = _the_claim(work, "denied")
    if not isinstance(claim, Mapping):
        return claim
    values = {**work.values, "claim": str(claim["claim_number"])}
    if "reason" not in values:
        return Ask("reason", f"The claim of {_label(claim, work)}: why is the denial wrong?", values=values)
    words = f"I'll appeal for the claim of {_label(claim, work)}, because: {values['reason']}. Shall I file that?"
    return Confirm(words, values)


def _the_claim(work: Work, status: str | None) -> Row | Move:
    """The claim that is meant, or the move that finds out."""
    found = work.data("search_claims")
    if found is None:
        return UseTools((_search(status),))
    claims: list[dict[str, Any]] = found["claims"]
    labels = [_label(claim, work) for claim in claims]
    return chosen_row(work, "claim", claims, "claim_number", labels, Tell(work.answer("search_claims") or ""))


def _named(work: Work) -> str:
    found = next(outcome for outcome in reversed(work.outcomes) if outcome.tool != "search_claims")
    of = found.data.get("claim") or found.data.get("eob") or {}
    return str(of.get("claim_number", ""))


def _search(status: str | None) -> Call:
    return Call("search_claims", {"status": status} if status else {})


def _label(claim: Row, work: Work) -> str:
    day = spoken_day(date.fromisoformat(claim["service_date"]), work.now.date())
    return day + (f" with {claim['provider_name']}" if claim["provider_name"] else "")


_CLAIM = r"\bclaims?\b(?! that\b)"

APPEAL = Form(
    name="appeal",
    act=_appeal,
    patterns=slots.ours(
        r"\bappeal\b(?!.*\b(?:status|stand|decision|decided)\b)",
        r"\b(?:dispute|contest|fight|object to)\b.*\b(?:claim|denial|decision)\b",
    ),
    slots=(
        slots.chosen("claim"),
        slots.newest(),
        readers.words("reason", None, after=r"\b(?:because|since|as|reason is|the reason:?)"),
        slots.other_place(),
    ),
)

EXPLANATION = Form(
    name="explanation",
    act=about_one("get_eob"),
    patterns=slots.ours(
        r"\b(?:explanation of benefits|e\.? ?o\.? ?b)\b",
        r"\b(?:what|how much) did (?:my |the )?(?:plan|insurance)\b.*\bpay\b",
        rf"\b(?:what|how much) (?:do|did) i (?:still )?(?:owe|have to pay)\b.*{_CLAIM}",
    ),
    slots=(slots.chosen("claim"), slots.newest()),
)

DETAILS = Form(
    name="details",
    act=about_one("get_claim_details"),
    patterns=slots.ours(rf"\b(?:details?|everything|more)\b.*{_CLAIM}", rf"{_CLAIM}.* in detail\b"),
    about_it=slots.ours(
        r"^(?:tell me more|more details|details|give me (?:the |more )?details)(?: about (?:it|that))?$"
    ),
    slots=(slots.chosen("claim"), slots.newest(), slots.denied()),
)

STATUS = Form(
    name="claim",
    act=about_one("get_claim_status"),
    patterns=slots.ours(
        r"\b(?:status|how is|how's|where is|what happened|why (?:was|is|did)|has|was|is|did)\b.*\bclaim\b",
        r"\bmy (?:last|latest|newest|most recent) claim\b",
    ),
    slots=(slots.chosen("claim"), slots.newest(), slots.denied()),
)

CLAIMS = Form(
    name="claims",
    act=_list,
    patterns=slots.ours(
        r"\b(?:show|list|what|which|do i have|are there|any|read|tell me|look up|search|find|see|how many)\b"
        r".*\bclaims\b",
        r"^my claims$",
    ),
    slots=(slots.claim_status(),),
    aside=True,
)
