"""The models in the order in which they are asked; the last is our own, which needs nobody.

A model that fails, hangs, refuses or says nothing is followed by the next in the same turn, and rests. When its rest is
over it is tried in the background: no caller pays for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, replace

import structlog

from convonet.agents.models import offline
from convonet.agents.models.base import (
    AssistantMessage,
    CallPart,
    ChosenModel,
    ModelRequest,
    Part,
    SystemPrompt,
    TextPart,
    Toolset,
    UserMessage,
)
from convonet.agents.models.failures import Failure, ModelFailed
from convonet.agents.models.gathering import Gathering
from convonet.agents.models.health import Health, ProviderHealth
from convonet.core.background import BackgroundTasks
from convonet.core.errors import AgentError
from convonet.language.spoken import gap, is_whole
from convonet.metrics.definitions import FALLBACKS
from convonet.metrics.recorder import metrics
from convonet.tracing.spans import Span, span

log = structlog.get_logger(__name__)

CUT_OFF = (
    "(The line dropped there. The caller heard every word up to it. Go on exactly where you stopped; repeat nothing "
    "and do not mention this.)"
)
"""To a model that goes on for another."""

START_OVER = "Sorry, let me start over. "
"""Between half a sentence of a model that failed and the answer of the rules, which can't go on in mid-sentence."""

PROBE = ModelRequest(SystemPrompt("", "Answer in one word."), (UserMessage("Say OK."),), Toolset("none"))


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

    message: AssistantMessage
    provider: str
    model: str
    memory: dict[str, str] | None = None
    """What the offline model wants to remember."""
    tokens_in: int = 0
    tokens_out: int = 0


class ModelChain:
    """Safe for any number of turns at once. `close` it at the end."""

    def __init__(
        self, models: Sequence[ChosenModel], limits: Limits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._links = [_Link(model, limits, clock) for model in models]
        self._probes = BackgroundTasks()

    @property
    def has_hosted(self) -> bool:
        """Whether a model answers that is not our own."""
        return any(link.is_hosted for link in self._links)

    def warm_up(self) -> None:
        """Try the hosted models in the background, once: it opens connections, and a wrong key shows at the start."""
        for link in self._links:
            if link.is_hosted and link.health.wants_first_probe():
                self._probes.spawn(link.probe())

    def health(self) -> tuple[ProviderHealth, ...]:
        """How the models are doing, in their order."""
        return tuple(link.health.shown() for link in self._links)

    async def think(
        self, request: ModelRequest, tried: set[str], preferred: str | None = None
    ) -> AsyncGenerator[str | Thought, None]:
        """Stream an answer: its words as they come, at the end the whole of it.

        Args:
            request: what is asked.
            tried: the providers that have failed in this turn; who fails now gets into it.
            preferred: the one to ask first; one that isn't there is not asked.

        Raises:
            AgentError: no model answers.
        """
        said = ""
        for link in self._order(preferred, tried):
            async with aclosing(link.think(request, said)) as parts:
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
        """Stop what is still tried, and close what is open to the vendors."""
        await self._probes.cancel_and_wait()
        for link in self._links:
            await link.close()

    def _order(self, preferred: str | None, tried: set[str]) -> list[_Link]:
        for link in self._links:
            if link.health.wants_probe():
                self._probes.spawn(link.probe())
        ready = [link for link in self._links if link.health.is_ready and link.provider not in tried]
        return sorted(ready, key=lambda link: not link.is_called(preferred))

    def _first_choice(self, preferred: str | None) -> _Link:
        return next((link for link in self._links if link.is_called(preferred)), self._links[0])


class _Link:
    """One model of the chain."""

    def __init__(self, model: ChosenModel, limits: Limits, clock: Callable[[], float]) -> None:
        self.provider = model.provider
        self.is_hosted = model.provider != offline.PROVIDER
        self.health = Health(model.provider, model.name, limits.rest, clock)
        self._model = model
        self._limits = limits

    def is_called(self, name: str | None) -> bool:
        """Whether somebody who names a provider means this one."""
        return name == self.provider or name in self._model.other_names

    async def think(self, request: ModelRequest, said: str) -> AsyncGenerator[str | Thought | Failure, None]:
        """Words, and at the end the thought or the failure; `said` is what other models had said before they failed."""
        answer, before, asked = Gathering(), said, self.health.asked()
        if said and not self.is_hosted and not is_whole(said):
            before += (bridge := gap(said, START_OVER) + START_OVER)
            yield bridge
        failure: Failure | None = None
        with self._traced() as asking:
            try:
                async with aclosing(self._in_time(self._model.chat.answer(self._going_on(request, said)))) as parts:
                    async for part in parts:
                        if isinstance(part, TextPart):
                            if not answer.text:
                                before += (space := gap(before, part.text))
                                yield space
                            yield part.text
                        answer.add(part)
                failure = answer.failure(says_why=self._model.says_why_it_stops)
            except TimeoutError:
                asking.status, failure = "timeout", Failure("no word in time")
            except ModelFailed as failed:
                failure = failed.failure
            _tell(asking, answer, failure)
        if failure is not None:
            self.health.failed(failure.why, asked, rest=failure.rest, at_least_s=failure.rest_s)
            yield failure
            return
        self.health.answered(asked)
        yield self._thought(answer, before)

    async def probe(self) -> None:
        """Try it with a question of our own."""
        asked = self.health.asked()
        try:
            async with asyncio.timeout(self._limits.total), aclosing(self._model.chat.answer(PROBE)) as parts:
                async for _ in parts:
                    pass
        except TimeoutError:
            self.health.failed("no word in time", asked, rest=True)
        except ModelFailed as failed:
            self.health.failed(failed.failure.why, asked, rest=True, at_least_s=failed.failure.rest_s)
        else:
            self.health.answered(asked)
        log.info("model_probed", provider=self.provider, ready=self.health.is_ready)

    async def close(self) -> None:
        """Close what is open to the vendor."""
        await self._model.chat.close()

    def _going_on(self, request: ModelRequest, said: str) -> ModelRequest:
        """The request, with what a model must know that goes on for another."""
        if not said or not self.is_hosted:
            return request
        return replace(request, messages=(*request.messages, AssistantMessage(said), UserMessage(CUT_OFF)))

    async def _in_time(self, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
        """The parts of an answer. Raises `TimeoutError` when no words come, however much else does."""
        loop = asyncio.get_running_loop()
        began = heard = loop.time()
        async with aclosing(parts):
            while True:
                async with asyncio.timeout_at(min(began + self._limits.total, heard + self._limits.silence)):
                    part = await anext(parts, None)
                if part is None:
                    return
                yield part
                if isinstance(part, CallPart) or (isinstance(part, TextPart) and part.text.strip()):
                    # after the yield: what the listener does with a part is no silence of the model's
                    heard = loop.time()

    def _thought(self, answer: Gathering, before: str) -> Thought:
        message, usage = answer.message(self.provider, before), answer.usage
        return Thought(
            message,
            self.provider,
            self._model.name,
            answer.memory,
            tokens_in=usage.tokens_in or 0,
            tokens_out=usage.tokens_out or 0,
        )

    def _traced(self) -> AbstractContextManager[Span]:
        return span(
            "chat", kind="client" if self.is_hosted else "internal", provider=self.provider, model=self._model.name
        )


def _tell(asking: Span, answer: Gathering, failure: Failure | None) -> None:
    """What the trace says of an answer."""
    if failure is not None and asking.status == "success":
        asking.status = "failed"
    if answer.usage.tokens_in is not None:
        asking.set(tokens_in=answer.usage.tokens_in, tokens_out=answer.usage.tokens_out or 0)
