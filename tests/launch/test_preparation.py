"""The first start: the owner and a demo desk in the embedded database, and nothing unasked in an operator's."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from convonet.core.errors import AuthRefused
from convonet.demo import DEMO_DESK, DEMO_DESK_ID
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts, Telephone
from convonet.staff.tokens import read_link
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from deployments.launch.preparation import prepare
from deployments.launch.staff_links import StaffLinks

URL = "http://127.0.0.1:8000"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVONET_DATA_DIR", str(tmp_path))
    return Settings.load()


@pytest.fixture
async def accounts(settings):
    await migrate(settings.storage.database_url)
    database = Database(settings.storage.database_url)
    yield StaffAccounts(database)
    await database.close()


async def started():
    return StaffLinks.from_json(await asyncio.to_thread(prepare, URL))


async def opened(link, accounts, settings):
    """The person whom a link logs in."""
    token = parse_qs(urlsplit(link).query)["token"][0]
    return await accounts.use_link(*read_link(token, secret=settings.signing_secret))


async def test_the_embedded_database_has_an_owner_and_a_demo_desk_with_links_that_work_once(accounts, settings):
    links = await started()
    assert links.owner.startswith(f"{URL}/hanok/staff/link?")
    assert links.demo_desk.startswith(f"{URL}/call-center/staff/link?")
    desk = await opened(links.demo_desk, accounts, settings)
    assert (desk.username, desk.display_name, desk.role) == ("desk", "Demo desk", Role.AGENT)
    assert desk.telephone == Telephone("2001", ("support",))
    with pytest.raises(AuthRefused):
        await opened(links.demo_desk, accounts, settings)
    assert (await opened(links.owner, accounts, settings)).role is Role.SUPERVISOR


@pytest.mark.parametrize("password", ["", "desk", "demo", "None"])
async def test_no_password_opens_the_demo_desk(accounts, password):
    await started()
    with pytest.raises(AuthRefused):
        await accounts.verify_password(DEMO_DESK, password)


async def test_a_new_start_prints_new_links_and_leaves_the_desk_as_it_was_changed(accounts, settings):
    first = await started()
    changed = Telephone("2005", ())
    await accounts.set_telephone(DEMO_DESK, changed)
    second = await started()
    with pytest.raises(AuthRefused):
        await opened(first.demo_desk, accounts, settings)
    assert (await opened(second.demo_desk, accounts, settings)).telephone == changed


async def test_a_start_that_was_cut_off_is_completed_by_the_next(accounts, settings):
    await accounts.add_member(DEMO_DESK, "Demo desk", Role.AGENT, None, staff_id=DEMO_DESK_ID)
    links = await started()
    assert (await opened(links.demo_desk, accounts, settings)).telephone == Telephone("2001", ("support",))


async def test_somebody_else_of_that_name_gets_no_link(accounts):
    member = await accounts.add_member(DEMO_DESK, "Desk Example", Role.SUPERVISOR, "correct horse battery")
    links = await started()
    assert (links.owner, links.demo_desk) == (None, None)
    assert member.id != DEMO_DESK_ID
    assert (await accounts.find_member(DEMO_DESK)).telephone is None


async def test_an_operators_database_gets_no_demo_desk(monkeypatch, tmp_path, fresh_database):
    monkeypatch.setenv("CONVONET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DB_URI", fresh_database)
    links = await started()
    assert links.owner
    assert links.demo_desk is None
    database = Database(Settings.load().storage.database_url)
    assert await StaffAccounts(database).find_member(DEMO_DESK) is None
    await database.close()
