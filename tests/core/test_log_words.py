"""The logs of a whole turn at level debug: ids on every line, and no word, PIN or number of the caller."""

import asyncio
import io
import json
import logging
import re

import pytest
import structlog

from convonet.core.errors import SettingsError
from convonet.core.logs import COMPONENTS, configure, levels_by_component
from convonet.domains.todo.todos.service import TodoService
from convonet.settings import Settings
from tests.agents.conftest import running_world
from tests.e2e.product import ROOT
from tests.sessions.doubles import PIN, World
from tests.virtual_time import virtual_time

SAID = "add buy zucchini for 415-555-0123 to my todo list"
MARKS = ("zucchini", "415-555-0123", "4155550123", PIN)


@pytest.fixture
def written():
    """`written(level, …)` switches the logs of this process on and returns where the lines go."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level

    def switch_on(level, **more):
        configure(level, stream, **more)
        return stream

    yield switch_on
    configure("info")
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def one_turn(tmp_path, *, fails_with=None, monkeypatch=None):
    """A spoken turn from relay to tool server, all in this process; the tool may crash."""
    if fails_with is not None:

        async def crashes(*_, **__):
            raise fails_with

        monkeypatch.setattr(TodoService, "create", crashes)
    async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as agents:
        world = World(agent=agents.agent, caller=await agents.caller())
        world.stt.hears = SAID
        async with world.client() as client:
            await client.until("auth_required")
            client.say("authenticate", pin="0000")
            await client.until("error")
            client.say("authenticate", pin=PIN)
            await client.until("greeting")
            client.speak()
            answer = await client.answer()
            client.say("text_input", text=f"my number is 415-555-0123 and my pin is {PIN}")
            await client.answer()
        await world.end()
        return answer


@pytest.mark.parametrize("crash", [None, KeyError("zucchini"), ValueError("no zucchini for 415-555-0123")])
async def test_a_turn_leaves_no_word_of_the_caller_in_any_line(written, tmp_path, monkeypatch, crash):
    stream = written("debug")
    await one_turn(tmp_path, fails_with=crash, monkeypatch=monkeypatch)
    events = {line["event"] for line in lines(stream)}
    assert events >= {"heard", "routed", "tool_called", "tool_answered", "answered", "caller_refused"}
    assert ("tool_crashed" in events) == (crash is not None)
    told = stream.getvalue()
    assert [mark for mark in MARKS if mark in told] == []


async def test_words_are_in_debug_lines_when_they_are_allowed_and_secrets_never(written, tmp_path):
    stream = written("debug", words=True)
    await one_turn(tmp_path)
    told = stream.getvalue()
    assert "add buy zucchini for" in told
    assert "my number is *** and my pin is ***" in told
    assert [secret for secret in (PIN, "415-555-0123") if secret in told] == []
    assert all(line["level"] == "debug" for line in lines(stream) if "zucchini" in json.dumps(line))


async def test_every_line_of_a_turn_bears_its_ids(written, tmp_path, traced):
    tracing, stream = traced(), written("debug")
    await one_turn(tmp_path)
    tracing.flush()
    told = [line for line in lines(stream) if line["event"] in ("heard", "routed", "tool_called", "answered")]
    assert {line["logger"].rsplit(".", 2)[1] for line in told} == {"sessions", "agents", "mcp"}
    first = [line for line in told if line["turn_id"] == told[0]["turn_id"]]
    assert [line["event"] for line in first] == ["heard", "routed", "tool_called", "answered"]
    assert len({(line["session_id"], line["trace_id"]) for line in first}) == 1
    assert {span.trace_id for span in tracing.collector.named("turn")} == {line["trace_id"] for line in told}


@virtual_time
async def test_each_component_has_a_level_of_its_own(written):
    stream = written("warning", levels={"session": "debug", "gateway": "error"})
    async with (world := World()).caller() as client:
        client.say("text_input", text=SAID)
        await client.answer()
        await asyncio.sleep(1)
    await world.end()
    assert {line["logger"] for line in lines(stream)} == {"convonet.sessions.turn"}
    logging.getLogger("some.library").info("quiet")
    logging.getLogger("some.library").warning("loud")
    assert lines(stream)[-1]["event"] == "loud"


def test_libraries_never_say_more_than_info(written):
    stream = written("debug", levels={"libraries": "debug"})
    logging.getLogger("some.library").debug("the whole request")
    logging.getLogger("some.library").info("a request")
    logging.getLogger("twilio.http_client").info("the whole request")
    assert [line["event"] for line in lines(stream)] == ["a request"]


def test_levels_by_component_are_read_from_one_setting(monkeypatch):
    assert levels_by_component(" speech=debug, agent=warning ,") == {"speech": "debug", "agent": "warning"}
    assert levels_by_component("") == {}
    for wrong, named in (("speach=debug", "'speach' is none of the parts gateway"), ("speech=loud", "debug, info")):
        monkeypatch.setenv("CONVONET_LOG_LEVELS", wrong)
        with pytest.raises(SettingsError, match=f"CONVONET_LOG_LEVELS.*{named}"):
            Settings.load()


def test_every_module_that_logs_belongs_to_a_component():
    covered = tuple(name for names in COMPONENTS.values() for name in names if name)
    for folder in ("convonet", "actors", "deployments"):
        for file in (ROOT / folder).rglob("*.py"):
            if re.search(r"^log = structlog", file.read_text(), re.MULTILINE):
                module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                assert any(module == name or module.startswith(f"{name}.") for name in covered), module
