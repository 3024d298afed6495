"""The functions that carry out the forms of `forms`: their tool calls, questions and answers."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from convonet.agents.forms.form import Ask, Confirm, Move, Tell, Values, Work
from convonet.agents.skill import Call, UseTools
from convonet.core.errors import DomainError
from convonet.domains.crm.backends.base import Priority
from convonet.domains.crm.offline import slots
from convonet.domains.crm.offline.patients import (
    KnownPatient,
    known,
    patient_in,
    refusal,
    talking_of,
    the_patient,
    which_of,
    with_phone,
)
from convonet.domains.crm.rules import appointment_start, require_birthdate
from convonet.domains.crm.speech import PRIORITIES
from convonet.domains.speech import spoken_moment


def find(work: Work) -> Move:
    """Find a patient by phone number."""
    who, phone = work.values.get("who"), work.values.get("phone")
    if refused := refusal(work):
        return refused
    people = known(work)
    if chosen := next((patient for patient in people if patient.id == work.values.get("patient")), None):
        return Tell(f"Okay, {chosen.name}.", talking_of(work, chosen))
    if not phone:
        named = [patient for patient in people if who and patient.is_called(who)]
        return _found(named, f"{named[0].name} is on file.", work) if named else Ask("phone", _number_of(who))
    answer = work.answer("check_patient_exists")
    if answer is None:
        return UseTools((Call("check_patient_exists", {"phone": phone}),))
    people = with_phone(people, phone)
    if not people:
        more = {"phone": phone} | ({"name": who} if who else {})
        return Confirm(f"{answer} Shall I register a new patient with it?", more, form="register")
    return _found(people, answer, work)


def _found(people: list[KnownPatient], answer: str, work: Work) -> Move:
    named = [patient for patient in people if patient.is_called(work.values.get("who", ""))] or people
    if len(named) > 1:
        return which_of(named, work, answer)
    return Tell(answer, talking_of(work, named[0]))


def _number_of(who: str | None) -> str:
    return f"What is {who}'s phone number?" if who else "What is the patient's phone number?"


def register(work: Work) -> Move:
    """Register a patient after a yes."""
    if refused := refusal(work):
        return refused
    first, last = _name(work.values)
    if not last:
        return Ask("last", f"And {first}'s last name?")
    values = work.values
    born = date.fromisoformat(values["born"]) if values["born"] != slots.UNKNOWN else None
    try:
        # the tool's own rule: refused before the yes, not after it
        require_birthdate(born, work.now.date())
    except DomainError as error:
        return Ask("born", error.spoken)
    if not work.agreed or "read_back" not in values:
        spoken = f", born {born:%B} {born.day}, {born.year}" if born else ""
        words = (
            f"{first} {last}{spoken}, with the number {_spoken_phone(values['phone'])}. Shall I register that patient?"
        )
        return Confirm(words, {"read_back": "yes"})
    done = work.data("onboard_patient")
    if done is None:
        who = {"first_name": first, "last_name": last, "phone": values["phone"]}
        return UseTools((Call("onboard_patient", {**who, "dob": born.isoformat()} if born else {**who}),))
    patient = patient_in(done["patient"], values["phone"])
    return Tell(work.outcomes[-1].text, talking_of(work, patient, "Registered as a patient."))


def _name(values: Values) -> tuple[str, str]:
    """First and last name; a part that was said alone takes precedence."""
    first, _, last = values["name"].partition(" ")
    return values.get("first", first), values.get("last", last)


def _spoken_phone(digits: str) -> str:
    if len(digits) == 10:
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return digits


TRIAGE = "Reported on the phone."
"""The tool requires triage notes; a caller only says the symptoms and the urgency."""


def open_case(work: Work) -> Move:
    """Open a case for the clinical staff after a yes."""
    patient = the_patient(work)
    if not isinstance(patient, KnownPatient):
        return patient
    symptoms, priority = work.values["symptoms"], Priority(work.values["priority"])
    if opened := work.data("log_clinical_intake"):
        done = f"Opened a case, {PRIORITIES[priority]}: {symptoms}."
        return Tell(work.outcomes[-1].text, talking_of(work, patient, done, case=opened["case_id"]))
    if not work.agreed:
        words = f"A case for {patient.name}, {PRIORITIES[priority]}: {symptoms}. Shall I open it?"
        return Confirm(words, {"patient": patient.id}, focus=talking_of(work, patient))
    intake = {"patient_id": patient.id, "symptoms": symptoms, "triage_notes": TRIAGE, "priority": priority.value}
    return UseTools((Call("log_clinical_intake", intake),))


def note(work: Work) -> Move:
    """Save a note in a patient's record."""
    patient = the_patient(work)
    if not isinstance(patient, KnownPatient):
        return patient
    note = work.values["note"]
    if saved := work.answer("save_call_summary"):
        return Tell(saved, talking_of(work, patient, f"Noted: {note}."))
    return UseTools((_save(patient, note, "note"),))


