"""Both HTTP APIs against their own OpenAPI documents: schemathesis makes the requests, good and bad, and judges."""

import asyncio
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from convonet.auth.throttle import LocalThrottle
from convonet.domains.crm.application import application as crm_application
from convonet.domains.hanok.application import application as hanok_application
from convonet.domains.hanok.visits import Visits
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.fixtures.ports import free_port

NO_LIMIT = 10**9
"""What an address may do: else 429 would be all there is to see."""

TOKEN = "a service token of thirty-two characters"
PASSWORD = "correct horse battery"
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
        await migrate(product.database_url)
        database = Database(product.database_url)
        await StaffAccounts(database).add("dora", "Dora Example", Role.AGENT, PASSWORD)
        await database.close()

    asyncio.run(prepare())
    return product


@pytest.fixture(scope="module")
def hanok(product):
    visits = Visits(NO_LIMIT, misses=NO_LIMIT, bookings=NO_LIMIT)
    throttle = LocalThrottle(product)
    with serving(hanok_application(Database(product.database_url), product, throttle, visits)) as url:
        yield url


@pytest.fixture(scope="module")
def staff(hanok):
    """What a browser sends whose person has logged in."""
    login = {"username": "dora", "password": PASSWORD}
    answer = httpx.post(f"{hanok}/staff/api/login", json=login, headers={"Origin": hanok})
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Origin": hanok}


@pytest.fixture(scope="module")
def crm(product):
    with serving(crm_application(Database(product.database_url), product)) as url:
        yield url


def test_the_restaurant_answers_as_its_document_says(hanok, staff):
    assert_keeps_its_word(hanok, staff)


def test_the_crm_answers_as_its_document_says(crm):
    assert_keeps_its_word(crm, {"Authorization": f"Bearer {TOKEN}"})


def assert_keeps_its_word(url, headers):
    """Each operation is asked for what its schema allows, and for what it does not."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for operation in (found.ok() for found in schema.get_all_operations()):
        for mode in schemathesis.GenerationMode:
            with suppress(Unsatisfiable):  # an operation without arguments has no wrong ones

                @EXAMPLES
                @given(case=operation.as_strategy(generation_mode=mode))
                def answers(case):
                    case.call_and_validate(headers=headers)

                answers()
