"""The forms of the CRM: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from convonet.agents.forms.form import Form, sentence
from convonet.domains.crm.offline import slots
from convonet.domains.crm.offline.actions import book, find, move, note, open_case, register, summarize

_SEEK = (
    r"(?:find|look up|look for|search(?: for)?|check|pull up|get|open|show|is there|are there"
    r"|do (?:we|you|i) have|have (?:we|you) got|who(?:'s| is)|which)"
)
_ENTER = r"(?:register|onboard|enroll|sign up|create|add|set up|enter)"

FIND = Form(
    name="find",
    act=find,
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
    act=register,
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
_NO_RECORDS = "calendar|to-?dos?|list|tasks?|remind|reminders?"
_FILE = r"(?:file|record|chart|notes)"
_OF_A_PATIENT = r"(?=.*\b(?:she|he|they|her|him|his|their|them|patients?|chart)\b)"

CASE = Form(
    name="case",
    act=open_case,
    handles_failure=True,
    patterns=sentence(
        r"^(?:open|create|start|log|file|make|raise|new|add|we need|i need)\b"
        r".{0,40}\b(?:case(?! (?:of|for my)\b)|intake)\b",
        r"^an? (?:new |urgent )?case for\b",
        r"\b(?:tell|inform|alert|let|pass (?:this|it|that) on to)\b"
        r".*\b(?:clinical staff|clinicians?|nurses?(?! ?line)|triage)\b",
        never=f"{_NO_RECORDS}|appeal|claim|lawsuit|loan|court",
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
    act=note,
    handles_failure=True,
    patterns=sentence(
        rf"^{_OF_A_PATIENT}(?:add|make|take|leave|write|put|save|record)\b.{{0,30}}\bnote\b",
        r"^(?:note|write down|jot down|record)(?: down)? that (?:she|he|they|the patient|the mother|the father)\b",
        rf"^(?:put|write|add)\b.*\b(?:in|to|into|on) (?:her|his|their|the patient's|[a-z]+'s) {_FILE}\b",
        never=f"{_NO_RECORDS}|reservation|booking",
    ),
    about_it=sentence(r"^(?:add|make|take|leave|write|save) (?:a|another) note(?:$| that (?!i\b)| saying )"),
    slots=(slots.phone(), slots.note_of(), slots.note("What should the note say?"), slots.chosen("patient")),
)

SUMMARY = Form(
    name="summary",
    act=summarize,
    handles_failure=True,
    patterns=sentence(
        r"^(?:summari[sz]e|sum up|recap|wrap up|write up|log|document)\b"
        r".{0,40}\b(?:(?:this|the|our) call|conversation)\b",
        r"^(?:save|write|log|add|make|create)\b.*\bcall (?:summary|notes?|log)\b",
        never=_NO_RECORDS,
    ),
    about_it=sentence(r"^(?:summari[sz]e|sum up) (?:this|that|it|everything|what we did)\b"),
    slots=(slots.phone(), slots.who(), slots.summary(), slots.chosen("patient")),
)
_APPOINTMENT = r"(?:appointments?|check ?-?ups?|follow ?-?ups?|consultations?|annual physical)"

_NO_APPOINTMENTS = (
    "calendar|to-?dos?|list|tasks?|remind|reminders?|mortgage|loan|lender|tables?|reservations?|dinner|referral"
    "|authorization"
)
_PATIENTS = r"(?:her|his|their|that|this|the|(?:the |that )patient's|[a-z]+'s)"

BOOK = Form(
    name="book",
    act=book,
    handles_failure=True,
    patterns=sentence(
        rf"^(?:book|make|schedule|set up|arrange|get|give|reserve|(?:we|i|she|he|they) needs?)\b.*\b{_APPOINTMENT}\b",
        r"^(?:book|schedule|arrange)\b.*\b(?:blood (?:test|work)|shot|vaccination)\b",
        rf"^(?:an?|another|the next) (?:[a-z-]+ ){{0,2}}{_APPOINTMENT} (?:for|on|next|tomorrow)\b",
        r"^(?:book|schedule|put) (?:her|him|them|that patient|the patient)\b",
        r"\b(?:patient|she|he) (?:wants|needs|would like) (?:to (?:come in|see|book|be seen)|an appointment)\b",
        never=_NO_APPOINTMENTS,
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
    act=move,
    patterns=sentence(
        r"^(?:move|change|reschedule|postpone|push|cancel|delete|call off|drop)\b.*"
        rf"\b{_PATIENTS} (?:[a-z-]+ )?(?:appointments?|check ?-?up|follow ?-?up|consultation)\b",
        r"\b(?:she|he|the patient) (?:can't|cannot|won't) (?:make|come to) (?:it to )?(?:the|her|his) "
        rf"{_APPOINTMENT}\b",
        never=_NO_APPOINTMENTS,
    ),
    slots=(slots.day(), slots.clock(), slots.duration(), slots.kind()),
    corrected_by="move",
)
