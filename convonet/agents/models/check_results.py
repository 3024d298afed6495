"""Judges the answers that `server_check` got from a server, as results of `convonet model check`, with advice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from convonet.agents.fillers import FILLER_DELAY_S
from convonet.agents.models.answer_builder import BAD_TOOL_CALL, AnswerBuilder
from convonet.agents.models.base import Stop
from convonet.agents.models.failures import failure_of_status
from convonet.agents.models.speech_filter import CALL_AS_TEXT

SPEAKING_TOKENS_PER_S = 8.0
"""Speech consumes 15 characters a second, about 4 tokens; twice that leaves room for a second caller."""

_SERVERS = {"vllm": "vllm", "library": "ollama", "llamacpp": "llamacpp"}
"""Value of LLM_SERVER by the owner that a server names for its models."""

TOOL = "get_weather"
CITIES = ("Paris", "Seoul")
"""Tool of the test questions, and the values of its argument."""

TOOL_PARSER = (
    "The server does not turn the model's tool calls into the protocol's. vLLM: --enable-auto-tool-choice and the "
    "--tool-call-parser of this model; llama.cpp: --jinja; Ollama: a model whose page says `tools`."
)
NO_THINKING = (
    "Choose a model that does not think, or switch it off: vLLM `default_chat_template_kwargs: {enable_thinking: "
    "false}`, Ollama `/set nothink`; and give vLLM the --reasoning-parser of this model."
)


@dataclass(frozen=True, slots=True)
class Check:
    subject: str
    ok: bool
    says: str
    advice: str = ""
    """Remedy, if it is not ok."""
    needed: bool = True
    """Whether the server can't serve callers without it."""


@dataclass
class TimedAnswer:
    """One answer with its timings."""

    content: AnswerBuilder = field(default_factory=AnswerBuilder)
    pieces: int = 0
    stop: Stop | None = None
    failure: str = ""
    """Name of the failure, if it failed."""
    first_s: float = 0.0
    """Time to the first word, or to the first piece of a tool call."""
    total_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Rate after the first token; 0 when the server does not count tokens."""
        tokens, spent = self.content.usage.tokens_out or 0, self.total_s - self.first_s
        return (tokens - 1) / spent if tokens > 1 and spent > 0 else 0.0


def check_streaming(answer: TimedAnswer) -> Check:
    """Check that words arrive as they are generated."""
    if answer.failure:
        return Check("stream", ok=False, says=f"It fails: {answer.failure}.", advice=advice_for(answer.failure))
    if answer.pieces < 3:
        advice = "A proxy in front of the server may gather answers; callers would wait for the last word."
        return Check("stream", ok=False, says="The whole answer comes at once.", advice=advice)
    return Check("stream", ok=True, says=f"Words come as they are made, in {answer.pieces} pieces.")


def check_stop_reason(answer: TimedAnswer, owner: str) -> Check:
    """Check that a complete answer can be told from one that was cut; `owner` is the model's, as the server says."""
    server = _SERVERS.get(owner.lower(), "")
    hint = f" LLM_SERVER={server} fits it." if server else ""
    if answer.stop is None:
        advice = "An answer that was cut can't be told from a whole one. Choose another server."
        return Check("end", ok=False, says="The stream ends without a word why.", advice=advice)
    if answer.stop.reason == "[DONE]":
        says = "The stream ends with [DONE], but does not say why."
        return Check("end", ok=False, says=says, advice="Set LLM_SERVER=compatible.", needed=False)
    counts = answer.content.usage.tokens_out is not None
    tokens = "tokens are counted" if counts else "tokens are not counted, and turn records will have none"
    return Check("end", ok=True, says=f"The stream says why it ends ({answer.stop.reason}); {tokens}.{hint}")


