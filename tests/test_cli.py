"""What an operator does for callers at the command line."""

import asyncio
import uuid

import pytest
from typer.testing import CliRunner

from convonet.agent_api.callers import Callers
from convonet.auth.tokens import read_caller_token
from convonet.cli import app
from convonet.ids import DEMO_USER_ID
from convonet.settings import get_settings
from convonet.storage.database import Database
from convonet.storage.users import DEMO_EMAIL


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


async def _model_of_demo():
    database = Database(get_settings().database_url)
    caller = await Callers(database, "UTC").find(uuid.UUID(DEMO_USER_ID))
    await database.close()
    return caller.llm_provider
