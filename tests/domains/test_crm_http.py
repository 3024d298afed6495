"""The crm-integration-service over HTTP: its endpoints, its token, its errors and what its OpenAPI document says."""

import asyncio
import itertools
import shutil
import uuid
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from convonet.domains.crm.backends.choice import configured_crm
from convonet.domains.crm.http import router
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.web.refusals import Refusal
from convonet.web.service import http_service
from convonet.web.service_token import ServiceToken
from tests.fixtures.ports import free_port
from tests.fixtures.suitecrm import Fault, SuiteCrmServer

TOKEN = "a service token of thirty-two characters"
PERSON = {"first_name": "Ana", "last_name": "Diaz", "phone": "(415) 555-0142"}
PATHS = ["/patient/search", "/patient/create", "/meeting/create", "/case/create", "/note/create"]
NOBODY = "00000000-0000-4000-8000-000000000009"


def client(crm, database, token=TOKEN, sent=TOKEN):
    app = http_service("crm", lambda _: nullcontext())
    app.include_router(
        router(crm, database, ServiceToken(SecretStr(token) if token else None, "CRM_SERVICE_TOKEN")), prefix="/crm"
    )
    headers = {"Authorization": f"Bearer {sent}"} if sent is not None else {}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://crm/crm", headers=headers)


@pytest.fixture
async def sqlite(migrated_sqlite, tmp_path):
    database = Database(f"sqlite+aiosqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'test.db')}")
    yield database
    await database.close()


@pytest.fixture
async def suitecrm():
    async with SuiteCrmServer() as server:
        yield server


@pytest.fixture(params=["postgresql", "suitecrm"])
def postgresql(request):
    """The address of a database of ours (SQLite is in `own`), or None for SuiteCRM."""
    if request.param == "postgresql":
        return Settings(DB_URI=request.getfixturevalue("migrated_database")).storage.database_url
    return None


@pytest.fixture
async def database(postgresql, sqlite):
    # SuiteCRM keeps the records, not what requests were answered
    database = Database(postgresql) if postgresql else sqlite
    yield database
    await database.close()


@pytest.fixture
async def crm(postgresql, database, suitecrm):
    crm = configured_crm(database, Settings() if postgresql else Settings(**suitecrm.settings))
    yield crm
    await crm.close()


@pytest.fixture
async def api(crm, database):
    async with client(crm, database) as http:
        yield http


@pytest.fixture
def own(sqlite):
    return configured_crm(sqlite, Settings()), sqlite


async def post(http, path, body, **headers):
    return await http.post(path, json=body, headers=headers)


async def patient(http, **changes):
    return (await post(http, "/patient/create", PERSON | changes)).json()["patient_id"]


def bodies(patient_id):
    start = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    return {
        "/meeting/create": {"patient_id": patient_id, "subject": "check-up", "date_start": start},
        "/case/create": {"patient_id": patient_id, "subject": "Cough", "description": "A cough", "priority": "P2"},
        "/note/create": {"patient_id": patient_id, "subject": "Call", "content": "They called"},
    }


async def test_a_patient_is_created_and_found_by_phone(api):
    attributes = {"birthdate": "1980-05-31"}
    made = await post(api, "/patient/create", PERSON | {"additional_attributes": attributes})
    patient_id = made.json()["patient_id"]
    assert made.json() == {"success": True, "patient_id": patient_id, "created": True}
    again = await post(api, "/patient/create", PERSON | {"first_name": "ANA"})
    assert again.json() == {"success": True, "patient_id": patient_id, "created": False}
    found = (await post(api, "/patient/search", {"phone": "415 555 0142"})).json()
    kept = PERSON | {"patient_id": patient_id, "phone": "+14155550142", "dob": "1980-05-31"}
    assert found == {"success": True, "exists": True, "patient_id": patient_id, "patients": [kept]}


async def test_an_unknown_number_finds_no_patient(api):
    found = (await post(api, "/patient/search", {"phone": "415 555 0143"})).json()
    assert found == {"success": True, "exists": False, "patient_id": None, "patients": []}


async def test_meeting_case_and_note_are_added_to_a_patient(api):
    patient_id = await patient(api)
    requests = bodies(patient_id)
    case = (await post(api, "/case/create", requests["/case/create"])).json()
    meeting = await post(api, "/meeting/create", requests["/meeting/create"] | {"case_id": case["case_id"]})
    note = await post(api, "/note/create", requests["/note/create"])
    for answer, name in ((case, "case_id"), (meeting.json(), "meeting_id"), (note.json(), "note_id")):
        assert answer.keys() == {"success", name}
        assert uuid.UUID(answer[name])


