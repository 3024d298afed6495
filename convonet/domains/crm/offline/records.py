"""What is written into a patient's record: cases, notes, and the summary of the call."""

from __future__ import annotations

from convonet.agents.forms.form import Ask, Form, Move, Sure, Tell, Work, sentence
from convonet.agents.skill import Call, UseTools
from convonet.domains.crm.contract import Priority
from convonet.domains.crm.offline import slots
from convonet.domains.crm.offline.patient import Patient, talking_of, the_patient
from convonet.domains.crm.phrasing import PRIORITIES

TRIAGE = "Reported on the phone."
"""The tool wants notes of a triage; whoever opens a case by voice says what is wrong and how urgent it is."""


def _open_case(work: Work) -> Move:
    patient = the_patient(work)
    if not isinstance(patient, Patient):
        return patient
    symptoms, priority = work.values["symptoms"], Priority(work.values["priority"])
    if opened := work.data("log_clinical_intake"):
        deed = f"Opened a case, {PRIORITIES[priority]}: {symptoms}."
        return Tell(work.outcomes[-1].text, talking_of(work, patient, deed, case=opened["case_id"]))
    if not work.agreed:
        words = f"A case for {patient.name}, {PRIORITIES[priority]}: {symptoms}. Shall I open it?"
        return Sure(words, {"patient": patient.id}, focus=talking_of(work, patient))
    intake = {"patient_id": patient.id, "symptoms": symptoms, "triage_notes": TRIAGE, "priority": priority.value}
    return UseTools((Call("log_clinical_intake", intake),))


def _note(work: Work) -> Move:
    patient = the_patient(work)
    if not isinstance(patient, Patient):
        return patient
    note = work.values["note"]
    if saved := work.answer("save_call_summary"):
        return Tell(saved, talking_of(work, patient, f"Noted: {note}."))
    return UseTools((_save(patient, note, "note"),))


def _summarize(work: Work) -> Move:
    patient = the_patient(work)
    if not isinstance(patient, Patient):
        return patient
    if saved := work.answer("save_call_summary"):
        return Tell(saved, {**talking_of(work, patient), "deeds": ""})
    same = work.focus.get("patient") == patient.id
    summary = work.values.get("summary") or (work.focus.get("deeds") if same else "")
    if not summary:
        return Ask("summary", "What should the summary say?", focus=talking_of(work, patient))
    if not work.agreed:
        words = f"For {patient.name} I'll write: {summary.rstrip('.')}. Shall I save that?"
        return Sure(words, {"patient": patient.id, "summary": summary}, focus=talking_of(work, patient))
    return UseTools((_save(patient, summary, "phone call"),))


def _save(patient: Patient, summary: str, call_type: str) -> Call:
    return Call("save_call_summary", {"patient_id": patient.id, "summary": summary, "call_type": call_type})


_OTHERS = "calendar|to-?dos?|list|tasks?|remind|reminders?"
_FILE = r"(?:file|record|chart|notes)"
_OF_A_PATIENT = r"(?=.*\b(?:she|he|they|her|him|his|their|them|patients?|chart)\b)"

CASE = Form(
    name="case",
    act=_open_case,
    handles_failure=True,
    patterns=sentence(
        r"^(?:open|create|start|log|file|make|raise|new|add|we need|i need)\b"
        r".{0,40}\b(?:case(?! (?:of|for my)\b)|intake)\b",
        r"^an? (?:new |urgent )?case for\b",
        r"\b(?:tell|inform|alert|let|pass (?:this|it|that) on to)\b"
        r".*\b(?:clinical staff|clinicians?|nurses?(?! ?line)|triage)\b",
        never=f"{_OTHERS}|appeal|claim|lawsuit|loan|court",
    ),
    slots=(
        slots.phone(),
        slots.priority("How urgent is it: urgent, high or normal?"),
        slots.who(),
        slots.symptoms("What does the patient suffer from?"),
        slots.chosen("patient"),
    ),
)
NOTE = Form(
    name="note",
    act=_note,
    handles_failure=True,
    patterns=sentence(
        rf"^{_OF_A_PATIENT}(?:add|make|take|leave|write|put|save|record)\b.{{0,30}}\bnote\b",
        r"^(?:note|write down|jot down|record)(?: down)? that (?:she|he|they|the patient|the mother|the father)\b",
        rf"^(?:put|write|add)\b.*\b(?:in|to|into|on) (?:her|his|their|the patient's|[a-z]+'s) {_FILE}\b",
        never=f"{_OTHERS}|reservation|booking",
    ),
    about_it=sentence(r"^(?:add|make|take|leave|write|save) (?:a|another) note(?:$| that (?!i\b)| saying )"),
    slots=(slots.phone(), slots.note_of(), slots.note("What should the note say?"), slots.chosen("patient")),
)
SUMMARY = Form(
    name="summary",
    act=_summarize,
    handles_failure=True,
    patterns=sentence(
        r"^(?:summari[sz]e|sum up|recap|wrap up|write up|log|document)\b"
        r".{0,40}\b(?:(?:this|the|our) call|conversation)\b",
        r"^(?:save|write|log|add|make|create)\b.*\bcall (?:summary|notes?|log)\b",
        never=_OTHERS,
    ),
    about_it=sentence(r"^(?:summari[sz]e|sum up) (?:this|that|it|everything|what we did)\b"),
    slots=(slots.phone(), slots.who(), slots.summary(), slots.chosen("patient")),
)
