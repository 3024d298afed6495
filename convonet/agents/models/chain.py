"""The models in the order in which they are asked, the rules last. The graph asks the chain for every answer.

When a model fails, hangs, refuses or says nothing, the next one answers in the same turn. A model that would most
likely fail again rests, and is then tried in the background, so that no caller waits for that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog

from convonet.agents.models.base import Model, ModelAnswer, TurnModelRequest
from convonet.agents.models.health import ProviderHealth
from convonet.core.background import BackgroundTasks
from convonet.core.errors import AgentError
from convonet.metrics.definitions import FALLBACKS
from convonet.metrics.recorder import metrics

log = structlog.get_logger(__name__)


class ModelChain:
    """Safe to use from any number of turns at once. `close` it at the end."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = tuple(models)
        self._probes = BackgroundTasks()

    @property
    def has_hosted(self) -> bool:
        return any(model.is_hosted for model in self._models)

    def warm_up(self) -> None:
        """Try the hosted models in the background, once. This opens connections, and reveals a wrong key at startup."""
        for model in self._models:
            if model.is_hosted and model.health.take_first_probe():
                self._probes.spawn(model.probe())

    def health(self) -> tuple[ProviderHealth, ...]:
        """Return the state of each model, in their order."""
        return tuple(model.health.snapshot() for model in self._models)

    async def answer(
        self, request: TurnModelRequest, failed: set[str], preferred: str | None = None
    ) -> AsyncGenerator[str | ModelAnswer, None]:
        """Stream an answer: pieces of text, at the end the whole answer.

        Args:
            request: the conversation, the tools, and the values for the rules.
            failed: providers that have failed in this turn; new failures are added.
            preferred: provider to ask first; ignored when it isn't in the chain.

        Raises:
            AgentError: no model answers.
        """
        spoken = ""
        for model in self._ready_models(preferred, failed):
            async with aclosing(model.answer(request, spoken)) as items:
                async for item in items:
                    if isinstance(item, str):
                        # white space alone is nothing that another model would have to continue
                        if item and (spoken or item.strip()):
                            spoken += item
                            yield item
                    elif isinstance(item, ModelAnswer):
                        if model is not self._first_choice(preferred):
                            metrics.count(FALLBACKS, service="thinking", provider=model.provider)
                        yield item
                        return
                    else:
                        failed.add(model.provider)
                        log.warning("model_failed", provider=model.provider, why=item.why)
        raise AgentError("no model gave an answer")

    async def close(self) -> None:
        """Cancel the probes and close all connections."""
        await self._probes.cancel_and_wait()
        for model in self._models:
            await model.close()

    def _ready_models(self, preferred: str | None, failed: set[str]) -> list[Model]:
        for model in self._models:
            if model.health.take_probe():
                self._probes.spawn(model.probe())
        ready = [model for model in self._models if model.health.is_ready and model.provider not in failed]
        return sorted(ready, key=lambda model: not model.is_called(preferred))

    def _first_choice(self, preferred: str | None) -> Model:
        return next((model for model in self._models if model.is_called(preferred)), self._models[0])
