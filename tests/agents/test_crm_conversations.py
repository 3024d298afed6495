"""The practice's patients by voice: found, registered, given appointments, cases and notes, each after a yes."""

import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from convonet.agents.base import ToolStarted
from convonet.domains.crm.models import CaseRow, ContactRow, MeetingRow, NoteRow
from tests.agents.conftest import ZONE

PHONE = "415 555 0177"


async def rows(world, table):
    async with world.database.reading() as session:
        return list(await session.scalars(select(table).order_by(table.created_at)))


async def say_all(talk, *lines):
    for line in lines:
        heard = await talk.say(line)
    return heard


def calls(heard):
    return [(event.tool, event.arguments) for event in heard.events if isinstance(event, ToolStarted)]


@pytest.fixture
async def talk(todays_world):
    """A conversation in which Tom Baker was registered."""
    talk = await todays_world.talk()
    heard = await say_all(talk, "register a new patient tom baker", "skip", PHONE, "yes")
    assert heard.text == "Tom Baker is registered."
    return talk


async def test_a_number_that_nobody_has_is_the_beginning_of_a_registration(todays_world):
    talk = await todays_world.talk()
    heard = await talk.say(f"is there a patient with the number {PHONE}")
    assert heard.text.endswith("Shall I register a new patient with it?")
    assert (await talk.say("yes")).text == "What is the patient's first and last name?"
    assert "date of birth" in (await talk.say("ana diaz")).text
    sure = await talk.say("may third nineteen ninety")
    assert sure.text == ("Ana Diaz, born May 3, 1990, with the number 415 555 0177. Shall I register that patient?")
    assert await rows(todays_world, ContactRow) == []
    assert (await talk.say("yes")).text == "Ana Diaz is registered."
    (row,) = await rows(todays_world, ContactRow)
    assert (row.first_name, row.last_name, row.phone, row.birthdate) == (
        "Ana",
        "Diaz",
        "+14155550177",
        date(1990, 5, 3),
    )


async def test_without_a_yes_nobody_is_registered(todays_world):
    talk = await todays_world.talk()
    heard = await say_all(talk, "register a new patient tom baker", "skip", PHONE, "no")
    assert heard.text == "Okay, I'll leave it."
    assert await rows(todays_world, ContactRow) == []


async def test_a_name_is_corrected_before_it_is_written(todays_world):
    talk = await todays_world.talk()
    await say_all(talk, "register a new patient tom baker", "skip", PHONE)
    sure = await talk.say("no, the last name is barker")
    assert sure.text.startswith("Tom Barker, with the number")


async def test_a_patient_is_found_again_by_number(talk, todays_world):
    fresh = await todays_world.talk()
    fresh.caller = talk.caller
    assert "Tom Baker" in (await fresh.say(f"find the patient with the number {PHONE}")).text


async def test_another_callers_patients_are_not_found(talk, todays_world):
    stranger = await todays_world.talk()
    heard = await stranger.say(f"is there a patient with the number {PHONE}")
    assert "Tom Baker" not in heard.text
    assert "Shall I register" in heard.text


async def test_an_appointment_is_booked_for_the_patient_talked_of(talk, todays_world):
    sure = await talk.say("book a check up for him tomorrow at half past nine")
    assert sure.text.startswith("A check-up appointment for Tom Baker on ")
    assert "10 am" in (await talk.say("make it ten instead")).text
    heard = await talk.say("yes")
    tomorrow = datetime.now(ZONE).date() + timedelta(days=1)
    ((tool, arguments),) = calls(heard)
    assert (tool, arguments["appointment_type"], arguments["date_start"]) == (
        "book_appointment",
        "check-up",
        f"{tomorrow.isoformat()}T10:00",
    )
    (meeting,) = await rows(todays_world, MeetingRow)
    assert meeting.starts_at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZONE).hour == 10


async def test_a_time_that_is_taken_is_reported_before_the_yes(talk, todays_world):
    heard = await talk.say("book an appointment for her yesterday at ten")
    assert "Shall I book it" not in heard.text
    assert await rows(todays_world, MeetingRow) == []


async def test_an_appointment_without_a_patient_asks_who(todays_world):
    talk = await todays_world.talk()
    heard = await say_all(talk, "book an appointment for a patient tomorrow at ten")
    assert heard.text == "Which patient? Please tell me their phone number."


async def test_a_booked_appointment_is_not_moved_in_silence(talk, todays_world):
    await say_all(talk, "book a check up for him tomorrow at ten", "yes")
    heard = await talk.say("move his appointment to eleven")
    assert heard.text.startswith("Only the practice's staff can move or cancel an appointment that is booked.")
    assert len(await rows(todays_world, MeetingRow)) == 1


async def test_a_case_needs_symptoms_urgency_and_a_yes(talk, todays_world):
    assert (await talk.say("open a case")).text == "How urgent is it: urgent, high or normal?"
    assert (await talk.say("urgent")).text == "What does the patient suffer from?"
    sure = await talk.say("chest pain since this morning")
    assert sure.text == "A case for Tom Baker, urgent: chest pain since this morning. Shall I open it?"
    assert await rows(todays_world, CaseRow) == []
    await talk.say("yes")
    (case,) = await rows(todays_world, CaseRow)
    assert case.priority == "P1"
    assert "chest pain since this morning" in f"{case.subject} {case.description}"


