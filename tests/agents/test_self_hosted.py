"""A self-hosted server (vLLM, Ollama, llama.cpp): its name, speech in its text, and its prompt cache."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convonet.agents.models.base import (
    CallPart,
    ModelRequest,
    Stop,
    SystemPrompt,
    TextPart,
    Toolset,
    UserMessage,
)
from convonet.agents.models.failures import ModelFailed
from convonet.agents.models.openai import Demand, SelfHostedClient
from convonet.agents.models.speech_filter import CALL_AS_TEXT, SpeechFilter, ThinkingHabits
from convonet.domains.discovery import all_domains
from tests.agents.conftest import NOW, Conversation, quiet_agent
from tests.agents.test_hosted_models import ADDED, ADDS, MILK, hosted, scripted
from tests.vendors import openai
from tests.vendors.chat import MODEL, TOKENS_IN, TOKENS_OUT, ChatServer, Reply

# -- its name


@pytest.mark.parametrize("server", ["vllm", "ollama", "llamacpp", "compatible"])
async def test_records_show_the_models_server(tmp_path, server):
    async with hosted(tmp_path, "vllm", LLM_SERVER=server) as world:
        final = (await (await world.talk()).say("what's on my list")).final
        assert (final.provider, final.model) == (server, "qwen")
        assert (final.tokens_in, final.tokens_out) == (TOKENS_IN, TOKENS_OUT)
        assert [model.provider for model in world.agent.models()] == [server, "offline"]


@pytest.mark.parametrize("chosen", ["vllm", "compatible", "ollama"])
async def test_a_caller_who_chose_it_by_any_of_its_names_is_answered_by_it(tmp_path, chosen):
    async with hosted(tmp_path, "anthropic", "vllm") as world:
        talk = await world.talk()
        talk.caller = replace(talk.caller, llm_provider=chosen)
        assert (await talk.say("what's on my list")).final.provider == "vllm"


# -- what is speech

SPEECH = {
    "plain": "You have two things to do.",
    "arithmetic": "Two < three, and I <3 you [laughs] {well} `so` <b>there</b>.",
    "ends in a mark": "Is it less than <",
}
CALLS = {
    "hermes": '<tool_call>\n{"name": "create_todo", "arguments": {"title": "buy milk"}}\n</tool_call>',
    "qwen3": "<tool_call>\n<function=create_todo>\n<parameter=title>\nbuy milk\n</parameter>\n</function>",
    "llama3": '<|python_tag|>{"name": "create_todo", "parameters": {"title": "buy milk"}}',
    "llama3 without its tag": '{"name": "create_todo", "parameters": {"title": "buy milk"}}',
    "mistral": '[TOOL_CALLS][{"name": "create_todo", "arguments": {"title": "buy milk"}}]',
    "a list": '[{"name": "create_todo", "arguments": {"title": "buy milk"}}]',
    "pythonic": '[create_todo(title="buy milk")]',
    "gpt-oss": '<|channel|>commentary to=functions.create_todo<|message|>{"title": "buy milk"}',
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>create_todo",  # noqa: RUF001
    "minimax": '<minimax:tool_call><invoke name="create_todo">',
    "gemma": "<start_function_call>call:create_todo{title:<escape>buy milk<escape>}<end_function_call>",
    "in a fence": '```json\n{"name": "create_todo"}\n```',
    "arguments alone": '{ "title": "buy milk" }',
}
"""How models write tool calls where the server has no parser, or the wrong one."""
THOUGHTS = {
    "think": "<think>\nThe caller wants <tool_call>.\n</think>\n\n",
    "thinking": "<Thinking>Their list.</Thinking> ",
    "mistral": "[THINK]Their list, [1, 2].[/THINK]",
}

cuts = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def said(text, lengths=(1,), habits=None):
    """What a caller hears of `text` that arrives in pieces of these lengths, again and again."""
    speech, edges = SpeechFilter(habits or ThinkingHabits()), [0]
    while edges[-1] < len(text):
        edges.append(edges[-1] + lengths[len(edges) % len(lengths)])
    heard = ""
    try:
        for a, b in pairwise(edges):
            heard += speech.feed(text[a:b])
    except ModelFailed as failed:
        return heard, failed.failure.why
    return heard + speech.flush(), ""


@pytest.mark.parametrize("text", SPEECH.values(), ids=SPEECH)
@given(lengths=cuts)
def test_words_are_spoken_as_they_are(text, lengths):
    assert said(text, lengths) == (text, "")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@given(lengths=cuts)
def test_a_tool_call_in_the_text_is_never_spoken(call, lengths):
    assert said(call, lengths) == ("", CALL_AS_TEXT)
    heard, why = said(f"Let me see. {call}", lengths)
    assert "Let me see. ".startswith(heard)
    assert why == CALL_AS_TEXT


@pytest.mark.parametrize("thoughts", THOUGHTS.values(), ids=THOUGHTS)
@given(lengths=cuts)
def test_thoughts_in_the_text_are_never_spoken(thoughts, lengths):
    habits = ThinkingHabits()
    assert said(f"{thoughts}You have nothing to do.", lengths, habits) == ("You have nothing to do.", "")
    assert habits.has_thought
    assert said(f"Well. {thoughts}", lengths) == ("Well. ", "")


def test_thoughts_that_find_no_end_are_not_spoken_either():
    assert said("<think>The caller wants their list") == ("", "")


def test_a_server_that_hides_where_thoughts_begin_is_found_out_by_the_first_answer():
    habits = ThinkingHabits()
    thoughts = "The caller wants their list.\n</think>\n\nYou have nothing to do."
    assert said(thoughts, habits=habits)[0].endswith(" You have nothing to do.")
    assert said(thoughts, habits=habits) == ("You have nothing to do.", "")
    # and a model that has stopped thinking waits for one answer only
    assert said("You have nothing to do.", habits=habits) == ("You have nothing to do.", "")
    assert not habits.thinks_first


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_server_without_a_tool_parser_costs_a_caller_nothing(tmp_path, call):
    async with hosted(tmp_path, "vllm") as world:
        scripted(world, "vllm", Reply(call))
        talk = await world.talk()
        heard = await talk.say(ADDS)
        assert (heard.text, heard.tools, heard.final.provider) == (ADDED, ["create_todo"], "offline")
        assert await world.rows(talk) == {"buy milk"}
        (health, _) = world.agent.models()
        assert (health.last_failure, health.state) == (CALL_AS_TEXT, "ready")


async def test_words_before_a_tool_call_in_the_text_are_kept_and_the_next_model_goes_on(tmp_path):
    async with hosted(tmp_path, "vllm", "anthropic") as world:
        scripted(world, "vllm", Reply(f"Let me see. {CALLS['hermes']}"))
        scripted(world, "anthropic", Reply("You have nothing to do."))
        heard = await (await world.talk()).say("what's on my list")
        assert (heard.text, heard.final.provider) == ("Let me see. You have nothing to do.", "anthropic")


@pytest.mark.parametrize(
    "reply",
    [
        Reply("<think>Their list is empty.</think>\n\nYou have nothing to do."),
        Reply("You have nothing to do.", thoughts="Their list is empty."),
        Reply("\n</think>\n\nYou have nothing to do."),
    ],
    ids=["in the text", "in fields", "begun by the server"],
)
async def test_thoughts_in_a_servers_text_are_not_spoken(tmp_path, reply):
    async with hosted(tmp_path, "vllm") as world:
        scripted(world, "vllm", reply)
        talk = await world.talk()
        assert (await talk.say("what's on my list")).text.strip() == "You have nothing to do."
        assert "think" not in talk.history[-1].content
        assert "Their list" not in talk.history[-1].content


async def test_the_probe_at_the_start_finds_out_that_thoughts_begin_unsaid(tmp_path):
    async with hosted(tmp_path, "vllm") as world:
        scripted(world, "vllm", Reply("They want me to say OK.\n</think>\n\nOK."))
        await world.agent.warm_up()
        while world.agent.models()[0].answers == 0:
            assert world.agent.models()[0].failures == 0
            await asyncio.sleep(0.01)
        scripted(world, "vllm", Reply("Their list is empty.\n</think>\n\nYou have nothing to do."))
        assert (await (await world.talk()).say("what's on my list")).text == "You have nothing to do."


@pytest.mark.parametrize("fault", ["cut", "closed"])
async def test_a_stream_that_ends_without_a_reason_has_failed_from_the_first_answer_on(tmp_path, fault):
    for server in ("vllm", "compatible"):
        async with hosted(tmp_path, "vllm", "anthropic", LLM_SERVER=server) as world:
            scripted(world, "vllm", Reply("You have one thing to do, which is to water the plants.", fault=fault))
            scripted(world, "anthropic", Reply("and that is all."))
            heard = await (await world.talk()).say("what's on my list")
            first_half = heard.text.removesuffix(" and that is all.")
            assert "You have one thing to do, which is to water the plants.".startswith(first_half)
            assert len(first_half) > len("You have")
            assert (heard.final.provider, world.agent.models()[0].state) == ("anthropic", "resting")


# -- what its cache can keep


async def test_requests_of_all_callers_and_turns_begin_with_the_same_bytes(tmp_path):
    async with hosted(tmp_path, "vllm") as world:
        scripted(world, "vllm", Reply(calls=MILK), Reply("It is on your list."), Reply("You have milk to buy."))
        ann = await world.talk()
        await ann.say(ADDS)
        await ann.say("what's on my list")
        later = quiet_agent(world.settings, all_domains(), clock=lambda: NOW + timedelta(hours=3))
        bob = Conversation(later, replace(await world.caller(), user_name="Bob", timezone="Asia/Seoul"))
        await bob.say("what's on my list")
        await later.close()
        bodies = [asked.raw for asked in world.vendors["vllm"].asked]
        assert len(bodies) == 4
        for body in bodies[1:]:
            head = _same_beginning(bodies[0], body)
            assert _has_whole_head(head, body), head[-200:]


async def test_the_callers_facts_stand_with_their_last_sentence(tmp_path):
    async with hosted(tmp_path, "vllm") as world:
        talk = await world.talk()
        talk.caller = replace(talk.caller, user_name="Ann")
        for said_so in ("what's on my list", "and what's on my list tomorrow"):
            await talk.say(said_so)
        messages = world.vendors["vllm"].asked[-1].body["messages"]
        facts, words = messages[-1]["content"].split("\n")
        assert words == "and what's on my list tomorrow"
        assert facts.startswith("[The caller is Ann and speaks en-US. It is Wednesday, 2026-11-18, 14:30")
        assert not any("Ann" in json.dumps(message) or "14:30" in json.dumps(message) for message in messages[:-1])
        assert messages[1]["content"] == "what's on my list"


def _same_beginning(one, other):
    return bytes(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _has_whole_head(head, body):
    """Whether the tools and the system message lie before the first difference."""
    system = json.loads(body)["messages"][0]
    assert system["role"] == "system"
    tools = json.dumps(json.loads(body)["tools"], separators=(",", ":"), ensure_ascii=False).encode()
    written = json.dumps(system, separators=(",", ":"), ensure_ascii=False).encode()
    return tools in head and written in head


# -- what its model may be asked beyond words


async def test_a_tool_call_and_json_of_a_schema_can_be_demanded():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    async with ChatServer(openai.WIRE) as server:
        server.replies = [Reply(calls=(("go", {}),)), Reply('{"city": "Paris"}')]
        model = SelfHostedClient(f"{server.url}/v1", "k", MODEL)
        hello = ModelRequest(SystemPrompt("", "Be brief."), (UserMessage("hello"),), Toolset("none"))
        called = [part async for part in model.stream(hello, Demand(must_call="go"))]
        told = [part async for part in model.stream(hello, Demand(schema=schema))]
        await model.close()
    assert any(isinstance(part, CallPart) for part in called)
    assert "".join(part.text for part in told if isinstance(part, TextPart)) == '{"city": "Paris"}'
    assert any(isinstance(part, Stop) for part in told)
    first, second = (asked.body for asked in server.asked)
    assert first["tool_choice"]["function"] == {"name": "go"}
    assert second["response_format"]["json_schema"]["schema"] == schema
