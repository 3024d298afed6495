"""Every CRM tool through a real MCP client over HTTP: on SQLite, PostgreSQL, and with SuiteCRM on SQLite."""

import asyncio
import itertools
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from convonet.core.ids import DEMO_USER_ID
from convonet.demo import seed_demo
from convonet.domains.crm.backends.base import Contact
from convonet.domains.crm.backends.own import OwnCrm
from convonet.domains.crm.models import CaseRow, ContactOwnerRow, ContactRow, MeetingRow, NoteRow
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.domains.conftest import ALICE, BOB, tool_box, user
from tests.fixtures.suitecrm import Fault, SuiteCrmServer

PHONE = "(415) 555-0142"
E164 = "+14155550142"
TABLES = {"Contacts": ContactRow, "Cases": CaseRow, "Meetings": MeetingRow, "Notes": NoteRow}
_numbers = itertools.count()


class World:
    """A tool server, its caller, and a look into the CRM behind it."""

    def __init__(self, database, toolbox, suitecrm=None):
        self.database = database
        self.toolbox = toolbox
        self.suitecrm = suitecrm

    async def call(self, tool, claims=ALICE, key=None, **arguments):
        key = key or f"k:{next(_numbers)}"
        return await self.toolbox.call("crm", tool, arguments, claims=claims, idempotency_key=key)

    async def onboard(self, claims=ALICE, key=None, **changes):
        arguments = {"first_name": "Ana", "last_name": "Diaz", "phone": PHONE} | changes
        answer = await self.call("onboard_patient", claims, key, **arguments)
        assert answer.ok, answer.text
        return answer.data["patient_id"]

    async def entered_by_staff(self, first_name="Ana", birthdate="1980-05-31"):
        """A contact that is bound to nobody; its id."""
        if self.suitecrm:
            return self.suitecrm.add_contact(
                first_name=first_name, last_name="Diaz", phone_mobile="415-555-0142", birthdate=birthdate
            )
        contact = Contact(
            "6f8f57b0-93c2-4b58-8a3c-7fb9c3a6c001", first_name, "Diaz", E164, datetime.fromisoformat(birthdate).date()
        )
        await OwnCrm(self.database).add_contact(contact)
        return contact.id

    async def count(self, module):
        if self.suitecrm:
            return len(self.suitecrm.records[module])
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(TABLES[module]))

    async def counts(self):
        return [await self.count(module) for module in TABLES]

    async def owners(self):
        async with self.database.transaction() as session:
            return {row.contact_id: str(row.user_id) for row in await session.scalars(select(ContactOwnerRow))}


async def made(url):
    await migrate(url)
    database = Database(url)
    async with database.transaction() as session:
        session.add_all([user(ALICE), user(BOB)])
    return database


@pytest.fixture(params=["sqlite", "postgresql", "suitecrm"])
def where(request, tmp_path):
    if request.param == "postgresql":
        return request.param, Settings(DB_URI=request.getfixturevalue("fresh_database")).storage.database_url
    return request.param, f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
async def world(where):
    kind, url = where
    database = await made(url)
    async with SuiteCrmServer() if kind == "suitecrm" else nullcontext() as there:
        settings = Settings(**there.settings) if there else Settings()
        async with tool_box(database, settings) as toolbox:
            yield World(database, toolbox, there)
    await database.close()


