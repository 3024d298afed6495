"""`convonet model check` on servers that can serve callers, and on servers that can't."""

import asyncio
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from convonet.agents.models.server_check import Server, check_server
from convonet.cli import app
from convonet.settings import get_settings
from tests.fixtures.ports import free_port
from tests.vendors import openai
from tests.vendors.chat import MODEL, ChatServer, Reply

COUNTED = Reply("One, two, three, four, five, six, seven.", pace_s=0.005)
CALL = Reply(calls=(("get_weather", {"city": "Paris"}),))
TOLD = Reply("It is sunny in Paris, with 21 degrees.")
SCHEMA = Reply('{"city": "Paris"}')
GOOD = {"counted": COUNTED, "forced": CALL, "by itself": CALL, "told": TOLD, "schema": SCHEMA}


def replies(**other):
    """What a good server answers to the questions in their order, but for these."""
    by_name = GOOD | {name.replace("_", " "): reply for name, reply in other.items()}
    counted = by_name.pop("counted")
    return [*[counted] * 4, *(reply for reply in by_name.values() if reply is not None)]


async def findings(server, model=None):
    return [finding async for finding in check_server(Server(f"{server.url}/v1", model))]


def of(found, subject, number=0):
    return [finding for finding in found if finding.subject == subject][number]


async def checked(script, **server):
    async with ChatServer(openai.WIRE, replies=script, **server) as chat:
        return await findings(chat)


async def test_a_server_that_can_serve_callers_has_no_fault():
    found = await checked(replies())
    assert [finding.subject for finding in found] == [
        *("server", "model", "stream", "end", "first word", "speed", "tool", "tool", "result", "schema")
    ]
    assert [finding for finding in found if not finding.ok] == []
    assert MODEL in of(found, "model").says
    assert "LLM_SERVER=vllm" in of(found, "end").says
    assert "'city': 'Paris'" in of(found, "tool", 1).says
    assert "sunny" in of(found, "result").says


@pytest.mark.parametrize(
    ("script", "subject", "number", "advice"),
    [
        (replies(counted=Reply("Sorry.")), "stream", 0, "proxy"),
        (replies(counted=Reply(COUNTED.text, says_why=False)), "end", 0, "LLM_SERVER=compatible"),
        (replies(counted=Reply(COUNTED.text, fault="closed")), "stream", 0, "its log"),
        (replies(forced=Reply(status=400)), "tool", 0, "--enable-auto-tool-choice"),
        (replies(by_itself=Reply("It is sunny, I think."), told=None), "tool", 1, "too small"),
        (replies(by_itself=Reply('<tool_call>{"name": '), told=None), "tool", 1, "--tool-call-parser"),
        (replies(by_itself=Reply('{"name": "get_weather"'), told=None), "tool", 1, "--jinja"),
        (replies(told=Reply(calls=(("get_weather", {"city": "Paris"}),))), "result", 0, "another model"),
        (replies(schema=Reply("It is sunny.")), "schema", 0, "do not need"),
        (replies(counted=replace(COUNTED, thoughts="They want me to count.")), "thoughts", 0, "does not think"),
        ([Reply(status=404)], "answer", 0, "LLM_MODEL"),
        ([Reply(status=401)], "answer", 0, "LLM_API_KEY"),
        ([Reply(status=500)], "answer", 0, "log"),
    ],
)
async def test_each_fault_is_found_and_comes_with_advice(script, subject, number, advice):
    found = await checked(script)
    finding = of(found, subject, number)
    assert not finding.ok
    assert advice in finding.advice
    assert all(other.ok for other in found if other.subject not in (subject, "first word", "speed", "tool"))


async def test_a_slow_server_is_told_from_a_fast_one():
    (slow,) = [f for f in await checked(replies(counted=Reply("One, two, three.", delay_s=1.5))) if not f.ok]
    assert (slow.subject, slow.needed) == ("first word", False)
    assert "filler" in slow.advice


async def test_of_several_models_one_has_to_be_named_and_a_wrong_name_is_refused():
    async with ChatServer(openai.WIRE, replies=replies(), models={"qwen": "vllm", "smollm": "vllm"}) as chat:
        unnamed, wrong = (await findings(chat), await findings(chat, "llama"))
        assert [(found[-1].subject, found[-1].ok) for found in (unnamed, wrong)] == [("model", False)] * 2
        assert "qwen, smollm" in unnamed[-1].says
        assert "There is no llama" in wrong[-1].says
        assert chat.asked == []
        assert (await findings(chat, "qwen"))[1].ok
        assert {asked.body["model"] for asked in chat.asked} == {"qwen"}


async def test_a_server_that_is_not_there_is_said_with_how_to_start_one():
    found = [finding async for finding in check_server(Server(f"http://127.0.0.1:{free_port()}/v1"))]
    assert [(finding.subject, finding.ok) for finding in found] == [("server", False)]
    assert "ollama serve" in found[0].advice


@pytest.fixture
def command(monkeypatch):
    get_settings.cache_clear()
    yield lambda *words: asyncio.to_thread(CliRunner().invoke, app, ["model", "check", *words])
    get_settings.cache_clear()


async def test_the_command_prints_its_checks_and_sets_the_exit_code(command, monkeypatch):
    async with ChatServer(openai.WIRE, replies=replies()) as chat:
        good = await command("--url", f"{chat.url}/v1")
        assert good.exit_code == 0, good.output
        assert "It can serve callers" in good.output
        chat.replies = replies(by_itself=Reply("I don't know."), told=None)
        bad = await command("--url", f"{chat.url}/v1", "--model", MODEL)
        assert bad.exit_code == 1
        assert "NO tool" in bad.output
        assert "It can't serve callers" in bad.output
        monkeypatch.setenv("LLM_BASE_URL", f"{chat.url}/v1")
        monkeypatch.setenv("LLM_MODEL", MODEL)
        monkeypatch.setenv("LLM_API_KEY", "secret")
        get_settings.cache_clear()
        chat.replies = replies()
        assert (await command()).exit_code == 0
        assert chat.asked[-1].headers["authorization"] == "Bearer secret"


async def test_without_a_server_the_command_says_how_to_name_one(command):
    assert "--url" in str((await command()).exception)
