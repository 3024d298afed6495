"""The forms of prior authorization: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convonet.agents.forms.form import Ask, Confirm, Form, Move, Tell, Work, answered_by
from convonet.agents.skill import Call, UseTools
from convonet.domains.healthcare.offline import slots
from convonet.domains.healthcare.offline.choice import chosen_row
from convonet.domains.speech import spelled


def _needed(work: Work) -> Move:
    values = work.values
    if answer := work.answer("check_prior_auth_required"):
        return Tell(answer, {"service": values.get("service", "")})
    if "procedure" in values:
        return UseTools((Call("check_prior_auth_required", {"procedure_code": values["procedure"]}),))
    if "service" in values:
        return UseTools((Call("check_prior_auth_required", {"service_type": values["service"]}),))
    return Ask("service", "For which kind of service?")


def _request(work: Work) -> Move:
    if answer := work.answer("submit_prior_auth"):
        return Tell(answer)
    values = work.values
    if not work.agreed:
        urgent = ", as urgent" if "urgent" in values else ""
        code, npi = spelled(values["procedure"]), spelled(values["npi"])
        return Confirm(f"I'll ask for authorization of procedure {code} by provider {npi}{urgent}. Shall I send that?")
    request: dict[str, object] = {"procedure_code": values["procedure"], "provider_npi": values["npi"]}
    if "urgent" in values:
        request["is_urgent"] = True
    return UseTools((Call("submit_prior_auth", request),))


def _list(work: Work) -> Move:
    return answered_by(work, _search(work))


def _status(work: Work) -> Move:
    if answer := work.answer("get_prior_auth_status"):
        return Tell(answer)
    found = work.data("list_prior_auths")
    if found is None:
        return UseTools((_search(work),))
    rows: list[dict[str, Any]] = found["prior_authorizations"]
    labels = [row["procedure"] or f"procedure {spelled(row['procedure_code'])}" for row in rows]
    none = Tell(work.answer("list_prior_auths") or "")
    one = chosen_row(work, "authorization", rows, "auth_number", labels, none)
    if isinstance(one, Mapping):
        return UseTools((Call("get_prior_auth_status", {"auth_id": one["auth_number"]}),))
    return one


def _search(work: Work) -> Call:
    return Call("list_prior_auths", {"status": work.values["status"]} if "status" in work.values else {})


_AUTHORIZATION = (
    r"\b(?:(?:prior |pre-?)?authori[sz]ations?|prior auths?|pre-?approvals? (?:from|of) my (?:plan|insurance))\b"
)

NEEDED = Form(
    name="needed",
    act=_needed,
    patterns=slots.ours(
        rf"\b(?:do|does|will|would|need|needs|require|requires)\b.*{_AUTHORIZATION}(?!.*\b(?:status|approved)\b)",
        rf"{_AUTHORIZATION} (?:required|needed|necessary)\b",
    ),
    slots=(slots.procedure(None), slots.service()),
    corrected_by="needed",
    aside=True,
)

REQUEST = Form(
    name="request",
    act=_request,
    patterns=slots.ours(
        rf"\b(?:request|submit|ask for|apply for|send in|start|file|get me|i want)\b.*{_AUTHORIZATION}",
        r"\b(?:request|submit|file) an? authori[sz]ation\b",
    ),
    slots=(
        slots.npi("What is the provider's number, the NPI? The doctor's office has it."),
        slots.procedure("What is the procedure's code? Your doctor's office has it."),
        slots.urgent(),
    ),
)

AUTHORIZATION = Form(
    name="authorization",
    act=_status,
    patterns=slots.ours(
        rf"\b(?:status|how is|how's|where is|has|was|did|is|when)\b.*\b(?:my|the|our) {_AUTHORIZATION}",
        rf"\b(?:status|state) of\b.*{_AUTHORIZATION}",
        rf"{_AUTHORIZATION}.*\b(?:approved|gone through|come through|decided)\b",
    ),
    slots=(slots.chosen("authorization"), slots.newest()),
)

AUTHORIZATIONS = Form(
    name="authorizations",
    act=_list,
    patterns=slots.ours(
        r"\b(?:show|list|what|which|do i have|are there|any|read|tell me)\b"
        r".*\b(?:prior auths|(?:prior |pre-?)?authori[sz]ations)\b"
    ),
    slots=(slots.authorization_status(),),
)