@pytest.fixture
async def remote(tmp_path):
    """The tools over SuiteCRM."""
    database = await made(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    async with SuiteCrmServer() as suitecrm:
        settings = Settings(**suitecrm.settings, SUITECRM_TIMEOUT_S="1")
        async with tool_box(database, settings) as toolbox:
            yield World(database, toolbox, suitecrm)
    await database.close()


def soon(hour=17):
    """Next week at `hour` in Alice's zone."""
    day = datetime.now(UTC).astimezone(ZoneInfo("America/Los_Angeles")) + timedelta(days=7)
    return day.replace(hour=hour, minute=30, second=0, microsecond=0, tzinfo=None)


# -- patients


async def test_a_registered_patient_is_found_by_phone_however_it_is_said(world):
    made = await world.call("onboard_patient", first_name=" Ana ", last_name="Diaz", phone=PHONE, dob="1980-05-31")
    assert made.text == "Ana Diaz is registered."
    assert made.data["patient"] == {
        "patient_id": made.data["patient_id"],
        "first_name": "Ana",
        "last_name": "Diaz",
        "phone": E164,
        "dob": "1980-05-31",
    }
    for spelling in ("4155550142", "+1 415 555 0142", "415.555.0142"):
        found = await world.call("check_patient_exists", phone=spelling)
        assert found.text == "Ana Diaz is on file with that number."
        assert found.data == {"exists": True, "patient_id": made.data["patient_id"], "patients": [made.data["patient"]]}


async def test_an_unknown_number_is_answered_in_words(world):
    nobody = await world.call("check_patient_exists", phone="415-555-0143")
    assert nobody.text == "I have no patient of yours on file with that number."
    assert nobody.data == {"exists": False, "patient_id": None, "patients": []}


async def test_a_patient_registered_again_is_the_same_one(world):
    first = await world.onboard()
    assert await world.onboard(first_name="ANA", last_name=" diaz", phone="+14155550142") == first
    assert await world.count("Contacts") == 1


async def test_a_family_may_share_a_number(world):
    ids = {await world.onboard(), await world.onboard(first_name="Leo")}
    found = await world.call("check_patient_exists", phone=PHONE)
    assert {patient["patient_id"] for patient in found.data["patients"]} == ids
    assert len(ids) == 2
    assert found.data["patient_id"] is None
    assert found.text == "Ana Diaz and Leo Diaz are on file with that number."


async def test_the_same_patient_registered_many_times_at_once_is_added_once(world):
    ids = await asyncio.gather(*(world.onboard() for _ in range(6)))
    assert len(set(ids)) == 1
    assert await world.count("Contacts") == 1
    assert await world.owners() == {ids[0]: ALICE.user_id}


# -- ownership


async def test_another_callers_patient_looks_like_an_unknown_one(world):
    hers = await world.onboard()
    assert not (await world.call("check_patient_exists", BOB, phone=PHONE)).data["exists"]
    for tool, arguments in writes(hers):
        answer = await world.call(tool, BOB, **arguments)
        assert not answer.ok
        assert answer.text == "I can't find that patient among yours."
    assert await world.counts() == [1, 0, 0, 0]


async def test_the_same_name_and_number_said_by_another_caller_gives_them_a_patient_of_their_own(world):
    hers = await world.onboard(dob="1980-05-31")
    his = await world.onboard(BOB, dob="1980-05-31")
    assert his != hers
    assert await world.owners() == {hers: ALICE.user_id, his: BOB.user_id}
    assert (await world.call("check_patient_exists", BOB, phone=PHONE)).data["patient_id"] == his


async def test_a_phone_number_alone_binds_no_contact(world):
    theirs = await world.entered_by_staff()
    assert not (await world.call("check_patient_exists", phone=PHONE)).data["exists"]
    assert await world.owners() == {}
    for tool, arguments in writes(theirs):
        assert (await world.call(tool, **arguments)).text == "I can't find that patient among yours."


async def test_name_number_and_date_of_birth_bind_an_unbound_contact(world):
    theirs = await world.entered_by_staff()
    assert await world.onboard(dob="1980-05-31") == theirs
    assert await world.owners() == {theirs: ALICE.user_id}
    assert (await world.call("check_patient_exists", phone=PHONE)).data["patient_id"] == theirs
    assert await world.onboard(BOB, dob="1980-05-31") != theirs


@pytest.mark.parametrize("said", [{}, {"dob": "1980-05-30"}, {"dob": "1980-05-31", "first_name": "Leo"}])
async def test_without_all_three_a_contact_stays_unbound(world, said):
    theirs = await world.entered_by_staff()
    assert await world.onboard(**said) != theirs
    assert theirs not in await world.owners()


async def test_there_is_one_guess_at_a_date_of_birth(world):
    theirs = await world.entered_by_staff()
    guessed = await world.onboard(dob="1980-05-30")
    assert await world.onboard(dob="1980-05-31") == guessed
    assert theirs not in await world.owners()


async def test_two_callers_who_claim_one_contact_at_once_do_not_both_get_it(world):
    theirs = await world.entered_by_staff()
    got = await asyncio.gather(*(world.onboard(claims, dob="1980-05-31") for claims in (ALICE, BOB)))
    assert sorted(patient == theirs for patient in got) == [False, True]
    assert len(await world.owners()) == 2


async def test_an_identity_among_the_arguments_is_not_believed(world):
    hers = await world.onboard()
    await world.onboard(BOB, user_id=ALICE.user_id, first_name="Leo")
    assert (await world.call("check_patient_exists", phone=PHONE)).data["patient_id"] == hers


# -- appointments, intakes, notes


async def test_an_appointment_is_booked_in_the_callers_zone(world):
    patient = await world.onboard()
    start = soon()
    booked = await world.call(
        "book_appointment", patient_id=patient, appointment_type="check-up", date_start=start.isoformat(), duration=45
    )
    day = f"{start.strftime('%A, %B')} {start.day}"
    assert booked.text == f"I booked the check-up appointment for {day} at 5:30 pm, 45 minutes."
    local = start.replace(tzinfo=ZoneInfo("America/Los_Angeles"))
    assert booked.data["appointment"]["date_start"] == local.isoformat()
    if world.suitecrm:
        (meeting,) = world.suitecrm.records["Meetings"].values()
        assert meeting["date_start"] == local.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    else:
        async with world.database.transaction() as session:
            meeting = await session.scalar(select(MeetingRow))
        assert (meeting.starts_at, meeting.duration_minutes) == (local.astimezone(UTC), 45)


async def test_an_intake_opens_a_case_that_an_appointment_can_be_about(world):
    patient = await world.onboard()
    intake = await world.call(
        "log_clinical_intake", patient_id=patient, symptoms="cough", triage_notes="mild", priority="P1"
    )
    assert intake.text == "I passed this on to the clinical staff as urgent."
    assert intake.data["intake"]["subject"] == "Clinical intake: cough"
    about = {"patient_id": patient, "appointment_type": "visit", "date_start": soon().isoformat()}
    booked = await world.call("book_appointment", **about, case_id=intake.data["case_id"])
    assert booked.data["appointment"]["case_id"] == intake.data["case_id"]


async def test_a_case_of_another_patient_is_refused(world):
    ana, leo = await world.onboard(), await world.onboard(first_name="Leo")
    case = await world.call("log_clinical_intake", patient_id=ana, symptoms="cough", triage_notes="mild")
    about = {"patient_id": leo, "appointment_type": "visit", "date_start": soon().isoformat()}
    refused = await world.call("book_appointment", **about, case_id=case.data["case_id"])
    assert refused.text == "I can't find that case for this patient."
    assert await world.count("Meetings") == 0


async def test_a_call_summary_is_saved(world):
    patient = await world.onboard()
    saved = await world.call("save_call_summary", patient_id=patient, summary="Asked for a refill", call_type="refill")
    assert saved.text == "I saved a note of this call in the patient's record."
    assert saved.data["note"]["call_type"] == "refill"
    assert await world.count("Notes") == 1


async def test_a_repeated_call_acts_once_and_answers_alike(world):
    patient = await world.onboard(key="t-1:1")
    assert await world.onboard(key="t-1:1") == patient
    for number, (tool, arguments) in enumerate(writes(patient)):
        first = await world.call(tool, key=f"t-2:{number}", **arguments)
        assert first.ok
        assert await world.call(tool, key=f"t-2:{number}", **arguments) == first
    assert await world.counts() == [1, 1, 1, 1]


async def test_calls_with_other_keys_act_again(world):
    patient = await world.onboard()
    for _ in range(2):
        for tool, arguments in writes(patient):
            assert (await world.call(tool, **arguments)).ok
    assert await world.counts() == [1, 2, 2, 2]


def writes(patient_id):
    return [
        ("log_clinical_intake", {"patient_id": patient_id, "symptoms": "cough", "triage_notes": "mild"}),
        (
            "book_appointment",
            {"patient_id": patient_id, "appointment_type": "visit", "date_start": soon().isoformat()},
        ),
        ("save_call_summary", {"patient_id": patient_id, "summary": "They called", "call_type": "question"}),
    ]


async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(world):
    patient = await world.onboard()
    person = {"first_name": "Leo", "last_name": "Diaz", "phone": PHONE}
    visit = {"patient_id": patient, "appointment_type": "visit", "date_start": soon().isoformat()}
    intake = {"patient_id": patient, "symptoms": "cough", "triage_notes": "mild"}
    call = {"patient_id": patient, "summary": "They called", "call_type": "question"}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    bad = [
        ("check_patient_exists", {}),
        ("check_patient_exists", {"phone": "123"}),
        ("check_patient_exists", {"phone": "my number"}),
        ("check_patient_exists", {"phone": "4" * 200}),
        ("onboard_patient", person | {"first_name": "  "}),
        ("onboard_patient", person | {"last_name": "x" * 101}),
        ("onboard_patient", person | {"last_name": "Di\x00az"}),
        ("onboard_patient", person | {"phone": "555-0142"}),
        ("onboard_patient", person | {"dob": "31.05.1980"}),
        ("onboard_patient", person | {"dob": (tomorrow + timedelta(days=1)).isoformat()}),
        ("onboard_patient", person | {"dob": "1850-01-01"}),
        ("book_appointment", visit | {"date_start": "2020-01-01T10:00"}),
        ("book_appointment", visit | {"date_start": "2099-01-01T10:00"}),
        ("book_appointment", visit | {"date_start": tomorrow.isoformat()}),
        ("book_appointment", visit | {"date_start": "tomorrow at five"}),
        ("book_appointment", visit | {"duration": 0}),
        ("book_appointment", visit | {"duration": 481}),
        ("book_appointment", visit | {"appointment_type": ""}),
        ("book_appointment", visit | {"case_id": "00000000-0000-4000-8000-000000000009"}),
        ("book_appointment", visit | {"case_id": "../../Users/1"}),
        ("book_appointment", visit | {"patient_id": "00000000-0000-4000-8000-000000000009"}),
        ("log_clinical_intake", intake | {"priority": "P4"}),
        ("log_clinical_intake", intake | {"symptoms": "x" * 4001}),
        ("log_clinical_intake", intake | {"patient_id": "not-an-id\x00"}),
        ("save_call_summary", call | {"summary": " "}),
        ("save_call_summary", call | {"patient_id": ""}),
    ]
    for tool, arguments in bad:
        answer = await world.call(tool, **arguments)
        assert not answer.ok, (tool, arguments)
        assert answer.text.endswith("."), answer.text
        assert "went wrong" not in answer.text, (tool, arguments)
    assert await world.counts() == [1, 0, 0, 0]


# -- when SuiteCRM fails


async def test_a_crm_failure_is_said_and_the_repeated_call_succeeds(remote):
    patient = await remote.onboard()
    for kind in ("status", "cut", "lost", "hang"):
        (tool, arguments), *_ = writes(patient)
        remote.suitecrm.fail(Fault("POST", kind))
        failed = await remote.call(tool, key=f"t:{kind}", **arguments)
        assert failed.text.startswith("Sorry, I can't reach the patient records right now.")
        assert (await remote.call(tool, key=f"t:{kind}", **arguments)).ok
    assert await remote.count("Cases") == 4
    linked = {case for _, contact, link, case in remote.suitecrm.links if (contact, link) == (patient, "cases")}
    assert linked == set(remote.suitecrm.records["Cases"])


async def test_a_process_that_died_after_suitecrm_took_the_patient_leaves_one_patient(remote):
    remote.suitecrm.fail(Fault("POST", "lost"))
    died = await remote.call(
        "onboard_patient", first_name="Ana", last_name="Diaz", phone=PHONE, dob="1980-05-31", key="t:1"
    )
    assert not died.ok
    assert (await remote.count("Contacts"), await remote.owners()) == (1, {})
    patient = await remote.onboard(key="t:1", dob="1980-05-31")
    assert (await remote.count("Contacts"), await remote.owners()) == (1, {patient: ALICE.user_id})


async def test_a_repeated_call_is_answered_while_suitecrm_is_down(remote):
    patient = await remote.onboard()
    (tool, arguments), *_ = writes(patient)
    first = await remote.call(tool, key="t:1", **arguments)
    remote.suitecrm.expire_tokens()
    remote.suitecrm.fail(*(Fault("token") for _ in range(5)))
    assert await remote.call(tool, key="t:1", **arguments) == first


async def test_a_patient_that_staff_have_deleted_is_not_found_and_can_be_registered_again(remote):
    patient = await remote.onboard()
    del remote.suitecrm.records["Contacts"][patient]
    for tool, arguments in writes(patient):
        assert (await remote.call(tool, **arguments)).text == "I can't find that patient among yours."
    assert await remote.onboard() != patient


async def test_a_hanging_suitecrm_holds_no_connection_of_the_database(remote):
    patient = await remote.onboard()
    await remote.call("check_patient_exists", phone=PHONE)
    remote.suitecrm.fail(*(Fault("GET", "hang") for _ in range(30)))
    (tool, arguments), *_ = writes(patient)
    stuck = [asyncio.create_task(remote.call(tool, **arguments)) for _ in range(15)]
    await asyncio.sleep(0.1)
    assert (await remote.toolbox.call("todo", "get_todos", {}, claims=ALICE, idempotency_key="t")).ok
    assert not any(call.done() for call in stuck), "it waited for one of them"
    assert not any(answer.ok for answer in await asyncio.gather(*stuck))


# -- demo data


async def test_the_demo_caller_has_patients_seeded_once(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'demo.db'}"
    await migrate(url)
    for _ in range(2):
        await seed_demo(url)
    database = Database(url)
    async with database.transaction() as session:
        counts = [await session.scalar(select(func.count()).select_from(table)) for table in TABLES.values()]
        owners = set(await session.scalars(select(ContactOwnerRow.user_id)))
        (meeting,) = await session.scalars(select(MeetingRow))
    await database.close()
    assert counts == [2, 1, 1, 1]
    assert {str(owner) for owner in owners} == {DEMO_USER_ID}
    assert meeting.starts_at > datetime.now(UTC)
