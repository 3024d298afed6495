"""Both HTTP APIs against their own OpenAPI documents: schemathesis makes the requests, good and bad, and judges."""

import asyncio
import itertools
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from convonet.domains.crm.http import application as crm_application
from convonet.domains.hanok.http import application as hanok_application
from convonet.domains.hanok.rate_limits import AddressLimits
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts
from convonet.staff.http import COOKIE
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.fixtures.ports import free_port
from tests.fixtures.sqlite import inline_throttle

NO_LIMIT = 10**9
"""High limits for an address: else all answers would be 429."""

TOKEN = "a service token of thirty-two characters"
PASSWORD = "correct horse battery"
PHONE = "+14155550142"
EXAMPLES = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=False
)


@contextmanager
def serving(app):
    """The application in a thread of its own, since schemathesis waits for each answer."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """Settings with an embedded database that a member of staff can log in to."""
    product = Settings(CONVONET_DATA_DIR=tmp_path_factory.mktemp("apis"), CRM_SERVICE_TOKEN=TOKEN)

    async def prepare():
        await migrate(product.storage.database_url)
        database = Database(product.storage.database_url)
        await StaffAccounts(database).add_member("dora", "Dora Example", Role.AGENT, PASSWORD)
        await database.close()

    asyncio.run(prepare())
    return product


@pytest.fixture(scope="module")
def hanok(product):
    visits = AddressLimits(NO_LIMIT, misses=NO_LIMIT, bookings=NO_LIMIT)
    throttle = inline_throttle(product)
    with serving(hanok_application(Database(product.storage.database_url), product, throttle, visits)) as url:
        yield url


@pytest.fixture(scope="module")
def staff(hanok):
    """What a browser sends whose person has logged in."""
    login = {"username": "dora", "password": PASSWORD}
    answer = httpx.post(f"{hanok}/staff/api/login", json=login, headers={"Origin": hanok})
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Origin": hanok}


@pytest.fixture(scope="module")
def crm(product):
    with serving(crm_application(Database(product.storage.database_url), product)) as url:
        yield url


class Restaurant:
    """A book with reservations that requests can be about, each used by one operation only."""

    def __init__(self, url):
        self._url = url
        self._phones = (f"+1415555{number:04}" for number in itertools.count(100))
        self._times = self._open_times()
        self._of = {}

    def make_real(self, case):
        """Let the request be about what is there, at a time when the restaurant is open."""
        known = self._of.get(case.operation.label) or self._of.setdefault(case.operation.label, self._book())
        real = {
            "code": known["confirmation_code"],
            "reservation_id": known["id"],
            "guest_phone": known["guest_phone"],
            "date": known["starts_at"][:10],
            "starts_at": known["starts_at"],
        }
        if case.operation.label == "POST /api/reservations":
            real |= {"guest_phone": next(self._phones), "starts_at": next(self._times)}
        replace(case, real)

    def _book(self):
        body = {
            "guest_name": "Kim Example",
            "guest_phone": next(self._phones),
            "party_size": 2,
            "starts_at": next(self._times),
        }
        answer = httpx.post(f"{self._url}/api/reservations", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json() | {"guest_phone": body["guest_phone"], "starts_at": body["starts_at"]}

    def _open_times(self):
        for ahead in itertools.cycle(range(3, 50)):
            day = datetime.now(UTC).date() + timedelta(days=ahead)
            params = {"date": day.isoformat(), "party_size": 2}
            found = httpx.get(f"{self._url}/api/reservations/seating/availability", params=params).json()
            if found["opens_at"] is not None:
                yield f"{day.isoformat()}T18:00"


class Clinic:
    """A CRM with a patient and a case that requests can be about."""

    def __init__(self, url):
        def add(path, **body):
            answer = httpx.post(f"{url}{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
            return answer.raise_for_status().json()

        patient = add("/patient/create", first_name="Ana", last_name="Example", phone=PHONE)["patient_id"]
        case = add("/case/create", patient_id=patient, subject="Cough", description="A cough")["case_id"]
        start = datetime.now(UTC) + timedelta(days=7)
        self._real = {"patient_id": patient, "case_id": case, "phone": PHONE, "date_start": start.isoformat()}

    def make_real(self, case):
        """Let the request be about who and what is there."""
        replace(case, self._real)


def replace(case, real):
    """Put real values where the request names such fields."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part |= {name: value for name, value in real.items() if name in part}


def test_the_restaurant_answers_as_its_document_says(hanok, staff):
    assert_keeps_its_word(hanok, staff, Restaurant(hanok))


def test_the_crm_answers_as_its_document_says(crm):
    assert_keeps_its_word(crm, {"Authorization": f"Bearer {TOKEN}"}, Clinic(crm))


def assert_keeps_its_word(url, headers, world):
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for operation in (found.ok() for found in schema.get_all_operations()):
        assert_does_what_is_right(operation, headers, world)
        assert_refuses_what_is_wrong(operation, headers)


def assert_does_what_is_right(operation, headers, world):
    """What the schema allows is answered as it says, and at least once it is done."""
    statuses = set()

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def answers(case):
        world.make_real(case)
        statuses.add(case.call_and_validate(headers=headers).status_code)

    answers()
    assert any(status < 300 for status in statuses), f"{operation.label} never did it: {statuses}"


def assert_refuses_what_is_wrong(operation, headers):
    """What the schema does not allow is answered as it says too."""

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def answers(case):
        # a request whose fault is that it has no cookie must not get ours
        without = {name: value for name, value in headers.items() if name != "Cookie"}
        known = headers if COOKIE in (case.cookies or {}) else without
        case.call_and_validate(headers=known)

    with suppress(Unsatisfiable):  # an operation without arguments has no wrong ones
        answers()
