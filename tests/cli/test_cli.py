"""The commands by which an operator helps callers and staff."""

import asyncio
import uuid
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from convonet.agent_api.callers import Callers
from convonet.auth.tokens import read_caller_token
from convonet.cli import app
from convonet.core.ids import DEMO_USER_ID
from convonet.settings import get_settings
from convonet.staff.accounts import StaffAccounts, Telephone, sip_ha1
from convonet.storage.database import Database
from convonet.storage.users import DEMO_EMAIL
from convonet.telephony.call_log import CallBackRow, CallLog
from tests.telephone import TELEPHONE
from tests.vendors.twilio import ACCOUNT, TOKEN, TwilioServer


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs a command on a database that is ready for use."""
    monkeypatch.setenv("CONVONET_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    for preparation in ("migrate", "seed", "seed"):
        assert CliRunner().invoke(app, [preparation]).exit_code == 0
    yield lambda *words: CliRunner().invoke(app, words)
    get_settings.cache_clear()


def test_an_operator_gets_a_token_for_a_caller_and_none_for_a_stranger(command):
    token = command("token", "--minutes", "5").output.strip()
    claims = read_caller_token(token, secret=get_settings().signing_secret)
    assert (claims.user_id, claims.user_name) == (DEMO_USER_ID, "Demo")
    assert command("token", "nobody@example.com").exit_code != 0


@pytest.mark.parametrize(("provider", "kept"), [("gemini", "google"), ("hal", "openai"), ("default", None)])
def test_an_operator_chooses_a_callers_model(command, provider, kept):
    command("model", DEMO_EMAIL, "openai")
    assert (command("model", DEMO_EMAIL, provider).exit_code == 0) == (provider != "hal")
    assert asyncio.run(_model_of_demo()) == kept


WORD = "correct horse battery"
DESK = ("staff", "desk", "dora", "--extension", "2001")


def test_an_operator_makes_somebody_a_desk_without_a_telephone(command):
    assert command("staff", "add", "dora", "--name", "Dora", "--password", WORD).exit_code == 0
    assert asyncio.run(_member("dora", WORD)).telephone is None
    assert command(*DESK, "--departments", "support,cooking").exit_code != 0
    assert command("staff", "desk", "nobody", *DESK[3:]).exit_code != 0
    assert command("staff", "desk", "dora", "--extension", "").exit_code != 0
    made = command(*DESK, "--departments", "support, sales")
    assert made.output == "dora takes calls at extension 2001 now, without a SIP account.\n"
    assert asyncio.run(_member("dora", WORD)).telephone == Telephone("2001", ("support", "sales"))
    # everything is said anew: without --departments they serve all
    assert command("staff", "desk", "dora", "--extension", "2002").exit_code == 0
    assert asyncio.run(_member("dora", WORD)).telephone == Telephone("2002", ())


@pytest.mark.parametrize("name", ["desk", "telephone"])
def test_an_operator_gives_a_desk_its_sip_account(command, monkeypatch, name):
    assert command("staff", "add", "dora", "--name", "Dora", "--password", WORD).exit_code == 0
    telephone = ("staff", name, *DESK[2:], "--sip-password", "secret")
    # the PBX checks the password together with its domain
    refused = command(*telephone)
    assert refused.exit_code != 0
    assert "FREEPBX_DOMAIN" in refused.output
    for variable, value in TELEPHONE.items():
        monkeypatch.setenv(variable, value)
    get_settings.cache_clear()
    made = command(*telephone)
    assert made.output == "dora takes calls at extension 2001 now.\n"
    assert asyncio.run(_member("dora", WORD)).telephone == Telephone("2001", (), sip_ha1("2001", "pbx.test", "secret"))
    # the account is theirs until the desk is made without one
    assert command(*DESK).exit_code == 0
    assert asyncio.run(_member("dora", WORD)).telephone == Telephone("2001", ())


def test_a_sip_password_is_asked_for_unless_it_is_in_the_command(command, monkeypatch):
    assert command("staff", "add", "dora", "--name", "Dora", "--password", WORD).exit_code == 0
    for variable, value in TELEPHONE.items():
        monkeypatch.setenv(variable, value)
    get_settings.cache_clear()
    made = CliRunner().invoke(app, [*DESK, "--sip"], input="secret\n")
    assert made.exit_code == 0, made.output
    assert "secret" not in made.output
    assert asyncio.run(_member("dora", WORD)).telephone.ha1 == sip_ha1("2001", "pbx.test", "secret")


def test_an_operator_sees_who_waits_to_be_called_back(command):
    assert command("call-backs", "list").output == ""
    one = asyncio.run(_call_back())
    listed = command("call-backs", "list").output
    assert str(one) in listed
    assert "+14155550142" in listed
    # without a telephone nobody can be called
    assert command("call-backs", "place", str(one), "--extension", "2001").exit_code != 0


async def test_an_operator_calls_a_caller_back(command, monkeypatch):
    one = await _call_back()
    place = ("call-backs", "place", str(one), "--extension", "2001")
    async with TwilioServer() as twilio:
        own = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_BASE_URL": twilio.url}
        for name, value in {**TELEPHONE, **own, "TWILIO_PHONE_NUMBER": "+14155550100"}.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        for refusal in (401, 429, 500):
            twilio.refusals = [refusal]
            failed = await asyncio.to_thread(command, *place)
            assert failed.exit_code != 0
            assert f"Twilio answered {refusal}" in str(failed.exception)
            assert not twilio.calls
            assert str(one) in (await asyncio.to_thread(command, "call-backs", "list")).output
        placed = await asyncio.to_thread(command, *place)
        (call,) = twilio.calls
        assert placed.output == f"Calling Demo ({call.sid}).\n"
        assert (call.form["To"], call.form["From"]) == ("+14155550142", "+14155550100")
        dial = ElementTree.fromstring(call.form["Twiml"]).find("Dial")
        assert dial.get("callerId") == "+14155550100"
        assert dial.find("Sip").text == "sip:2001@pbx.test;transport=udp"
        assert (await asyncio.to_thread(command, "call-backs", "list")).output == ""
        assert await _called_back_by(one) == "extension 2001"
        # nobody is called twice
        assert (await asyncio.to_thread(command, *place)).exit_code != 0
        assert len(twilio.calls) == 1


async def _called_back_by(call_back_id):
    database = Database(get_settings().storage.database_url)
    async with database.reading() as session:
        row = await session.get(CallBackRow, call_back_id)
    await database.close()
    return row.done_by


async def _member(username, password):
    database = Database(get_settings().storage.database_url)
    member = await StaffAccounts(database).verify_password(username, password)
    await database.close()
    return member


async def _call_back():
    database = Database(get_settings().storage.database_url)
    row = CallBackRow(
        id=uuid.uuid4(),
        transfer_id="h-1",
        user_id=DEMO_USER_ID,
        caller_name="Demo",
        phone="+14155550142",
        department="support",
        reason="my list",
        asked_at=datetime.now(UTC),
    )
    row_id = row.id
    await CallLog(database).add_call_back(row)
    await database.close()
    return row_id


async def _model_of_demo():
    database = Database(get_settings().storage.database_url)
    caller = await Callers(database, "UTC").find(uuid.UUID(DEMO_USER_ID))
    await database.close()
    return caller.llm_provider