def summarize(work: Work) -> Move:
    """Save a summary of this call after a yes."""
    patient = the_patient(work)
    if not isinstance(patient, KnownPatient):
        return patient
    if saved := work.answer("save_call_summary"):
        return Tell(saved, {**talking_of(work, patient), "deeds": ""})
    same = work.focus.get("patient") == patient.id
    summary = work.values.get("summary") or (work.focus.get("deeds") if same else "")
    if not summary:
        return Ask("summary", "What should the summary say?", focus=talking_of(work, patient))
    if not work.agreed:
        words = f"For {patient.name} I'll write: {summary.rstrip('.')}. Shall I save that?"
        return Confirm(words, {"patient": patient.id, "summary": summary}, focus=talking_of(work, patient))
    return UseTools((_save(patient, summary, "phone call"),))


def _save(patient: KnownPatient, summary: str, call_type: str) -> Call:
    return Call("save_call_summary", {"patient_id": patient.id, "summary": summary, "call_type": call_type})


ANY_KIND = "medical"
"""The kind of an appointment when the caller named none."""
NOT_MOVED = "Only the practice's staff can move or cancel an appointment that is booked."


def book(work: Work) -> Move:
    """Book an appointment for a patient after a yes."""
    patient = the_patient(work)
    if not isinstance(patient, KnownPatient):
        return patient
    values = work.values
    if booked := work.data("book_appointment"):
        when = spoken_moment(datetime.fromisoformat(booked["appointment"]["date_start"]))
        done = f"Booked a {_kind(values)} appointment for {when}."
        return Tell(work.outcomes[-1].text, talking_of(work, patient, done, booked=f"{_start(values)} {_kind(values)}"))
    if wrong := _impossible(values, work.now):
        return Ask("time", wrong, focus=talking_of(work, patient))
    if not work.agreed:
        when = spoken_moment(datetime.fromisoformat(_start(values)))
        words = f"A {_kind(values)} appointment for {patient.name} on {when}. Shall I book it?"
        return Confirm(words, {"patient": patient.id}, focus=talking_of(work, patient))
    return UseTools((Call("book_appointment", _arguments(work, patient)),))


def _arguments(work: Work, patient: KnownPatient) -> dict[str, object]:
    values = work.values
    arguments: dict[str, object] = {
        "patient_id": patient.id,
        "appointment_type": _kind(values),
        "date_start": _start(values),
    }
    if "duration" in values:
        arguments["duration"] = int(values["duration"])
    if "about_case" in values and work.focus.get("case") and work.focus.get("patient") == patient.id:
        arguments["case_id"] = work.focus["case"]
    return arguments


def move(work: Work) -> Move:
    """Offer another appointment, since one that is booked can only be moved by staff."""
    booked = work.focus.get("booked")
    if not booked or not {"day", "time"} & set(work.values):
        return Tell(f"{NOT_MOVED} I can book another one.")
    start, _, kind = booked.partition(" ")
    day, _, clock = start.partition("T")
    values = {"day": day, "time": clock, "kind": kind, **work.values}
    when = spoken_moment(datetime.fromisoformat(_start(values)))
    return Confirm(f"{NOT_MOVED} Shall I book another one for {when}?", values, form="book")


def _impossible(values: Values, now: datetime) -> str | None:
    """Check day and time by the tool's own rule, to refuse them before the yes and not after it."""
    zone = now.tzinfo
    if not isinstance(zone, ZoneInfo):
        return None
    try:
        appointment_start(_start(values), zone, now)
    except DomainError as error:
        return error.spoken
    return None


def _kind(values: Values) -> str:
    return values.get("kind", ANY_KIND)


def _start(values: Values) -> str:
    return f"{values['day']}T{values['time']}"
