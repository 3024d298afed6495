"""Finding a patient by phone number, and registering one."""

from __future__ import annotations

from datetime import date

from convonet.agents.forms.form import Ask, Form, Move, Sure, Tell, Values, Work, sentence
from convonet.agents.skill import Call, UseTools
from convonet.core.errors import DomainError
from convonet.domains.crm.offline import slots
from convonet.domains.crm.offline.patient import Patient, known, patient_in, refusal, talking_of, which_of, with_phone
from convonet.domains.crm.rules import require_birthdate


def _find(work: Work) -> Move:
    who, phone = work.values.get("who"), work.values.get("phone")
    if refused := refusal(work):
        return refused
    people = known(work)
    if chosen := next((patient for patient in people if patient.id == work.values.get("patient")), None):
        return Tell(f"Okay, {chosen.name}.", talking_of(work, chosen))
    if not phone:
        named = [patient for patient in people if who and patient.is_called(who)]
        return _found(named, f"{named[0].name} is on file.", work) if named else Ask("phone", _number_of(who))
    told = work.answer("check_patient_exists")
    if told is None:
        return UseTools((Call("check_patient_exists", {"phone": phone}),))
    people = with_phone(people, phone)
    if not people:
        more = {"phone": phone} | ({"name": who} if who else {})
        return Sure(f"{told} Shall I register a new patient with it?", more, form="register")
    return _found(people, told, work)


def _found(people: list[Patient], told: str, work: Work) -> Move:
    named = [patient for patient in people if patient.is_called(work.values.get("who", ""))] or people
    if len(named) > 1:
        return which_of(named, work, told)
    return Tell(told, talking_of(work, named[0]))


def _number_of(who: str | None) -> str:
    return f"What is {who}'s phone number?" if who else "What is the patient's phone number?"


def _register(work: Work) -> Move:
    if refused := refusal(work):
        return refused
    first, last = _name(work.values)
    if not last:
        return Ask("last", f"And {first}'s last name?")
    values = work.values
    born = date.fromisoformat(values["born"]) if values["born"] != slots.UNKNOWN else None
    try:
        # the tool's own rule: better told before the yes than after it
        require_birthdate(born, work.now.date())
    except DomainError as error:
        return Ask("born", error.spoken)
    if not work.agreed or "read_back" not in values:
        spoken = f", born {_spoken_day(born)}" if born else ""
        words = (
            f"{first} {last}{spoken}, with the number {_spoken_phone(values['phone'])}. Shall I register that patient?"
        )
        return Sure(words, {"read_back": "yes"})
    done = work.data("onboard_patient")
    if done is None:
        who = {"first_name": first, "last_name": last, "phone": values["phone"]}
        return UseTools((Call("onboard_patient", {**who, "dob": born.isoformat()} if born else {**who}),))
    patient = patient_in(done["patient"], values["phone"])
    return Tell(work.outcomes[-1].text, talking_of(work, patient, "Registered as a patient."))


def _name(values: Values) -> tuple[str, str]:
    """First and last name; a part that was said alone goes before."""
    first, _, last = values["name"].partition(" ")
    return values.get("first", first), values.get("last", last)


def _spoken_day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _spoken_phone(digits: str) -> str:
    if len(digits) == 10:
        return f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return digits


_SEEK = (
    r"(?:find|look up|look for|search(?: for)?|check|pull up|get|open|show|is there|are there"
    r"|do (?:we|you|i) have|have (?:we|you) got|who(?:'s| is)|which)"
)
_ENTER = r"(?:register|onboard|enroll|sign up|create|add|set up|enter)"

FIND = Form(
    name="find",
    act=_find,
    handles_failure=True,
    patterns=sentence(
        rf"^{_SEEK} (?:[a-z']+ ){{0,4}}patients?\b",
        r"\bpatients?\b.*\b(?:with|has|under|at|by) .*\b(?:number|\d{3})\b",
        r"\bpatient(?:'s)? (?:phone |telephone )?number is\b",
        r"^(?:switch|go|change) (?:back )?to (?:the )?(?:other )?patient\b",
        never="doctors?|physicians?|specialists?|pediatricians?|dentists?|tak(?:es?|ing)|accept(?:s|ing)?|appointments?"
        "|notes?|rights",
    ),
    slots=(slots.phone(), slots.who(), slots.chosen("patient")),
    corrected_by="find",
)
REGISTER = Form(
    name="register",
    act=_register,
    handles_failure=True,
    patterns=sentence(
        rf"^(?:we have|there's|there is|i have|{_ENTER}) (?:[a-z]+ ){{0,2}}(?:new|another) patient\b",
        r"^(?:new|another) patient\b(?! forms?\b)",
        rf"^{_ENTER}\b.*\b(?:as|is) an? (?:new )?patient\b",
        rf"^{_ENTER} (?:the |a |this |my )?patient\b",
        r"^(?:register|onboard) (?!(?:for|to|in|my|our|the|an?|this|that)\b)[a-z'-]+ [a-z'-]+(?:$|,| born| with)",
    ),
    about_it=sentence(r"^(?:register|onboard|enroll|sign up) (?:her|him|them)\b"),
    slots=(
        slots.name_part("first", "first|given"),
        slots.name_part("last", "last|family|sur"),
        slots.new_name("What is the patient's first and last name?"),
        slots.born("What is the date of birth? You can skip that."),
        slots.phone("And the phone number?"),
        slots.chosen("read_back"),
    ),
)
