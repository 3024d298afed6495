"""The CRM interface: one set of tests for our own tables and SuiteCRM, then SuiteCRM's wire format."""

import asyncio
import uuid
from datetime import UTC, date, datetime

import pytest

from convonet.core.errors import ConvonetError, CrmUnavailable, NotFound, SettingsError
from convonet.domains.crm.backends.base import Case, Contact, CrmName, Meeting, Note, Priority
from convonet.domains.crm.backends.choice import configured_crm
from convonet.domains.crm.backends.suitecrm_client import SuiteCrmAccount, SuiteCrmClient
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.fixtures.ports import free_port
from tests.fixtures.suitecrm import CLIENT, USER, Fault, SuiteCrmServer

PHONE = "+14155550142"
START = datetime(2026, 12, 2, 1, 0, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def suitecrm():
    async with SuiteCrmServer() as server:
        yield server


def new_id():
    return str(uuid.uuid4())


def ana(**changes):
    return Contact(**({"id": new_id(), "first_name": "Ana", "last_name": "Diaz", "phone": PHONE} | changes))


async def connected(settings, database=None):
    return configured_crm(database, Settings(**settings))


@pytest.fixture(params=["sqlite", "postgresql", "suitecrm"])
def place(request, tmp_path):
    """The place of the CRM's records: one of our databases, or SuiteCRM."""
    if request.param == "suitecrm":
        return None
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    return Settings(DB_URI=request.getfixturevalue("fresh_database")).storage.database_url


@pytest.fixture
async def crm(place):
    if place is None:
        async with SuiteCrmServer() as server:
            crm = await connected(server.settings)
            assert crm.name == CrmName.SUITECRM
            yield crm
            await crm.close()
        return
    await migrate(place)
    database = Database(place)
    crm = await connected({}, database)
    assert crm.name == CrmName.OWN
    yield crm
    await crm.close()
    await database.close()


@pytest.fixture
async def remote(suitecrm):
    """SuiteCRM through our client, with short waits."""
    crm = await connected(suitecrm.settings | {"SUITECRM_TIMEOUT_S": "1", "SUITECRM_AUTH_TIMEOUT_S": "1"})
    yield crm
    await crm.close()


# -- both


async def test_a_contact_is_found_by_phone_and_by_id(crm):
    contact = ana(birthdate=date(1980, 5, 31))
    await crm.add_contact(contact)
    assert await crm.find_contacts(PHONE) == [contact]
    assert await crm.contact(contact.id) == contact
    assert await crm.find_contacts("+14155550143") == []


async def test_all_who_share_a_number_are_found_always_in_the_same_order(crm):
    people = [ana(first_name=name) for name in ("Ana", "Leo", "Mia")]
    for person in people:
        await crm.add_contact(person)
    assert await crm.find_contacts(PHONE) == people


async def test_what_is_added_twice_under_one_id_is_there_once(crm):
    contact = ana()
    for _ in range(2):
        await crm.add_contact(contact)
    case = Case(new_id(), contact.id, "Cough", "A cough", Priority.P2)
    for _ in range(2):
        await crm.add_case(case)
        await crm.add_meeting(Meeting(case.id, contact.id, "Check-up", START, 90, case.id))
        await crm.add_note(Note(case.id, contact.id, "Call", "They called"))
    assert await crm.find_contacts(PHONE) == [contact]


async def test_what_is_added_twice_at_once_is_there_once(crm):
    contact = ana()
    await asyncio.gather(*(crm.add_contact(contact) for _ in range(5)))
    assert await crm.find_contacts(PHONE) == [contact]


async def test_a_case_belongs_to_its_contact_only(crm):
    mine, other = ana(), ana(first_name="Leo")
    for contact in (mine, other):
        await crm.add_contact(contact)
    case = Case(new_id(), mine.id, "Cough", "A cough", Priority.P2)
    await crm.add_case(case)
    assert await crm.has_case(mine.id, case.id)
    assert not await crm.has_case(other.id, case.id)
    for nothing in (new_id(), "", "../Users/1", "x" * 64, "1\x00"):
        assert not await crm.has_case(mine.id, nothing)


async def test_no_such_contact_is_not_found(crm):
    for contact_id in (new_id(), "7", "../../V8/module/Users/1", "", "1?x=y", "ä", "1\x00"):
        with pytest.raises(NotFound):
            await crm.contact(contact_id)


async def test_nothing_is_added_to_a_contact_that_does_not_exist(crm):
    for add in (
        crm.add_meeting(Meeting(new_id(), new_id(), "Check-up", START, 30)),
        crm.add_case(Case(new_id(), new_id(), "Cough", "A cough", Priority.P2)),
    ):
        with pytest.raises(NotFound):
            await add


async def test_a_crm_that_answers_passes_the_check(crm):
    await crm.check()


# -- SuiteCRM's wire


async def test_records_arrive_in_suitecrm_as_its_own_pages_would_write_them(remote, suitecrm):
    contact = ana(birthdate=date(1980, 5, 31))
    await remote.add_contact(contact)
    case = Case(new_id(), contact.id, "Cough", "A cough", Priority.P1)
    await remote.add_case(case)
    meeting = Meeting(new_id(), contact.id, "A very long name of an appointment " * 3, START, 95, case.id)
    await remote.add_meeting(meeting)
    note = Note(new_id(), contact.id, "Call summary", "They called")
    await remote.add_note(note)
    stored = suitecrm.records
    assert stored["Contacts"][contact.id].items() >= {
        ("phone_mobile", PHONE),
        ("first_name", "Ana"),
        ("last_name", "Diaz"),
        ("birthdate", "1980-05-31"),
    }
    assert stored["Cases"][case.id].items() >= {("priority", "P1"), ("status", "Open_New"), ("name", "Cough")}
    assert stored["Meetings"][meeting.id].items() >= {
        ("date_start", "2026-12-02 01:00:00"),
        ("duration_hours", "1"),
        ("duration_minutes", "35"),
        ("parent_type", "Cases"),
        ("parent_id", case.id),
        ("status", "Planned"),
    }
    assert stored["Notes"][note.id].items() >= {("contact_id", contact.id), ("description", "They called")}
    assert {
        ("Contacts", contact.id, "cases", case.id),
        ("Meetings", meeting.id, "contacts", contact.id),
    } <= suitecrm.links


@pytest.mark.parametrize(
    "typed", ["+14155550142", "+1 415-555-0142", "(415) 555-0142", "415-555-0142", "4155550142", "14155550142"]
)
async def test_a_contact_is_found_however_staff_have_typed_the_number(remote, suitecrm, typed):
    there = suitecrm.add_contact(first_name="Ana", last_name="Diaz", phone_mobile=typed)
    suitecrm.add_contact(first_name="Leo", last_name="Diaz", phone_mobile="(415) 555-0143")
    (found,) = await remote.find_contacts(PHONE)
    assert (found.id, found.phone, found.birthdate) == (there, PHONE, None)


@pytest.mark.parametrize("birthdate", ["", "0000-00-00", "31.05.1980"])
async def test_an_empty_birthdate_is_none(remote, suitecrm, birthdate):
    suitecrm.add_contact(last_name="Diaz", phone_mobile=PHONE, birthdate=birthdate)
    (found,) = await remote.find_contacts(PHONE)
    assert (found.first_name, found.birthdate) == ("", None)


async def test_the_client_logs_in_as_itself_once_for_many_calls(remote, suitecrm):
    await asyncio.gather(*(remote.find_contacts(PHONE) for _ in range(10)))
    assert suitecrm.grants == [{"grant_type": "client_credentials", **CLIENT}]


async def test_with_a_user_the_client_acts_as_that_user(suitecrm):
    user = {"SUITECRM_USERNAME": USER["username"], "SUITECRM_PASSWORD": USER["password"]}
    crm = await connected(suitecrm.settings | user)
    await crm.find_contacts(PHONE)
    await crm.close()
    assert suitecrm.grants == [{"grant_type": "password", **CLIENT, **USER}]


async def test_suitecrm_8_is_found_under_legacy():
    async with SuiteCrmServer(root="/legacy/Api") as server:
        crm = await connected(server.settings)
        contact = ana()
        await crm.add_contact(contact)
        assert await crm.find_contacts(PHONE) == [contact]
        await crm.close()


async def test_a_token_that_ended_is_renewed_once_and_the_write_goes_through(remote, suitecrm):
    await remote.check()
    suitecrm.expire_tokens()
    contact = ana()
    await remote.add_contact(contact)
    assert list(suitecrm.records["Contacts"]) == [contact.id]
    assert len(suitecrm.grants) == 2
    suitecrm.expire_tokens()
    await asyncio.gather(*(remote.contact(contact.id) for _ in range(8)))
    assert len(suitecrm.grants) == 3


async def test_a_token_is_renewed_before_it_ends(suitecrm):
    now = 1000.0
    account = SuiteCrmAccount(
        suitecrm.url, CLIENT["client_id"], Settings(**suitecrm.settings).crm.suitecrm_client_secret
    )
    client = SuiteCrmClient(account, clock=lambda: now)
    await client.check()
    now += 3539
    await client.check()
    assert len(suitecrm.grants) == 1
    now += 1
    await client.check()
    assert len(suitecrm.grants) == 2
    await client.close()


async def test_a_token_that_is_refused_twice_is_not_asked_for_a_third_time(remote, suitecrm):
    async def deny():
        while True:
            suitecrm.expire_tokens()
            await asyncio.sleep(0)

    denying = asyncio.create_task(deny())
    with pytest.raises(CrmUnavailable):
        await remote.contact(new_id())
    denying.cancel()
    assert len(suitecrm.grants) == 2


@pytest.mark.parametrize("kind", ["cut", "status"])
async def test_a_read_is_tried_once_more(remote, suitecrm, kind):
    contact = ana()
    await remote.add_contact(contact)
    suitecrm.fail(Fault("GET", kind, 503))
    assert await remote.contact(contact.id) == contact
    suitecrm.fail(Fault("GET", kind, 503), Fault("GET", kind, 503))
    with pytest.raises(CrmUnavailable):
        await remote.contact(contact.id)


@pytest.mark.parametrize("kind", ["cut", "lost", "status", "hang"])
async def test_a_write_is_never_sent_again_by_itself(remote, suitecrm, kind):
    suitecrm.fail(Fault("POST", kind, 503))
    with pytest.raises(CrmUnavailable):
        await remote.add_contact(ana())
    assert suitecrm.requests.count("POST /V8/module") == 1


async def test_a_write_whose_answer_was_lost_is_done_once_when_it_is_repeated(remote, suitecrm):
    contact = ana()
    await remote.add_contact(contact)
    case = Case(new_id(), contact.id, "Cough", "A cough", Priority.P2)
    suitecrm.fail(Fault("POST", "lost"))
    with pytest.raises(CrmUnavailable):
        await remote.add_case(case)
    assert not await remote.has_case(contact.id, case.id)
    await remote.add_case(case)
    assert await remote.has_case(contact.id, case.id)
    assert list(suitecrm.records["Cases"]) == [case.id]


@pytest.mark.parametrize("on", ["GET", "token"])
@pytest.mark.parametrize("kind", ["garbage", "hang", "status"])
async def test_every_failure_is_an_error_with_a_sentence(remote, suitecrm, on, kind):
    suitecrm.fail(*(Fault(on, kind) for _ in range(12)))
    with pytest.raises(ConvonetError) as failure:
        await remote.find_contacts(PHONE)
    assert isinstance(failure.value, CrmUnavailable)
    assert failure.value.spoken.endswith("again in a moment.")
    assert CLIENT["client_secret"] not in str(failure.value)


async def test_after_a_failure_the_next_call_works(remote, suitecrm):
    suitecrm.fail(Fault("token"))
    with pytest.raises(CrmUnavailable):
        await remote.check()
    await remote.check()


async def test_one_hanging_login_makes_no_call_wait_twice(remote, suitecrm):
    suitecrm.fail(*(Fault("token", "hang") for _ in range(9)))
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(remote.check() for _ in range(9)), return_exceptions=True)
    assert all(isinstance(answer, CrmUnavailable) for answer in answers)
    assert asyncio.get_running_loop().time() - began < 1.9