async def test_a_case_in_one_sentence(talk, todays_world):
    sure = await talk.say("open a case, he has a rash, it's not urgent")
    assert sure.text == "A case for Tom Baker, normal priority: a rash. Shall I open it?"


async def test_a_note_is_written_at_once(talk, todays_world):
    await talk.say("add a note that he prefers mornings")
    (note,) = await rows(todays_world, NoteRow)
    assert "he prefers mornings" in note.content


async def test_a_call_is_summarized_from_its_changes(talk, todays_world):
    await say_all(talk, "open a case, he has a rash, it's urgent", "yes")
    sure = await talk.say("summarize this call")
    assert sure.text == (
        "For Tom Baker I'll write: Registered as a patient. Opened a case, urgent: a rash. Shall I save that?"
    )
    await talk.say("yes")
    (note,) = await rows(todays_world, NoteRow)
    assert "Opened a case, urgent: a rash" in note.content


async def test_another_request_is_no_correction_of_a_summary(talk, todays_world):
    await talk.say("summarize this call")
    heard = await talk.say("move his appointment to friday")
    assert heard.text.startswith("Only the practice's staff")
    assert await rows(todays_world, NoteRow) == []


async def test_of_two_patients_with_one_number_one_is_chosen(talk, todays_world):
    await say_all(talk, "register a new patient eva baker", "skip", PHONE, "yes")
    fresh = await todays_world.talk()
    fresh.caller = talk.caller
    asked = await fresh.say(f"find the patient with the number {PHONE}")
    assert "Which one: " in asked.text
    assert (await fresh.say("eva")).text == "Okay, Eva Baker."
    await say_all(fresh, "add a note that she is allergic to nuts")
    (note,) = await rows(todays_world, NoteRow)
    (eva,) = [contact for contact in await rows(todays_world, ContactRow) if contact.first_name == "Eva"]
    assert note.contact_id == uuid.UUID(str(eva.id))


async def test_too_few_digits_are_asked_for_again(todays_world):
    talk = await todays_world.talk()
    await talk.say("find a patient")
    heard = await talk.say("five five five")
    assert heard.text == (
        "Sorry? What is the patient's phone number? Please say it digit by digit, with the area code."
    )


async def test_a_date_of_birth_that_cannot_be_is_asked_for_again_and_the_rest_is_kept(todays_world):
    talk = await todays_world.talk()
    heard = await say_all(talk, "register a new patient ana diaz", "may third twenty ninety", PHONE)
    assert heard.text == "That date of birth can't be right. Please say it again."
    sure = await talk.say("july fourth nineteen oh five")
    assert sure.text.startswith("Ana Diaz, born July 4, 1905, with the number 415 555 0177.")


async def test_a_number_that_is_none_is_asked_for_again_and_the_registration_goes_on(todays_world):
    talk = await todays_world.talk()
    heard = await say_all(talk, "register a new patient ana diaz", "skip", "123 4567", "yes")
    assert heard.text.startswith("That doesn't sound like a complete phone number.")
    assert (await talk.say(PHONE)).text.startswith("Ana Diaz, with the number 415 555 0177.")
    await talk.say("yes")
    (row,) = await rows(todays_world, ContactRow)
    assert row.phone == "+14155550177"


async def test_an_alternative_appointment_is_of_the_same_kind(talk, todays_world):
    await say_all(talk, "book a check up for him tomorrow at ten", "yes")
    asked = await talk.say("make it eleven instead")
    assert asked.text.startswith("Only the practice's staff can move or cancel")
    ((_, arguments),) = calls(await talk.say("yes"))
    assert (arguments["appointment_type"], arguments["date_start"][-5:]) == ("check-up", "11:00")
    assert len(await rows(todays_world, MeetingRow)) == 2


async def test_a_complaint_is_not_taken_for_the_patients_name(talk):
    heard = await say_all(talk, "log a clinical intake for this patient", "urgent")
    assert heard.text == "What does the patient suffer from?"


async def test_a_note_to_oneself_is_not_written_into_a_patients_record(talk, todays_world):
    assert (await talk.say("make a note to water the plants")).tools == ["create_todo"]
    assert await rows(todays_world, NoteRow) == []


@pytest.mark.parametrize(
    ("said", "agent_type"),
    [
        ("add call tom to my list", "todo"),
        ("remind me to book a doctor's appointment", "todo"),
        ("book a table for two tomorrow at seven", "hanok_table"),
        ("the doctor show on television was great", "general"),
    ],
)
async def test_sentences_that_only_sound_like_a_practice_go_elsewhere(todays_world, said, agent_type):
    heard = await (await todays_world.talk()).say(said)
    assert heard.final.agent_type == agent_type
    assert not {"check_patient_exists", "book_appointment"} & set(heard.tools)
