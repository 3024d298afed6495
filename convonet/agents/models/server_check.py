"""Tests a self-hosted server with the client that turns use. `convonet model check` runs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from convonet.agents.models.base import (
    AssistantMessage,
    Message,
    ModelRequest,
    Stop,
    SystemPrompt,
    TextPart,
    Tool,
    ToolMessage,
    Toolset,
    UserMessage,
)
from convonet.agents.models.check_results import (
    CITIES,
    NO_THINKING,
    TOOL,
    Check,
    TimedAnswer,
    advice_for,
    check_first_word,
    check_forced_tool,
    check_schema,
    check_speed,
    check_stop_reason,
    check_streaming,
    check_tool,
    check_tool_result,
)
from convonet.agents.models.failures import ModelFailed
from convonet.agents.models.openai import NO_KEY, Demand, SelfHostedClient
from convonet.agents.models.speech_filter import CALL_AS_TEXT

LIST_TIMEOUT_S = 5.0

LOADING_TIMEOUT_S = 300.0
"""Timeout for the first answer: Ollama loads a model from disk only when it is asked."""

ANSWER_TIMEOUT_S = 60.0

_INSTRUCTIONS = (
    "You are a voice assistant on the phone. Your answers are spoken: one or two short sentences, plain words, no "
    "markdown, no lists. Use the tools whenever they help, and say what they return."
)
_WEATHER = Tool(
    TOOL,
    "The weather in a city now.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": list(CITIES), "description": "Which city."}},
        "required": ["city"],
    },
)
_WEATHER_IN_PARIS = "What is the weather like in Paris?"
_COUNT = "Count from one to twenty in words, please."
_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": list(CITIES)}},
    "required": ["city"],
    "additionalProperties": False,
}

START_IT = "Start it: `ollama serve`, `llama-server --jinja -m FILE`, `vllm serve MODEL`, or docs/agent.md, Own models."


@dataclass(frozen=True, slots=True)
class Server:
    """A server as an operator names it. Without a `model` it must serve exactly one."""

    url: str
    model: str | None = None
    key: str | None = None


async def check_server(server: Server) -> AsyncGenerator[Check, None]:
    """Ask the server test questions one after the other; end early when the rest can't be asked."""
    owners: dict[str, str] = {}
    async with aclosing(_check_models(server, owners)) as checks:
        async for check in checks:
            yield check
            if not check.ok:
                return
    name = server.model or next(iter(owners))
    client = SelfHostedClient(server.url, server.key or NO_KEY, name, accept_done=True)
    try:
        async with aclosing(_check_answers(client, owners.get(name, ""))) as checks:
            async for check in checks:
                yield check
    finally:
        await client.close()


async def _check_models(server: Server, owners: dict[str, str]) -> AsyncGenerator[Check, None]:
    """Check that the server answers; put its models into `owners`, with the owner of each."""
    began = time.perf_counter()
    url = f"{server.url.rstrip('/')}/models"
    try:
        status, listing = await _get(url, server.key)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        yield Check("server", ok=False, says=f"{url} does not answer ({_named(error)}).", advice=START_IT)
        return
    if status in (401, 403):
        yield Check("server", ok=False, says=f"It refuses the key ({status}).", advice="Set LLM_API_KEY to its key.")
        return
    owners |= _owners(listing)
    if status == 404 and not owners and not urlsplit(server.url).path.rstrip("/").endswith("/v1"):
        advice = f"The address mostly ends in /v1: try {server.url.rstrip('/')}/v1."
        yield Check("server", ok=False, says=f"{url} is not there (404).", advice=advice)
        return
    if status >= 500:
        says = f"{url} answers with {status}."
        yield Check("server", ok=False, says=says, advice="It may still be loading its model: look into its log.")
        return
    yield Check("server", ok=True, says=f"{server.url} answers in {1000 * (time.perf_counter() - began):.0f} ms.")
    yield _check_name(server.model, sorted(owners))


