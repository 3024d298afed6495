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


_NOT_LISTED = r"(?!.*\b(?:calendar|to-?do|list|remind|reminder)\b)"
_FILE = r"(?:file|record|chart|notes)"

CASE = Form(
    name="case",
    act=_open_case,
    patterns=sentence(
        rf"^(?:open|create|start|log|file|make|raise|new|add|set up|we need|i need)\b{_NOT_LISTED}"
        r"(?!.*\b(?:appeal|claim|lawsuit|loan|court)\b).{0,40}\b(?:case|(?:clinical |new )?intake)\b",
        r"^(?:a|an|another) (?:new |urgent )?case for\b",
        r"\b(?:tell|inform|alert|let|pass (?:this|it|that) on to)\b.*\b(?:clinical staff|clinicians?|nurses?|triage)\b",
        r"\b(?:for|to) triage\b",
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
    patterns=sentence(
        rf"^(?:add|make|take|leave|write|put|save|record|note)\b{_NOT_LISTED}.{{0,30}}\bnote\b",
        r"^(?:note|write down|jot down|record)(?: down)? that (?:she|he|they|the patient|the mother|the father)\b",
        rf"^(?:put|write|add)\b{_NOT_LISTED}.*\b(?:in|to|into|on) (?:her|his|their|the patient's|[a-z]+'s) {_FILE}\b",
    ),
    slots=(slots.phone(), slots.note_of(), slots.note("What should the note say?"), slots.chosen("patient")),
)
SUMMARY = Form(
    name="summary",
    act=_summarize,
    patterns=sentence(
        rf"^(?:summari[sz]e|sum up|recap|wrap up|write up|log|document|save|record|keep|make|write|add|create)\b"
        rf"{_NOT_LISTED}.{{0,40}}\b(?:(?:this|the|our) call|conversation)\b",
        rf"^{_NOT_LISTED}.*\bcall (?:summary|notes?|log)\b",
        r"^(?:summari[sz]e|sum up) (?:this|that|it|everything|what we did)\b",
    ),
    slots=(slots.phone(), slots.who(), slots.summary(), slots.chosen("patient")),
)
