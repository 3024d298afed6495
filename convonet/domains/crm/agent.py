"""The CRM's description for the agent, found by its file name (`convonet.domains.discovery`)."""

from convonet.agents.domain import Domain, examples_of
from convonet.agents.forms.skill import FormSkill
from convonet.domains.crm.offline.forms import BOOK, CASE, FIND, MOVE, NOTE, REGISTER, SUMMARY

DOMAIN = Domain(
    name="crm",
    agent_type="healthcare",
    about="look after the patients of a practice",
    prompt=(
        "You look after the caller's patients at a medical practice: finding one by phone number, registering one, "
        "booking appointments, opening cases for the clinical staff, notes and call summaries, all with the tools. "
        "Find the patient by phone number first, for every other tool needs the patient's id; the one found or "
        "registered last is meant by 'her' or 'him'. Read names, day and time back and get a yes before you register, "
        "book or open a case. A booked appointment can't be moved or cancelled with the tools: say so. Give no "
        "medical advice; a life in danger must call 911."
    ),
    examples=("is there a patient with the number 415 555 0142", "book an appointment for her next tuesday at ten"),
    labels={
        "check_patient_exists": "Looking for the patient",
        "onboard_patient": "Registering the patient",
        "book_appointment": "Booking the appointment",
        "log_clinical_intake": "Opening a case",
        "save_call_summary": "Saving a note",
    },
    skill=FormSkill(
        "crm",
        (SUMMARY, NOTE, CASE, MOVE, REGISTER, BOOK, FIND),
        own_words=r"patients?(?! with me| please)|clinical|intake|her appointment|his appointment|practice",
        not_understood=(
            "For your patients I can look one up by phone number, register a new one, book an appointment, "
            "open a case, or save a note."
        ),
    ),
    examples_by_form=examples_of("convonet.domains.crm"),
)
