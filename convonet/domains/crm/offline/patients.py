"""The patient that a sentence means: the one named or with that number, else the last one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from convonet.agents.forms.form import Ask, Move, Option, Tell, Values, Work
from convonet.agents.skill import Call, UseTools
from convonet.language.phones import NOT_A_NUMBER
from convonet.language.sentences import enumerated

WHICH = "Which patient? Please tell me their phone number."
_MAX_REMEMBERED = 12


@dataclass(frozen=True, slots=True)
class KnownPatient:
    """A patient of this conversation; `phone` is as the caller said it."""

    id: str
    name: str
    phone: str

    def is_called(self, said: str) -> bool:
        """Say whether all words of `said` are in the name."""
        return set(said.casefold().split()) <= set(self.name.casefold().split())


def the_patient(work: Work) -> KnownPatient | Move:
    """The patient that is meant, or the move that finds out."""
    if refused := refusal(work):
        return refused
    phone, who = work.values.get("phone"), work.values.get("who")
    if phone and work.data("check_patient_exists") is None and not with_phone(known(work), phone):
        return UseTools((Call("check_patient_exists", {"phone": phone}),))
    people = known(work)
    if phone:
        people = with_phone(people, phone)
        if not people:
            said = "I have no patient of yours on file with that number."
            return Ask("phone", f"{said} What other number could it be?")
    if who:
        people = [patient for patient in people if patient.is_called(who)]
        if not people:
            return Ask(
                "phone",
                f"What is {who}'s phone number?"
                if not phone
                else f"{who} isn't on file with that number. What is the right one?",
            )
    last = work.values.get("patient") or work.focus.get("patient", "")
    meant = [patient for patient in people if patient.id == last]
    if not meant and (phone or who or not last):
        meant = people
    if len(meant) == 1:
        return meant[0]
    return which_of(meant, work) if meant else Ask("phone", WHICH)


def refusal(work: Work) -> Move | None:
    """Answer a tool's refusal; an invalid phone number is asked for again."""
    failed = next((outcome for outcome in work.outcomes if not outcome.ok), None)
    if failed is None:
        return None
    return Ask("phone", failed.text) if failed.text == NOT_A_NUMBER else Tell(failed.text)


def which_of(people: Iterable[KnownPatient], work: Work, first: str = "") -> Ask:
    """Let the caller choose. All patients that were read out can be named from now on."""
    options = tuple(Option(patient.name, patient.id) for patient in people)
    names = enumerated([option.label for option in options], "or")
    return Ask("patient", f"Which one: {names}?", options, first=first, focus={"known": _written(known(work))})


def known(work: Work) -> list[KnownPatient]:
    """All patients of this conversation, with those that were just found."""
    before = [KnownPatient(**fields) for fields in json.loads(work.focus.get("known", "[]"))]
    found = work.data("check_patient_exists")
    if found is None:
        return before
    new = [patient_in(data, work.values["phone"]) for data in found["patients"]]
    return [patient for patient in before if patient.id not in {one.id for one in new}] + new


def with_phone(people: Iterable[KnownPatient], phone: str) -> list[KnownPatient]:
    """Those with this number."""
    return [patient for patient in people if patient.phone == phone]


def patient_in(data: dict[str, Any], phone: str) -> KnownPatient:
    """A patient as a tool showed one."""
    return KnownPatient(data["patient_id"], f"{data['first_name']} {data['last_name']}".strip(), phone)


def talking_of(work: Work, patient: KnownPatient, done: str = "", **more: str) -> Values:
    """The focus from now on; `done` is added to the summary of the call.

    Case, appointment and summary of another patient are dropped.
    """
    same = work.focus.get("patient") == patient.id
    others = [one for one in known(work) if one.id != patient.id]
    kept = {name: work.focus.get(name, "") if same else "" for name in ("deeds", "case", "booked")}
    deeds = f"{kept['deeds']} {done}".strip()
    return {**kept, "patient": patient.id, "known": _written([*others, patient]), "deeds": deeds, **more}


def _written(people: list[KnownPatient]) -> str:
    return json.dumps([asdict(patient) for patient in people[-_MAX_REMEMBERED:]])
