"""What the answers of a server of one's own say about it: the findings of `convonet model check`, with advice."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from convonet.agents.models.base import Stop
from convonet.agents.models.failures import of_status
from convonet.agents.models.gathering import Gathering
from convonet.agents.models.speech_filter import CALL_AS_TEXT
from convonet.agents.patience import FILLER_AFTER_S

SPEAKING_TOKENS_PER_S = 8.0
"""A voice speaks 15 characters a second, which are some 4 tokens; twice that lets a second caller talk."""

_SERVERS = {"vllm": "vllm", "library": "ollama", "llamacpp": "llamacpp"}
"""What servers say who owns their models, and what LLM_SERVER calls them."""

TOOL = "get_weather"
CITIES = ("Paris", "Seoul")
"""The tool of the questions, and what it may be asked for."""

TOOL_PARSER = (
    "The server does not turn the model's tool calls into the protocol's. vLLM: --enable-auto-tool-choice and the "
    "--tool-call-parser of this model; llama.cpp: --jinja; Ollama: a model whose page says `tools`."
)
NO_THINKING = (
    "Choose a model that does not think, or switch it off: vLLM `default_chat_template_kwargs: {enable_thinking: "
    "false}`, Ollama `/set nothink`; and give vLLM the --reasoning-parser of this model."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found out."""

    subject: str
    ok: bool
    says: str
    advice: str = ""
    """What to do, where it is not ok."""
    needed: bool = True
    """Whether callers can't be answered without it."""


@dataclass
class Answer:
    """One answer, and the times at which its parts came."""

    gathered: Gathering = field(default_factory=Gathering)
    pieces: int = 0
    stop: Stop | None = None
    why: str = ""
    """Why it failed, if it did."""
    first_s: float = 0.0
    """Until its first word, or the first piece of a tool call."""
    total_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """After the first; 0 when the server does not count tokens."""
        tokens, spent = self.gathered.usage.tokens_out or 0, self.total_s - self.first_s
        return (tokens - 1) / spent if tokens > 1 and spent > 0 else 0.0


def streams(answer: Answer) -> Finding:
    """Whether words come as they are made."""
    if answer.why:
        return Finding("stream", ok=False, says=f"It fails: {answer.why}.", advice=advice_on(answer.why))
    if answer.pieces < 3:
        advice = "A proxy in front of the server may gather answers; callers would wait for the last word."
        return Finding("stream", ok=False, says="The whole answer comes at once.", advice=advice)
    return Finding("stream", ok=True, says=f"Words come as they are made, in {answer.pieces} pieces.")


def ends(answer: Answer, owner: str) -> Finding:
    """Whether a whole answer can be told from one that was cut; `owner` is who owns the model, as the server says."""
    server = _SERVERS.get(owner.lower(), "")
    hint = f" LLM_SERVER={server} fits it." if server else ""
    if answer.stop is None:
        advice = "An answer that was cut can't be told from a whole one. Choose another server."
        return Finding("end", ok=False, says="The stream ends without a word why.", advice=advice)
    if answer.stop.reason == "[DONE]":
        says = "The stream ends with [DONE], but does not say why."
        return Finding("end", ok=False, says=says, advice="Set LLM_SERVER=compatible.", needed=False)
    counts = answer.gathered.usage.tokens_out is not None
    tokens = "tokens are counted" if counts else "tokens are not counted, and turn records will have none"
    return Finding("end", ok=True, says=f"The stream says why it ends ({answer.stop.reason}); {tokens}.{hint}")


def is_fast(first: Answer, best: Answer) -> Finding:
    """How long a caller waits for the first word."""
    says = f"{1000 * best.first_s:.0f} ms; the first request took {1000 * first.first_s:.0f} ms."
    advice = f"Callers hear a filler after {FILLER_AFTER_S} s. Take a smaller model, a faster machine, or no thinking."
    return Finding("first word", ok=best.first_s < FILLER_AFTER_S, says=says, advice=advice, needed=False)


