"""Booking appointments of a patient. One that is booked can't be moved by tools: staff do that."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from convonet.agents.forms.form import Ask, Form, Move, Sure, Tell, Values, Work, sentence
from convonet.agents.skill import Call, UseTools
from convonet.core.errors import DomainError
from convonet.domains.crm.offline import slots
from convonet.domains.crm.offline.patient import Patient, talking_of, the_patient
from convonet.domains.crm.phrasing import spoken_moment
from convonet.domains.crm.rules import appointment_start

ANY = "medical"
"""The kind of an appointment of which the caller said none."""

NOT_MOVED = "Only the practice's staff can move or cancel an appointment that is booked."


def _book(work: Work) -> Move:
    patient = the_patient(work)
    if not isinstance(patient, Patient):
        return patient
    values = work.values
    if booked := work.data("book_appointment"):
        when = spoken_moment(datetime.fromisoformat(booked["appointment"]["date_start"]))
        deed = f"Booked a {_kind(values)} appointment for {when}."
        return Tell(work.outcomes[-1].text, talking_of(work, patient, deed, booked=f"{_start(values)} {_kind(values)}"))
    if wrong := _impossible(values, work.now):
        return Ask("time", wrong, focus=talking_of(work, patient))
    if not work.agreed:
        when = spoken_moment(datetime.fromisoformat(_start(values)))
        words = f"A {_kind(values)} appointment for {patient.name} on {when}. Shall I book it?"
        return Sure(words, {"patient": patient.id}, focus=talking_of(work, patient))
    return UseTools((Call("book_appointment", _arguments(work, patient)),))


def _arguments(work: Work, patient: Patient) -> dict[str, object]:
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


def _move(work: Work) -> Move:
    """Offers another appointment where the caller named a time for one that is booked."""
    booked = work.focus.get("booked")
    if not booked or not {"day", "time"} & set(work.values):
        return Tell(f"{NOT_MOVED} I can book another one.")
    start, _, kind = booked.partition(" ")
    day, _, clock = start.partition("T")
    values = {"day": day, "time": clock, "kind": kind, **work.values}
    when = spoken_moment(datetime.fromisoformat(_start(values)))
    return Sure(f"{NOT_MOVED} Shall I book another one for {when}?", values, form="book")


def _impossible(values: Values, now: datetime) -> str | None:
    """What is wrong with day and time, by the rule of the tool: better told before the yes than after it."""
    zone = now.tzinfo
    if not isinstance(zone, ZoneInfo):
        return None
    try:
        appointment_start(_start(values), zone, now)
    except DomainError as error:
        return error.spoken
    return None


def _kind(values: Values) -> str:
    return values.get("kind", ANY)


def _start(values: Values) -> str:
    return f"{values['day']}T{values['time']}"


_APPOINTMENT = r"(?:appointments?|check ?-?ups?|follow ?-?ups?|consultations?|annual physical)"
_OTHERS = (
    "calendar|to-?dos?|list|tasks?|remind|reminders?|mortgage|loan|lender|tables?|reservations?|dinner|referral"
    "|authorization"
)
_PATIENTS = r"(?:her|his|their|that|this|the|(?:the |that )patient's|[a-z]+'s)"

BOOK = Form(
    name="book",
    act=_book,
    handles_failure=True,
    patterns=sentence(
        rf"^(?:book|make|schedule|set up|arrange|get|give|reserve|(?:we|i|she|he|they) needs?)\b.*\b{_APPOINTMENT}\b",
        r"^(?:book|schedule|arrange)\b.*\b(?:blood (?:test|work)|shot|vaccination)\b",
        rf"^(?:an?|another|the next) (?:[a-z-]+ ){{0,2}}{_APPOINTMENT} (?:for|on|next|tomorrow)\b",
        r"^(?:book|schedule|put) (?:her|him|them|that patient|the patient)\b",
        r"\b(?:patient|she|he) (?:wants|needs|would like) (?:to (?:come in|see|book|be seen)|an appointment)\b",
        never=_OTHERS,
    ),
    slots=(
        slots.duration(),
        slots.phone(),
        slots.about_case(),
        slots.kind(),
        slots.day("For which day?"),
        slots.clock("At what time?"),
        slots.who(),
        slots.chosen("patient"),
    ),
    corrected_by="move",
)
MOVE = Form(
    name="move",
    act=_move,
    patterns=sentence(
        r"^(?:move|change|reschedule|postpone|push|cancel|delete|call off|drop)\b.*"
        rf"\b{_PATIENTS} (?:[a-z-]+ )?(?:appointments?|check ?-?up|follow ?-?up|consultation)\b",
        r"\b(?:she|he|the patient) (?:can't|cannot|won't) (?:make|come to) (?:it to )?(?:the|her|his) "
        rf"{_APPOINTMENT}\b",
        never=_OTHERS,
    ),
    slots=(slots.day(), slots.clock(), slots.duration(), slots.kind()),
    corrected_by="move",
)