async def _get(url: str, key: str | None) -> tuple[int, object]:
    headers = {"Authorization": f"Bearer {key or NO_KEY}"}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIST_TIMEOUT_S)) as session,
        session.get(url, headers=headers, allow_redirects=False) as response,
    ):
        try:
            return response.status, await response.json(content_type=None)
        except ValueError:
            return response.status, None


def _owners(listing: object) -> dict[str, str]:
    match listing:
        case {"data": [*models]}:
            named = [model for model in models if isinstance(model, Mapping) and isinstance(model.get("id"), str)]
            return {model["id"]: str(model.get("owned_by", "")) for model in named}
    return {}


def _check_name(wanted: str | None, has: Sequence[str]) -> Check:
    listed = ", ".join(has[:10]) or "none"
    if wanted is None:
        if len(has) == 1:
            return Check("model", ok=True, says=f"{has[0]}.")
        return Check("model", ok=False, says=f"It has: {listed}.", advice="Say which: --model NAME, or LLM_MODEL.")
    if wanted in has:
        return Check("model", ok=True, says=f"{wanted}.")
    if not has:
        return Check("model", ok=True, says=f"{wanted}; the server does not list what it has.")
    return Check("model", ok=False, says=f"There is no {wanted}; it has: {listed}.", advice="Correct LLM_MODEL.")


async def _check_answers(client: SelfHostedClient, owner: str) -> AsyncGenerator[Check, None]:
    first = await _ask(client, [UserMessage(_COUNT)], timeout_s=LOADING_TIMEOUT_S)
    if first.failure and not first.content.text.strip() and first.failure != CALL_AS_TEXT:
        yield Check("answer", ok=False, says=f"It fails: {first.failure}.", advice=advice_for(first.failure))
        return
    answers = [await _ask(client, [UserMessage(_COUNT)]) for _ in range(3)]
    best = min(answers, key=lambda answer: (bool(answer.failure), answer.first_s))
    yield check_streaming(best)
    if not best.failure:
        yield check_stop_reason(best, owner)
        yield check_first_word(first, best)
        yield check_speed(best)
    question = [UserMessage(_WEATHER_IN_PARIS)]
    yield check_forced_tool(await _ask(client, question, tools=True, demand=Demand(must_call=TOOL)))
    called = await _ask(client, question, tools=True)
    yield check_tool(called)
    if called.content.has_calls and not called.failure:
        yield check_tool_result(await _ask(client, _with_result(called), tools=True))
    yield check_schema(await _ask(client, question, demand=Demand(schema=_SCHEMA)))
    if client.habits.has_thought:
        yield Check("thoughts", ok=False, says="The model thinks before it speaks.", advice=NO_THINKING, needed=False)


async def _ask(
    client: SelfHostedClient,
    messages: Sequence[Message],
    *,
    tools: bool = False,
    demand: Demand | None = None,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> TimedAnswer:
    offered = Toolset("weather", (_WEATHER,)) if tools else Toolset("none")
    request = ModelRequest(SystemPrompt(_INSTRUCTIONS, "The caller is unknown."), tuple(messages), offered)
    answer, began = TimedAnswer(), time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s), aclosing(client.stream(request, demand)) as parts:
            async for part in parts:
                if isinstance(part, Stop):
                    answer.stop = part
                if isinstance(part, TextPart):
                    answer.pieces += 1
                answer.content.add_part(part)
                if not answer.first_s and (answer.content.text.strip() or answer.content.has_calls):
                    answer.first_s = time.perf_counter() - began
        failure = answer.content.failure(needs_stop_reason=True)
        answer.failure = failure.why if failure else ""
    except TimeoutError:
        answer.failure = f"no whole answer within {timeout_s:.0f} s"
    except ModelFailed as failed:
        answer.failure = failed.failure.why
    answer.total_s = time.perf_counter() - began
    return answer


def _with_result(called: TimedAnswer) -> list[Message]:
    said: AssistantMessage = called.content.message("", "")
    results = [ToolMessage(call.id, call.name, True, "It is 21 degrees and sunny in Paris.") for call in said.calls]
    return [UserMessage(_WEATHER_IN_PARIS), said, *results]


def _named(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
