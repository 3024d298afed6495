"""The models in the order in which they are asked; the last is our own, which needs nobody.

A model that fails, hangs, refuses or says nothing is followed by the next in the same turn, and rests. When its rest is
over it is tried in the background: no caller pays for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Any, cast

import structlog
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, message_chunk_to_message
from langchain_core.runnables import Runnable

from convonet.agents.models import offline
from convonet.agents.models.base import ChosenModel
from convonet.agents.models.failures import Failure, of_answer, of_error, stop_reason
from convonet.agents.models.health import Health, ProviderHealth
from convonet.agents.spoken import gap, is_whole
from convonet.errors import AgentError
from convonet.metrics.definitions import FALLBACKS
from convonet.metrics.recorder import metrics
from convonet.tracing.spans import Span, span

log = structlog.get_logger(__name__)

Model = Runnable[LanguageModelInput, AIMessage]
"""A chat model with tools bound to it."""

CUT_OFF = (
    "(The line dropped there. The caller heard every word up to it. Go on exactly where you stopped; repeat nothing "
    "and do not mention this.)"
)
"""To a model that goes on for another."""

START_OVER = "Sorry, let me start over. "
"""Between half a sentence of a model that failed and the answer of the rules, which can't go on in mid-sentence."""


@dataclass(frozen=True, slots=True)
class Toolset:
    """Tools to be bound, as LangChain takes them; those of the same name are bound once."""

    name: str
    tools: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds."""

    silence: float
    """Longest wait for the next words of an answer, or the next piece of a tool call."""
    total: float
    rest: float


@dataclass(frozen=True, slots=True)
class Thought:
    """A model's whole answer, and who gave it."""

    message: AIMessage
    provider: str
    model: str


class ModelChain:
    """Safe for any number of turns at once. `close` it at the end."""

    def __init__(
        self, models: Sequence[ChosenModel], limits: Limits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._links = [_Link(model, limits, clock) for model in models]
        self._probes: set[asyncio.Task[None]] = set()

    @property
    def has_hosted(self) -> bool:
        """Whether a model thinks that is not our own."""
        return any(link.is_hosted for link in self._links)

    def warm_up(self) -> None:
        """Try the hosted models in the background, once: it opens connections, and a wrong key shows at the start."""
        for link in self._links:
            if link.is_hosted and link.health.wants_first_probe():
                self._probe(link)

    def health(self) -> tuple[ProviderHealth, ...]:
        """How the models are doing, in their order."""
        return tuple(link.health.shown() for link in self._links)

    async def think(
        self, messages: Sequence[BaseMessage], tools: Toolset, tried: set[str], preferred: str | None = None
    ) -> AsyncGenerator[str | Thought, None]:
        """Stream an answer: its words as they come, at the end the whole of it.

        `tried` are the providers that have failed in this turn, and who fails now gets into it. `preferred` is the one
        to ask first; one that isn't there is not asked. Raises `AgentError` when no model answers.
        """
        said = ""
        for link in self._order(preferred, tried):
            async with aclosing(link.think(messages, said, tools)) as parts:
                async for part in parts:
                    if isinstance(part, str):
                        # white space alone is nothing that another model would have to go on from
                        if part and (said or part.strip()):
                            said += part
                            yield part
                    elif isinstance(part, Thought):
                        if link is not self._first_choice(preferred):
                            metrics.count(FALLBACKS, service="thinking", provider=link.provider)
                        yield part
                        return
                    else:
                        tried.add(link.provider)
                        log.warning("model_failed", provider=link.provider, why=part.why)
        raise AgentError("no model gave an answer")

    async def close(self) -> None:
        """Stop what is still tried."""
        for probe in self._probes:
            probe.cancel()
        await asyncio.gather(*self._probes, return_exceptions=True)

    def _order(self, preferred: str | None, tried: set[str]) -> list[_Link]:
        for link in self._links:
            if link.health.wants_probe():
                self._probe(link)
        ready = [link for link in self._links if link.health.is_ready and link.provider not in tried]
        return sorted(ready, key=lambda link: link.provider != preferred)

    def _first_choice(self, preferred: str | None) -> _Link:
        return next((link for link in self._links if link.provider == preferred), self._links[0])

    def _probe(self, link: _Link) -> None:
        probe = asyncio.create_task(link.probe())
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)