async def test_wrong_credentials_fail_without_a_second_try(suitecrm):
    crm = await connected(suitecrm.settings | {"SUITECRM_CLIENT_SECRET": "wrong"})
    with pytest.raises(CrmUnavailable):
        await crm.check()
    assert len(suitecrm.grants) == 1
    await crm.close()


async def test_a_server_that_is_not_there_is_unavailable():
    crm = await connected(SuiteCrmServer(port=free_port()).settings)
    with pytest.raises(CrmUnavailable):
        await crm.find_contacts(PHONE)
    await crm.close()


async def test_a_server_that_comes_back_is_used_again(suitecrm):
    port = free_port()
    crm = await connected(suitecrm.settings | {"SUITECRM_URL": f"http://127.0.0.1:{port}"})
    with pytest.raises(CrmUnavailable):
        await crm.check()
    for _ in range(2):
        async with SuiteCrmServer(port=port):
            await crm.find_contacts(PHONE)
    await crm.close()


# -- settings

WHOLE = {"SUITECRM_URL": "https://crm.example.com", "SUITECRM_CLIENT_ID": "id", "SUITECRM_CLIENT_SECRET": "secret"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SUITECRM_URL": "https://crm.example.com"}, ["SUITECRM_CLIENT_ID", "SUITECRM_CLIENT_SECRET"]),
        ({"SUITECRM_CLIENT_SECRET": "secret"}, ["SUITECRM_URL", "SUITECRM_CLIENT_ID"]),
        (WHOLE | {"SUITECRM_USERNAME": "convonet"}, ["SUITECRM_PASSWORD"]),
        (WHOLE | {"SUITECRM_PASSWORD": "x"}, ["SUITECRM_USERNAME"]),
        ({"SUITECRM_USERNAME": "convonet", "SUITECRM_PASSWORD": "x"}, ["SUITECRM_URL"]),
        ({"SUITECRM_URL": "crm"}, ["SUITECRM_URL"]),
        ({"SUITECRM_BASE_URL": "https://crm.example.com"}, ["SUITECRM_BASE_URL"]),
        ({"CRM_SERVICE_TOKEN": "short"}, ["CRM_SERVICE_TOKEN"]),
        ({"CONVONET_PHONE_REGION": "Europe"}, ["CONVONET_PHONE_REGION"]),
    ],
)
def test_contradictory_settings_are_refused_at_start_by_name(monkeypatch, given, missing):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as fault:
        Settings.load()
    for name in missing:
        assert name in str(fault.value)
    assert "secret" not in str(fault.value).replace("CLIENT_SECRET", "")
