"""The forms of the provider directory: the sentences that mean each of them, and their slots."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from rapidfuzz import fuzz, process

from convonet.agents.forms.form import Ask, Form, Move, Slot, Tell, Work
from convonet.agents.skill import Call, UseTools
from convonet.domains.healthcare.offline import slots
from convonet.domains.healthcare.offline.choice import PLACES, chosen_row

_WHICH_DOCTOR = "Which doctor? Tell me a specialty and I'll look, or the doctor's ten-digit number."
_ALIKE = 80.0

_NO_NAME = (
    "in|on|of|out|at|near|by|with|who|that|is|are|was|do|does|still|taking|takes?|accepts?|and|or|for|my|the|an?|here"
    "|to"
)


def _search(work: Work) -> Move:
    found = work.data("search_providers")
    if found is None:
        around = {"zip_code": work.values["zip"]} if "zip" in work.values else {}
        return UseTools((Call("search_providers", {"specialty": work.values["specialty"], **around}),))
    shown = [{"npi": one["npi"], "name": one["name"]} for one in found["providers"][:10]]
    return Tell(work.answer("search_providers") or "", {"doctors": json.dumps(shown)})


def about_doctor(tool: str) -> Callable[[Work], Move]:
    """The function of a form that asks about one provider: the one named, by number or of those found last."""

    def act(work: Work) -> Move:
        if answer := work.answer(tool):
            return Tell(answer, {"doctor": str(work.outcomes[-1].data["provider"]["npi"])})
        if "npi" in work.values:
            return UseTools((Call(tool, {"npi": work.values["npi"]}),))
        doctors: list[dict[str, Any]] = json.loads(work.focus.get("doctors", "[]"))
        none = Ask("npi", _WHICH_DOCTOR)
        if name := work.values.get("name"):
            # a named doctor who was not found is not one of those found before
            meant = _named(name, doctors)
            return UseTools((Call(tool, {"npi": meant["npi"]}),)) if meant else none
        one = chosen_row(work, "doctor", doctors, "npi", [doctor["name"] for doctor in doctors], none)
        return UseTools((Call(tool, {"npi": one["npi"]}),)) if isinstance(one, Mapping) else one

    return act


def _named(name: str, doctors: list[dict[str, Any]]) -> dict[str, Any] | None:
    found = process.extractOne(
        name.lower(), [doctor["name"].lower() for doctor in doctors], scorer=fuzz.token_set_ratio, score_cutoff=_ALIKE
    )
    return doctors[found[2]] if found else None


def _doctor_name() -> Slot:
    return slots.named(
        "name",
        re.compile(rf"\b(?:doctor|dr\.?) (?P<name>(?!(?:{_NO_NAME})\b)[a-z'-]+(?: (?!(?:{_NO_NAME})\b)[a-z'-]+)?)"),
    )


def _place() -> Slot:
    return slots.named("place", re.compile(rf"\b(?P<place>{'|'.join(PLACES)})\b"))


_DOCTOR = (
    r"(?:doctors?|physicians?|specialists?|providers?|clinics?|pediatricians?|therapists?|dentists?|[a-z]+ologists?"
    r"|[a-z]+iatrists?|surgeons?|urgent care|laborator(?:y|ies)|labs?)"
)

DOCTORS = Form(
    name="doctors",
    act=_search,
    patterns=slots.ours(
        r"\b(?:find|search(?: for)?|look(?:ing)? for|recommend|i need)(?: me)?(?: an?| some| the)?(?: [a-z-]+)? "
        rf"{_DOCTOR}\b",
        rf"\b{_DOCTOR} (?:near|around|close|in) (?:me|my|here|zip|the area|\d)",
    ),
    slots=(slots.zip_code(), slots.specialty("What kind of doctor?")),
    corrected_by="doctors",
)

NETWORK = Form(
    name="network",
    act=about_doctor("check_provider_network"),
    patterns=slots.ours(
        r"\b(?:in[ -]network|in (?:my|our|the|your) network|out of network"
        r"|(?:take|accept) (?:my|our) (?:insurance|plan)|tak(?:ing|es?) new patients)\b"
    ),
    about_it=slots.ours(
        r"^(?:is|does) (?:he|she|it|that one|the [a-z]+ one)\b.*\b(?:network|patients|insurance|plan)\b"
    ),
    slots=(slots.npi(), _doctor_name(), _place(), slots.chosen("doctor")),
)

DOCTOR = Form(
    name="doctor",
    act=about_doctor("get_provider_details"),
    patterns=slots.ours(
        r"\b(?:phone|number|address|details?|rating|languages?|more|where)\b.*\b(?:doctor|dr|provider|clinic)\b",
    ),
    about_it=slots.ours(
        r"^(?:what(?:'s| is)|tell me|give me|where) .*\b(?:phone|number|address|details|more|rating|languages)\b.*",
        r"^(?:tell me more|details|more)(?: about (?:him|her|it|that one|the (?:first|second|third|last)(?: one)?))?$",
    ),
    slots=(slots.npi(), _doctor_name(), _place(), slots.chosen("doctor")),
)
