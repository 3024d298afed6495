"""Staff accounts: right and wrong passwords, and links that work once."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from convonet.cli import app
from convonet.core.errors import AuthRefused, DomainError
from convonet.settings import get_settings
from convonet.staff.accounts import Role, StaffRow
from convonet.staff.links import first_link
from convonet.staff.tokens import read_link
from convonet.storage.migrate import migrate
from tests.staff.conftest import PASSWORD


async def test_the_right_password_is_recognized_whatever_the_case_of_the_name(accounts, dora):
    assert await accounts.verify_password(" DORA ", PASSWORD) == dora


@pytest.mark.parametrize(("username", "password"), [("dora", "wrong"), ("nobody", PASSWORD), ("dora", "")])
async def test_wrong_name_and_wrong_password_are_refused_alike(accounts, dora, username, password):
    with pytest.raises(AuthRefused) as refusal:
        await accounts.verify_password(username, password)
    assert refusal.value.spoken == AuthRefused.spoken


async def test_an_account_without_a_password_has_none_that_works(accounts):
    await accounts.add_member("linked", "Linked Example", Role.SUPERVISOR, None)
    for password in ("", "None", "!"):
        with pytest.raises(AuthRefused):
            await accounts.verify_password("linked", password)


async def test_the_password_is_kept_as_an_argon2_hash_only(accounts, dora, database):
    async with database.transaction() as session:
        stored = (await session.get(StaffRow, dora.id)).password_hash
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


@pytest.mark.parametrize("password", ["short", "x" * 201])
async def test_a_bad_password_makes_no_account(accounts, password):
    with pytest.raises(DomainError):
        await accounts.add_member("eve", "Eve Example", Role.AGENT, password)
    assert await accounts.is_empty()


async def test_a_name_is_taken_once(accounts, dora):
    with pytest.raises(DomainError, match="taken"):
        await accounts.add_member("dora", "Another", Role.AGENT, PASSWORD)


async def test_a_link_works_once_even_when_it_is_clicked_twice_at_once(accounts, dora):
    link = await accounts.next_link("dora")
    answers = await asyncio.gather(*(accounts.use_link(*link) for _ in range(5)), return_exceptions=True)
    assert answers.count(dora) == 1
    assert sum(isinstance(answer, AuthRefused) for answer in answers) == 4


async def test_a_new_link_ends_the_one_before(accounts, dora):
    old, new = await accounts.next_link("dora"), await accounts.next_link("dora")
    with pytest.raises(AuthRefused):
        await accounts.use_link(*old)
    assert await accounts.use_link(*new) == dora


async def test_who_left_and_who_logged_out_has_no_session(accounts, dora, database):
    began = datetime.now(UTC)
    assert await accounts.member_of_session(dora.id, began) == dora
    await accounts.end_sessions(dora.id)
    with pytest.raises(AuthRefused):
        await accounts.member_of_session(dora.id, began)
    later = began + timedelta(minutes=1)
    assert await accounts.member_of_session(dora.id, later) == dora
    async with database.transaction() as session:
        (await session.get(StaffRow, dora.id)).is_active = False
    with pytest.raises(AuthRefused):
        await accounts.member_of_session(dora.id, later)
    with pytest.raises(AuthRefused):
        await accounts.next_link("dora")


def test_an_operator_adds_people_and_makes_links_at_the_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVONET_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    asyncio.run(migrate(get_settings().storage.database_url))
    add = ["staff", "add", "dora", "--name", "Dora Example", "--role", "supervisor"]
    added = CliRunner().invoke(app, add, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert added.exit_code == 0, added.output
    assert PASSWORD not in added.output
    link = CliRunner().invoke(app, ["staff", "link", "dora"])
    assert link.output.startswith("http://127.0.0.1:8000/")
    assert _landing(link) == ("/hanok/staff/link", "/hanok/admin")
    # an agent with a desk begins there
    assert CliRunner().invoke(app, ["staff", "add", "eve", "--name", "Eve", "--password", PASSWORD]).exit_code == 0
    assert _landing(CliRunner().invoke(app, ["staff", "link", "eve"])) == ("/hanok/staff/link", "/hanok/admin")
    assert CliRunner().invoke(app, ["staff", "desk", "eve", "--extension", "2002"]).exit_code == 0
    assert _landing(CliRunner().invoke(app, ["staff", "link", "eve"])) == ("/call-center/staff/link", "/call-center")
    assert CliRunner().invoke(app, ["staff", "link", "nobody"]).exit_code != 0
    get_settings.cache_clear()


def _landing(printed):
    """Where a printed link logs in, and where it leads."""
    parts = urlsplit(printed.output.strip())
    return parts.path, parse_qs(parts.query)["to"][0]


async def test_the_owner_gets_a_new_link_at_every_start(accounts):
    secret = b"a secret of thirty-two characters"
    first = await first_link(accounts, "http://desk", secret=secret)
    second = await first_link(accounts, "http://desk", secret=secret)
    assert first.startswith("http://desk/hanok/staff/link?")
    assert first != second
    assert (await accounts.use_link(*read_link(parse_qs(urlsplit(second).query)["token"][0], secret=secret))).username


async def test_where_others_have_accounts_no_owner_is_made(accounts, dora):
    assert await first_link(accounts, "http://desk", secret=b"a secret of thirty-two characters") is None
    with pytest.raises(AuthRefused):
        await accounts.next_link("owner")
