"""The forms of care programs: the sentences that mean each of them, and their slots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from convonet.agents.forms.form import Confirm, Form, Move, Tell, Work, answered_by
from convonet.agents.skill import Call, UseTools
from convonet.domains.healthcare.offline import slots
from convonet.domains.healthcare.offline.choice import chosen_row


def _programs(work: Work) -> Move:
    return answered_by(work, Call("get_care_programs", {}))


def _enroll(work: Work) -> Move:
    if answer := work.answer("enroll_care_program"):
        return Tell(answer)
    if work.agreed:
        return UseTools((Call("enroll_care_program", {"program_id": work.values["program"]}),))
    found = work.data("get_care_programs")
    if found is None:
        return UseTools((Call("get_care_programs", {}),))
    programs: list[dict[str, Any]] = found["programs"]
    free = [program for program in programs if program["enrolled_on"] is None]
    about = work.values.get("about")
    named = [one for one in programs if about and about in f"{one['name']} {one['kind']}".lower()]
    if named and not any(one in free for one in named):
        return Tell(f"You are already enrolled in {named[0]['name']}.")
    named = [one for one in named if one in free]
    none = Tell("You are in every program that there is.")
    one = chosen_row(work, "program", named or free, "program_code", [each["name"] for each in named or free], none)
    if not isinstance(one, Mapping):
        return one
    return Confirm(f"{one['name']}: shall I enroll you?", {"program": one["program_code"]})


_ABOUT = slots.named("about", re.compile(r"\b(?P<about>diabetes|heart|maternity|asthma|weight|smok|stress|back)"))

PROGRAMS = Form(
    name="programs",
    act=_programs,
    patterns=slots.ours(
        r"\b(?:what|which|list|show|any|are there|tell me about|do you have|am i in)\b"
        r".*\b(?:care|health|wellness) programs?\b"
    ),
    aside=True,
)

ENROLL = Form(
    name="enroll",
    act=_enroll,
    patterns=slots.ours(
        r"\b(?:enroll|sign|put|join|register)\b.*\bprograms?\b",
        r"\b(?:enroll|sign) me (?:up )?(?:in|into|for)\b.*\b(?:diabetes|heart|maternity|care|wellness|asthma)\b",
    ),
    slots=(_ABOUT, slots.chosen("program")),
)