def speed(best: Answer) -> Finding:
    """How many words it makes in a second."""
    if not (tokens := best.tokens_per_s):
        return Finding("speed", ok=True, says="Unknown: the server does not count tokens.", needed=False)
    advice = "A voice needs more than that when two callers talk. Take a smaller model."
    enough = tokens >= SPEAKING_TOKENS_PER_S
    return Finding("speed", ok=enough, says=f"{tokens:.0f} tokens a second.", advice=advice, needed=False)


def uses_tool_when_it_must(answer: Answer) -> Finding:
    """Whether a tool is called where the request says that one has to be."""
    if fault := _wrong_call(answer):
        says = f"When it must: {fault}."
        return Finding("tool", ok=False, says=says, advice=advice_on(answer.why) or TOOL_PARSER, needed=False)
    return Finding("tool", ok=True, says=f"When it must: {_shown(answer)}.")


def uses_tool_by_itself(answer: Answer) -> Finding:
    """Whether a tool is called where it helps."""
    if not (fault := _wrong_call(answer)):
        return Finding("tool", ok=True, says=f"By itself: {_shown(answer)}.")
    if not answer.why and not answer.gathered.has_calls:
        advice = "The model can't, or is too small to see when. Callers need one that uses tools."
        return Finding("tool", ok=False, says="By itself: it answered in words.", advice=advice)
    return Finding("tool", ok=False, says=f"By itself: {fault}.", advice=advice_on(answer.why) or TOOL_PARSER)


def tells_result(answer: Answer) -> Finding:
    """Whether the model goes on from what a tool has returned."""
    if answer.why or not answer.gathered.text.strip():
        says = f"After the tool's result: {answer.why or 'no words'}."
        return Finding("result", ok=False, says=says, advice=advice_on(answer.why) or "Take another model.")
    return Finding("result", ok=True, says=f"After the tool's result it says: {_short(answer.gathered.text)}")


def keeps_schema(answer: Answer) -> Finding:
    """Whether it answers with JSON of a schema."""
    fits = not answer.why and _is_of_schema(answer.gathered.text)
    says = f"{'JSON' if fits else 'No JSON'} as asked: {answer.why or _short(answer.gathered.text)}"
    return Finding("schema", ok=fits, says=says, advice="Callers do not need it.", needed=False)


def _is_of_schema(text: str) -> bool:
    try:
        told = json.loads(text)
    except ValueError:
        return False
    return isinstance(told, dict) and list(told) == ["city"] and told["city"] in CITIES


def _wrong_call(answer: Answer) -> str:
    """What is wrong with the call of the weather tool; "" when it is right."""
    if answer.why:
        return answer.why
    if not (calls := answer.gathered.message("", "").calls):
        return "it used no tool"
    if calls[0].name != TOOL or calls[0].arguments.get("city") not in CITIES:
        return f"it called {calls[0].name} with {_short(str(calls[0].arguments))}"
    return ""


def _shown(answer: Answer) -> str:
    call = answer.gathered.message("", "").calls[0]
    return f"{call.name} with {_short(str(call.arguments))}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else f"{words[:57]}..."


def advice_on(why: str) -> str:
    """What to do about a failure that has a name."""
    advices = {
        of_status(404).why: "The server does not know this model: correct LLM_MODEL.",
        of_status(401).why: "Set LLM_API_KEY to its key.",
        of_status(400).why: TOOL_PARSER,
        CALL_AS_TEXT: TOOL_PARSER,
        "a tool call that is no JSON": TOOL_PARSER,
        "cut off: length": "It found no end within 1,024 tokens. Take another model, or switch thinking off.",
        "cut off": "The server ended the stream in the middle: look into its log.",
    }
    return advices.get(why, "The server has failed: look into its log." if why.startswith("APIError") else "")