def check_first_word(first: TimedAnswer, best: TimedAnswer) -> Check:
    """Check the time to the first word."""
    says = f"{1000 * best.first_s:.0f} ms; the first request took {1000 * first.first_s:.0f} ms."
    advice = f"Callers hear a filler after {FILLER_DELAY_S} s. Take a smaller model, a faster machine, or no thinking."
    return Check("first word", ok=best.first_s < FILLER_DELAY_S, says=says, advice=advice, needed=False)


def check_speed(best: TimedAnswer) -> Check:
    """Check the token rate."""
    if not (tokens := best.tokens_per_s):
        return Check("speed", ok=True, says="Unknown: the server does not count tokens.", needed=False)
    advice = "A voice needs more than that when two callers talk. Take a smaller model."
    enough = tokens >= SPEAKING_TOKENS_PER_S
    return Check("speed", ok=enough, says=f"{tokens:.0f} tokens a second.", advice=advice, needed=False)


def check_forced_tool(answer: TimedAnswer) -> Check:
    """Check that a tool is called when the request demands it."""
    if fault := _wrong_call(answer):
        says = f"When it must: {fault}."
        return Check("tool", ok=False, says=says, advice=advice_for(answer.failure) or TOOL_PARSER, needed=False)
    return Check("tool", ok=True, says=f"When it must: {_shown(answer)}.")


def check_tool(answer: TimedAnswer) -> Check:
    """Check that a tool is called when it helps."""
    if not (fault := _wrong_call(answer)):
        return Check("tool", ok=True, says=f"By itself: {_shown(answer)}.")
    if not answer.failure and not answer.content.has_calls:
        advice = "The model can't, or is too small to see when. Callers need one that uses tools."
        return Check("tool", ok=False, says="By itself: it answered in words.", advice=advice)
    return Check("tool", ok=False, says=f"By itself: {fault}.", advice=advice_for(answer.failure) or TOOL_PARSER)


def check_tool_result(answer: TimedAnswer) -> Check:
    """Check that the model continues from a tool's result."""
    if answer.failure or not answer.content.text.strip():
        says = f"After the tool's result: {answer.failure or 'no words'}."
        return Check("result", ok=False, says=says, advice=advice_for(answer.failure) or "Take another model.")
    return Check("result", ok=True, says=f"After the tool's result it says: {_short(answer.content.text)}")


def check_schema(answer: TimedAnswer) -> Check:
    """Check that the model answers with JSON that matches a schema."""
    fits = not answer.failure and _is_of_schema(answer.content.text)
    says = f"{'JSON' if fits else 'No JSON'} as asked: {answer.failure or _short(answer.content.text)}"
    return Check("schema", ok=fits, says=says, advice="Callers do not need it.", needed=False)


def _is_of_schema(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and list(value) == ["city"] and value["city"] in CITIES


def _wrong_call(answer: TimedAnswer) -> str:
    """Return what is wrong with the call of the weather tool; empty for a good one."""
    if answer.failure:
        return answer.failure
    if not (calls := answer.content.message("", "").calls):
        return "it used no tool"
    if calls[0].name != TOOL or calls[0].arguments.get("city") not in CITIES:
        return f"it called {calls[0].name} with {_short(str(calls[0].arguments))}"
    return ""


def _shown(answer: TimedAnswer) -> str:
    call = answer.content.message("", "").calls[0]
    return f"{call.name} with {_short(str(call.arguments))}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else f"{words[:57]}..."


def advice_for(failure: str) -> str:
    """Return the remedy for a failure; "" for an unknown one."""
    advices = {
        failure_of_status(404).why: "The server does not know this model: correct LLM_MODEL.",
        failure_of_status(401).why: "Set LLM_API_KEY to its key.",
        failure_of_status(400).why: TOOL_PARSER,
        CALL_AS_TEXT: TOOL_PARSER,
        BAD_TOOL_CALL: TOOL_PARSER,
        "cut off: length": "It found no end within 1,024 tokens. Take another model, or switch thinking off.",
        "cut off": "The server ended the stream in the middle: look into its log.",
    }
    return advices.get(failure, "The server has failed: look into its log." if failure.startswith("APIError") else "")
