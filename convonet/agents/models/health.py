"""Health of one model of the chain: ready, resting after a failure, or being probed after its rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from convonet.agents.models.failures import Failure
from convonet.metrics.definitions import PROVIDER_ERRORS
from convonet.metrics.recorder import metrics

State = Literal["ready", "resting", "probing"]

MAX_REST_S = 300.0


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """One replica's view of a model."""

    provider: str
    model: str
    state: State
    answers: int
    """Number of answers so far."""
    failures: int
    last_failure: str | None
    """Name of the last failure."""
    rests_for_s: float
    """Time until the model is tried again; 0 when it does not rest."""


class Health:
    """Health of one model. A rest that follows a failed probe is twice as long as the one before."""

    def __init__(self, provider: str, model: str, rest_s: float, clock: Callable[[], float]) -> None:
        """`rest_s` is the first rest; `clock` counts seconds."""
        self._provider = provider
        self._model = model
        self._first_rest_s = rest_s
        self._rest_s = rest_s
        self._clock = clock
        self._rests_until: float | None = None
        self._answers = 0
        self._failures = 0
        self._last_failure: str | None = None
        self.epoch = 0
        """Number of rests so far. A request passes the epoch of its beginning to `note_answer` or `note_failure`."""
        self._probing = False
        self._untried = True

    @property
    def is_ready(self) -> bool:
        """Whether callers' turns may go to the model."""
        return self._rests_until is None

    def take_probe(self) -> bool:
        """Return True once when a rest is over: the caller of this method has to probe the model."""
        if self._rests_until is None or self._probing or self._clock() < self._rests_until:
            return False
        self._probing = True
        return True

    def take_first_probe(self) -> bool:
        """Return True once, before anything is known of the model."""
        untried, self._untried = self._untried, False
        return untried

    def note_answer(self, epoch: int) -> None:
        """Note an answer. It ends a rest, unless the request is older than the rest."""
        self._answers += 1
        if epoch == self.epoch:
            self._rests_until, self._probing, self._rest_s = None, False, self._first_rest_s

    def note_failure(self, failure: Failure, epoch: int) -> None:
        """Note a failure, and begin a rest if it asks for one."""
        self._failures += 1
        metrics.count(PROVIDER_ERRORS, service="thinking", provider=self._provider)
        self._last_failure = failure.why
        if epoch < self.epoch and (self.is_ready or self._probing):
            # the model has rested since this request: its present state is newer
            return
        if self._probing:
            self._rest_s = min(self._rest_s * 2, MAX_REST_S)
        self._probing = False
        if failure.rest:
            until = self._clock() + min(max(self._rest_s, failure.rest_s), MAX_REST_S)
            # a stream that breaks later must not shorten the rest that the vendor asked for
            self._rests_until = max(until, self._rests_until or 0.0)
            self.epoch += 1

    def snapshot(self) -> ProviderHealth:
        """Return the health for people and other services."""
        rests = 0.0 if self._rests_until is None else max(0.0, self._rests_until - self._clock())
        return ProviderHealth(
            self._provider,
            self._model,
            "probing" if self._probing else "ready" if self.is_ready else "resting",
            self._answers,
            self._failures,
            self._last_failure,
            math.ceil(rests * 10) / 10,
        )
