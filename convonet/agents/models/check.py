"""Asks a server of one's own what it can do for callers, through the client that turns use: `convonet model check`."""

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
from convonet.agents.models.failures import ModelFailed
from convonet.agents.models.findings import (
    CITIES,
    NO_THINKING,
    TOOL,
    Answer,
    Finding,
    advice_on,
    ends,
    is_fast,
    keeps_schema,
    speed,
    streams,
    tells_result,
    uses_tool_by_itself,
    uses_tool_when_it_must,
)
from convonet.agents.models.openai import NO_KEY, Demand, OwnServerModel
from convonet.agents.models.speech_filter import CALL_AS_TEXT

LIST_TIMEOUT_S = 5.0

LOADING_TIMEOUT_S = 300.0
"""For the first answer: Ollama reads a model from the disk only when it is asked."""

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
    """A server as an operator names it; without a `model` the only one that it has."""

    url: str
    model: str | None = None
    key: str | None = None


async def check_server(server: Server) -> AsyncGenerator[Finding, None]:
    """Ask the server one thing after the other; it ends early where the rest could not be asked."""
    owners: dict[str, str] = {}
    async with aclosing(_listed(server, owners)) as findings:
        async for finding in findings:
            yield finding
            if not finding.ok:
                return
    name = server.model or next(iter(owners))
    model = OwnServerModel(server.url, server.key or NO_KEY, name, done_is_a_reason=True)
    try:
        async with aclosing(_answers(model, owners.get(name, ""))) as findings:
            async for finding in findings:
                yield finding
    finally:
        await model.close()


async def _listed(server: Server, owners: dict[str, str]) -> AsyncGenerator[Finding, None]:
    """Whether it answers, and which models it has; those go into `owners`, with who owns them."""
    began = time.perf_counter()
    url = f"{server.url.rstrip('/')}/models"
    try:
        status, told = await _get(url, server.key)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        yield Finding("server", ok=False, says=f"{url} does not answer ({_named(error)}).", advice=START_IT)
        return
    if status in (401, 403):
        yield Finding("server", ok=False, says=f"It refuses the key ({status}).", advice="Set LLM_API_KEY to its key.")
        return
    owners |= _owners(told)
    if status == 404 and not owners and not urlsplit(server.url).path.rstrip("/").endswith("/v1"):
        advice = f"The address mostly ends in /v1: try {server.url.rstrip('/')}/v1."
        yield Finding("server", ok=False, says=f"{url} is not there (404).", advice=advice)
        return
    if status >= 500:
        says = f"{url} answers with {status}."
        yield Finding("server", ok=False, says=says, advice="It may still be loading its model: look into its log.")
        return
    yield Finding("server", ok=True, says=f"{server.url} answers in {1000 * (time.perf_counter() - began):.0f} ms.")
    yield _chosen(server.model, sorted(owners))


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


def _owners(told: object) -> dict[str, str]:
    match told:
        case {"data": [*models]}:
            named = [model for model in models if isinstance(model, Mapping) and isinstance(model.get("id"), str)]
            return {model["id"]: str(model.get("owned_by", "")) for model in named}
    return {}


def _chosen(wanted: str | None, has: Sequence[str]) -> Finding:
    listed = ", ".join(has[:10]) or "none"
    if wanted is None:
        if len(has) == 1:
            return Finding("model", ok=True, says=f"{has[0]}.")
        return Finding("model", ok=False, says=f"It has: {listed}.", advice="Say which: --model NAME, or LLM_MODEL.")
    if wanted in has:
        return Finding("model", ok=True, says=f"{wanted}.")
    if not has:
        return Finding("model", ok=True, says=f"{wanted}; the server does not list what it has.")
    return Finding("model", ok=False, says=f"There is no {wanted}; it has: {listed}.", advice="Correct LLM_MODEL.")


async def _answers(model: OwnServerModel, owner: str) -> AsyncGenerator[Finding, None]:
    first = await _ask(model, [UserMessage(_COUNT)], timeout_s=LOADING_TIMEOUT_S)
    if first.why and not first.gathered.text.strip() and first.why != CALL_AS_TEXT:
        yield Finding("answer", ok=False, says=f"It fails: {first.why}.", advice=advice_on(first.why))
        return
    answers = [await _ask(model, [UserMessage(_COUNT)]) for _ in range(3)]
    best = min(answers, key=lambda answer: (bool(answer.why), answer.first_s))
    yield streams(best)
    if not best.why:
        yield ends(best, owner)
        yield is_fast(first, best)
        yield speed(best)
    question = [UserMessage(_WEATHER_IN_PARIS)]
    yield uses_tool_when_it_must(await _ask(model, question, tools=True, demand=Demand(must_call=TOOL)))
    called = await _ask(model, question, tools=True)
    yield uses_tool_by_itself(called)
    if called.gathered.has_calls and not called.why:
        yield tells_result(await _ask(model, _with_result(called), tools=True))
    yield keeps_schema(await _ask(model, question, demand=Demand(schema=_SCHEMA)))
    if model.habits.has_thought:
        yield Finding("thoughts", ok=False, says="The model thinks before it speaks.", advice=NO_THINKING, needed=False)


async def _ask(
    model: OwnServerModel,
    messages: Sequence[Message],
    *,
    tools: bool = False,
    demand: Demand | None = None,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> Answer:
    offered = Toolset("weather", (_WEATHER,)) if tools else Toolset("none")
    request = ModelRequest(SystemPrompt(_INSTRUCTIONS, "The caller is unknown."), tuple(messages), offered)
    answer, began = Answer(), time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s), aclosing(model.answer(request, demand)) as parts:
            async for part in parts:
                if isinstance(part, Stop):
                    answer.stop = part
                if isinstance(part, TextPart):
                    answer.pieces += 1
                answer.gathered.add(part)
                if not answer.first_s and (answer.gathered.text.strip() or answer.gathered.has_calls):
                    answer.first_s = time.perf_counter() - began
        failure = answer.gathered.failure(says_why=True)
        answer.why = failure.why if failure else ""
    except TimeoutError:
        answer.why = f"no whole answer within {timeout_s:.0f} s"
    except ModelFailed as failed:
        answer.why = failed.failure.why
    answer.total_s = time.perf_counter() - began
    return answer


def _with_result(called: Answer) -> list[Message]:
    said: AssistantMessage = called.gathered.message("", "")
    results = [ToolMessage(call.id, call.name, True, "It is 21 degrees and sunny in Paris.") for call in said.calls]
    return [UserMessage(_WEATHER_IN_PARIS), said, *results]


def _named(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