async def test_unknown_ids_are_not_found(api):
    for path, body in bodies(NOBODY).items():
        answer = await post(api, path, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    mine, other = await patient(api), await patient(api, first_name="Leo")
    case = (await post(api, "/case/create", bodies(other)["/case/create"])).json()["case_id"]
    for case_id in (case, NOBODY, "../../x"):
        answer = await post(api, "/meeting/create", bodies(mine)["/meeting/create"] | {"case_id": case_id})
        assert (answer.status_code, answer.json()["message"]) == (404, "This patient has no such case.")


async def test_a_request_repeated_under_its_key_adds_once(api):
    key = {"Idempotency-Key": "request-1"}
    requests = bodies(await patient(api))
    for path, body in requests.items():
        first = await post(api, path, body, **key)
        assert (await post(api, path, body, **key)).json() == first.json()
        assert (await post(api, path, body)).json() != first.json()


async def test_a_key_that_was_used_for_another_request_is_refused(api):
    key = {"Idempotency-Key": "request-1"}
    for path, body in bodies(await patient(api)).items():
        assert (await post(api, path, body, **key)).status_code == 200
        answer = await post(api, path, body | {"subject": "Another one"}, **key)
        assert (answer.status_code, answer.json()["code"]) == (409, "key_reused")


async def test_a_request_sent_twice_at_once_adds_once(api):
    key = {"Idempotency-Key": "request-1"}
    for path, body in bodies(await patient(api)).items():
        answers = await asyncio.gather(*(post(api, path, body, **key) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1


async def test_a_new_patient_created_many_times_at_once_is_one(api):
    made = await asyncio.gather(*(post(api, "/patient/create", PERSON) for _ in range(4)))
    assert len({answer.json()["patient_id"] for answer in made}) == 1
    found = (await post(api, "/patient/search", {"phone": PERSON["phone"]})).json()
    assert len(found["patients"]) == 1


async def test_a_creation_repeated_under_its_key_gets_the_first_answer(api):
    key = {"Idempotency-Key": "request-1"}
    first = (await post(api, "/patient/create", PERSON, **key)).json()
    assert first["created"] is True
    assert (await post(api, "/patient/create", PERSON, **key)).json() == first


async def test_bad_fields_are_explained_in_the_one_shape(api):
    requests = {"/patient/search": {"phone": "4155550142"}, "/patient/create": PERSON} | bodies(await patient(api))
    bad = [(path, body | {"surprise": 1}) for path, body in requests.items()]
    bad += [(path, {}) for path in requests]
    bad += [("/patient/create", PERSON | {"last_name": value}) for value in ("", "  ", "x" * 101, "a\x00b", 7, None)]
    bad += [("/patient/create", PERSON | {"additional_attributes": {"birthdate": v}}) for v in (0, "1980", "x")]
    meeting = requests["/meeting/create"]
    bad += [("/meeting/create", meeting | {"duration_minutes": value}) for value in (4, 481, "30", 1.5, True, 10**30)]
    bad += [("/case/create", requests["/case/create"] | {"priority": value}) for value in ("P4", 1, None)]
    for path, body in bad:
        answer = await post(api, path, body)
        assert answer.status_code == 422, (path, body)
        assert Refusal.model_validate(answer.json()).code == "bad_field"
    for broken in (b'{"patient_id": ', b"\xff\xfe", b"", b'"\xc3('):
        answer = await api.post("/note/create", content=broken, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_field")


async def test_a_large_body_is_refused_before_it_is_read(own):
    async def endless():
        while True:
            yield b"x" * 1000

    async with client(*own) as http:
        for body in (b"x" * 65_537, endless()):
            answer = await http.post("/note/create", content=body)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_what_is_not_possible_is_said_in_a_sentence(api):
    meeting = bodies(await patient(api))["/meeting/create"]
    impossible = [
        ("/patient/search", {"phone": "123"}),
        ("/patient/create", PERSON | {"phone": "no number"}),
        ("/patient/create", PERSON | {"additional_attributes": {"birthdate": "2999-01-01"}}),
        ("/meeting/create", meeting | {"date_start": "2020-01-01T10:00"}),
        ("/meeting/create", meeting | {"date_start": "soon"}),
    ]
    for path, body in impossible:
        answer = await post(api, path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict"), path
        assert answer.json()["message"].endswith(".")


async def test_health_is_open_and_shows_the_state_of_the_crm(crm, database):
    async with client(crm, database, sent=None) as http:
        health = (await http.get("/health")).json()
    assert health["status"] == "ok"
    assert health["service"] == "crm-integration-service"
    assert health["crm_auth"] == ("not_needed" if crm.name == "own" else "ok")


# -- the token


async def test_without_the_token_nothing_is_read(own):
    async with client(*own, sent=None) as http:
        for path, sent in itertools.product(PATHS, [None, "", "wrong", TOKEN[:-1], TOKEN + "x", "ä"]):
            headers = {} if sent is None else {"Authorization": f"Bearer {sent}".encode()}
            answer = await http.post(path, content=b"not even JSON", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), (path, sent)
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_token_goes_by_the_bearer_scheme_only(own):
    async with client(*own, sent=None) as http:
        for header, status in ((f"Basic {TOKEN}", 401), (TOKEN, 401), (f"bearer {TOKEN}", 200)):
            answer = await post(http, "/patient/search", {"phone": PERSON["phone"]}, Authorization=header)
            assert answer.status_code == status


async def test_without_a_token_set_the_api_is_closed_and_says_so(own):
    async with client(*own, token=None) as http:
        for path in PATHS:
            answer = await post(http, path, {})
            assert answer.status_code == 503
            assert answer.json() == {
                "code": "closed",
                "message": "This API is closed: its operator has not set CRM_SERVICE_TOKEN.",
            }
        assert (await http.get("/health")).status_code == 200


# -- a CRM that fails


async def test_a_crm_that_fails_is_unavailable_and_health_says_so_without_asking_again_and_again(suitecrm, sqlite):
    crm = configured_crm(sqlite, Settings(**suitecrm.settings))
    suitecrm.fail(*(Fault("token") for _ in range(3)))
    async with client(crm, sqlite) as http:
        for path, body in bodies(NOBODY).items():
            answer = await post(http, path, body)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
        suitecrm.fail(*(Fault("token") for _ in range(5)))
        for _ in range(5):
            health = (await http.get("/health")).json()
            assert (health["status"], health["crm_auth"]) == ("degraded", "failed")
    await crm.close()
    assert len(suitecrm._faults) == 4


async def test_a_request_that_failed_may_be_repeated_under_its_key(suitecrm, sqlite):
    crm = configured_crm(sqlite, Settings(**suitecrm.settings))
    async with client(crm, sqlite) as http:
        body = bodies(await patient(http))["/note/create"]
        suitecrm.fail(*(Fault("POST") for _ in range(5)))
        key = {"Idempotency-Key": "one"}
        assert (await post(http, "/note/create", body, **key)).status_code == 503
        suitecrm._faults.clear()
        assert (await post(http, "/note/create", body | {"content": "Other words"}, **key)).status_code == 200
    await crm.close()
    (note,) = suitecrm.records["Notes"].values()
    assert note["description"] == "Other words"


async def test_a_patient_that_staff_have_deleted_is_created_anew(suitecrm, sqlite):
    crm = configured_crm(sqlite, Settings(**suitecrm.settings))
    async with client(crm, sqlite) as http:
        first = await patient(http)
        del suitecrm.records["Contacts"][first]
        second = await patient(http)
        assert second != first
        assert await patient(http) == second
    await crm.close()


async def test_a_database_that_is_down_makes_the_api_unavailable():
    database = Database(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/none")
    async with client(configured_crm(database, Settings()), database) as http:
        assert (await post(http, "/patient/search", {"phone": PERSON["phone"]})).status_code == 503
        assert (await http.get("/health")).json()["status"] == "degraded"
    await database.close()


# -- the OpenAPI document


async def test_every_answer_is_documented(own):
    async with client(*own) as http:
        document = (await http.get("http://crm/openapi.json")).json()
    assert set(document["paths"]) == {f"/crm{path}" for path in [*PATHS, "/health"]}
    for path in PATHS:
        operation = document["paths"][f"/crm{path}"]["post"]
        assert set(operation["responses"]) == {"200", "401", "404", "409", "413", "422", "503"}
        assert operation["security"] == [{"HTTPBearer": []}]
        for status in ("401", "404", "409", "413", "422", "503"):
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Refusal"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
FIELD_NAMES = ["patient_id", "subject", "content", "description", "date_start", "phone", "first_name", "last_name"]


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), JSON_VALUES | st.dictionaries(st.sampled_from(FIELD_NAMES), JSON_VALUES))
async def test_any_body_gets_an_answer_that_is_documented(own, path, body):
    async with client(*own) as http:
        answer = await post(http, path, body)
    assert answer.status_code in {200, 404, 409, 422}
    if answer.status_code != 200:
        Refusal.model_validate(answer.json())