class _Link:
    """One model of the chain."""

    def __init__(self, model: ChosenModel, limits: Limits, clock: Callable[[], float]) -> None:
        self.provider = model.provider
        self.is_hosted = model.provider != offline.PROVIDER
        self.health = Health(model.provider, model.name, limits.rest, clock)
        self._model = model
        self._limits = limits
        self._bound: dict[str, Model] = {}
        self._says_why = model.says_why_it_stops

    async def think(
        self, messages: Sequence[BaseMessage], said: str, tools: Toolset
    ) -> AsyncGenerator[str | Thought | Failure, None]:
        """Words, and at the end the thought or the failure; `said` is what other models had said before they failed."""
        whole, before, reason, asked = AIMessageChunk(content=""), said, "", self.health.asked()
        if said and not self.is_hosted and not is_whole(said):
            before += (bridge := gap(said, START_OVER) + START_OVER)
            yield bridge
        failure: Failure | None = None
        with self._traced() as asking:
            try:
                async with aclosing(self._in_time(self._stream(messages, said, tools))) as chunks:
                    async for chunk in chunks:
                        if chunk.text and not whole.text:
                            before += (space := gap(before, chunk.text))
                            yield space
                        whole, reason = whole + chunk, stop_reason(chunk) or reason
                        yield chunk.text
                failure = self._wrong_with(whole, reason)
            except TimeoutError:
                asking.status, failure = "timeout", Failure("no word in time")
            except Exception as error:
                # whatever a vendor's SDK raises: the next model answers
                if not self.is_hosted:
                    raise
                log.debug("model_error", provider=self.provider, words=str(error)[:200])
                failure = of_error(error)
            _tell(asking, whole, failure)
        if failure is not None:
            self.health.failed(failure.why, asked, rest=failure.rest, at_least_s=failure.rest_s)
            yield failure
            return
        self.health.answered(asked)
        yield Thought(_whole(whole, before, self.provider), self.provider, self._model.name)

    def _traced(self) -> AbstractContextManager[Span]:
        return span(
            "chat", kind="client" if self.is_hosted else "internal", provider=self.provider, model=self._model.name
        )

    async def probe(self) -> None:
        """Try it with a question of our own."""
        asked = self.health.asked()
        try:
            async with asyncio.timeout(self._limits.total):
                async for _ in self._model.chat.astream([HumanMessage("Say OK.")]):
                    pass
        except Exception as error:  # noqa: BLE001 -- whatever a vendor's SDK raises
            failure = of_error(error)
            self.health.failed(failure.why, asked, rest=True, at_least_s=failure.rest_s)
        else:
            self.health.answered(asked)
        log.info("model_probed", provider=self.provider, ready=self.health.is_ready)

    async def _stream(
        self, messages: Sequence[BaseMessage], said: str, tools: Toolset
    ) -> AsyncGenerator[AIMessageChunk, None]:
        so_far = [*messages, AIMessage(said), HumanMessage(CUT_OFF)] if said and self.is_hosted else messages
        asked = [_plain(message, self.provider) for message in self._model.prepare(so_far)]
        stream = self._with(tools).astream(asked)
        async with aclosing(cast("AsyncGenerator[AIMessageChunk, None]", stream)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _in_time(self, chunks: AsyncGenerator[AIMessageChunk, None]) -> AsyncGenerator[AIMessageChunk, None]:
        """The chunks of an answer. Raises `TimeoutError` when no words come, however much else does."""
        loop = asyncio.get_running_loop()
        began = heard = loop.time()
        async with aclosing(chunks):
            while True:
                async with asyncio.timeout_at(min(began + self._limits.total, heard + self._limits.silence)):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
                if chunk.text.strip() or chunk.tool_call_chunks:
                    # after the yield: what the listener does with a chunk is no silence of the model's
                    heard = loop.time()

    def _wrong_with(self, whole: AIMessageChunk, reason: str) -> Failure | None:
        # a server that has given a reason once gives one always
        self._says_why = self._says_why or bool(reason)
        return of_answer(whole, reason, says_why=self._says_why)

    def _with(self, tools: Toolset) -> Model:
        if not tools.tools:
            return self._model.chat
        if tools.name not in self._bound:
            self._bound[tools.name] = self._model.chat.bind_tools(tools.tools)
        return self._bound[tools.name]


def _tell(asking: Span, whole: AIMessageChunk, failure: Failure | None) -> None:
    """What the trace says of an answer."""
    if failure is not None and asking.status == "success":
        asking.status = "failed"
    if (usage := whole.usage_metadata) is not None:
        asking.set(tokens_in=usage["input_tokens"], tokens_out=usage["output_tokens"])


def _whole(chunk: AIMessageChunk, said: str, provider: str) -> AIMessage:
    """The answer as the next step reads it, with what was said before it."""
    message = cast("AIMessage", message_chunk_to_message(chunk))
    if said:
        message = _without_blocks(message, said)
    message.response_metadata[offline.ANSWERED_BY] = provider
    return message


def _plain(message: BaseMessage, provider: str) -> BaseMessage:
    """A message without what only another vendor understands."""
    if not isinstance(message, AIMessage) or message.response_metadata.get(offline.ANSWERED_BY) in (None, provider):
        return message
    return _without_blocks(message, "")


def _without_blocks(message: AIMessage, before: str) -> AIMessage:
    return AIMessage(
        before + message.text,
        tool_calls=message.tool_calls,
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
    )
