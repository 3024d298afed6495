"""The hosted kind of model: a vendor's client with timeouts, health and tracing around it. The chain asks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from convonet.agents.models.answer_builder import AnswerBuilder
from convonet.agents.models.base import (
    AssistantMessage,
    CallPart,
    Model,
    ModelAnswer,
    ModelConfig,
    ModelRequest,
    Part,
    SystemPrompt,
    TextPart,
    Toolset,
    TurnModelRequest,
    UserMessage,
)
from convonet.agents.models.failures import Failure, ModelFailed
from convonet.agents.models.health import Health
from convonet.language.sentences import missing_space
from convonet.tracing.spans import span

log = structlog.get_logger(__name__)

CUT_OFF = (
    "(The line dropped there. The caller heard every word up to it. Go on exactly where you stopped; repeat nothing "
    "and do not mention this.)"
)
"""Tells a model to continue another one's answer."""

TIMED_OUT = "no word in time"

PROBE = ModelRequest(SystemPrompt("", "Answer in one word."), (UserMessage("Say OK."),), Toolset("none"))


@dataclass(frozen=True, slots=True)
class Limits:
    silence_s: float
    """Timeout for the next words of an answer, or the next piece of a tool call."""
    answer_s: float
    """Timeout for the whole answer."""
    rest_s: float
    """First retry delay after a failure."""


class HostedModel(Model):
    """Answers with a vendor's client."""

    is_hosted = True

    def __init__(self, config: ModelConfig, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.provider = config.provider
        self.health = Health(config.provider, config.name, limits.rest_s, clock)
        self._config = config
        self._limits = limits

    def is_called(self, name: str | None) -> bool:
        """See `Model.is_called`."""
        return name == self.provider or name in self._config.aliases

    async def answer(self, request: TurnModelRequest, spoken: str) -> AsyncGenerator[str | ModelAnswer | Failure, None]:
        """See `Model.answer`."""
        builder, epoch = AnswerBuilder(), self.health.epoch
        if spoken:
            messages = (*request.messages, AssistantMessage(spoken), UserMessage(CUT_OFF))
            request = replace(request, messages=messages)
        failure: Failure | None = None
        with span("chat", kind="client", provider=self.provider, model=self._config.name) as chat_span:
            try:
                async with aclosing(self._within_limits(self._config.client.stream(request))) as parts:
                    async for part in parts:
                        if isinstance(part, TextPart):
                            if not builder.text:
                                spoken += (space := missing_space(spoken, part.text))
                                yield space
                            yield part.text
                        builder.add_part(part)
                failure = builder.failure(needs_stop_reason=self._config.gives_stop_reason)
            except TimeoutError:
                chat_span.status, failure = "timeout", Failure(TIMED_OUT)
            except ModelFailed as failed:
                failure = failed.failure
            if failure is not None and chat_span.status == "success":
                chat_span.status = "failed"
            usage = builder.usage
            if usage.tokens_in is not None:
                chat_span.set(tokens_in=usage.tokens_in, tokens_out=usage.tokens_out or 0)
        if failure is not None:
            self.health.note_failure(failure, epoch)
            yield failure
            return
        self.health.note_answer(epoch)
        message = builder.message(self.provider, spoken)
        yield ModelAnswer(message, self.provider, self._config.name, None, usage.tokens_in or 0, usage.tokens_out or 0)

    async def probe(self) -> None:
        """See `Model.probe`."""
        epoch = self.health.epoch
        try:
            async with asyncio.timeout(self._limits.answer_s), aclosing(self._config.client.stream(PROBE)) as parts:
                async for _ in parts:
                    pass
        except TimeoutError:
            self.health.note_failure(Failure(TIMED_OUT), epoch)
        except ModelFailed as failed:
            self.health.note_failure(replace(failed.failure, rest=True), epoch)
        else:
            self.health.note_answer(epoch)
        log.info("model_probed", provider=self.provider, ready=self.health.is_ready)

    async def close(self) -> None:
        """See `Model.close`."""
        await self._config.client.close()

    async def _within_limits(self, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
        """Pass the parts on. Raises `TimeoutError` when no words come, whatever else does."""
        loop = asyncio.get_running_loop()
        began_at = last_words_at = loop.time()
        async with aclosing(parts):
            while True:
                deadline = min(began_at + self._limits.answer_s, last_words_at + self._limits.silence_s)
                async with asyncio.timeout_at(deadline):
                    part = await anext(parts, None)
                if part is None:
                    return
                yield part
                if isinstance(part, CallPart) or (isinstance(part, TextPart) and part.text.strip()):
                    # after the yield: the time that the reader takes does not count as the model's silence
                    last_words_at = loop.time()
