"""How a model of the chain is doing: whether it is asked, rests after a failure, or is being tried again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from convonet.metrics.definitions import PROVIDER_ERRORS
from convonet.metrics.recorder import metrics

State = Literal["ready", "resting", "probing"]

LONGEST_REST_S = 300.0


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A model as one replica knows it."""

    provider: str
    model: str
    state: State
    answers: int
    """Answers that it gave."""
    failures: int
    last_failure: str | None
    """What went wrong last."""
    rests_for_s: float
    """Until it is tried again; 0 when it does not rest."""


class Health:
    """Of one model; `clock` counts seconds. A rest that follows a failed probe is twice as long as the one before."""

    def __init__(self, provider: str, model: str, rest_s: float, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._model = model
        self._first_rest_s = rest_s
        self._rest_s = rest_s
        self._clock = clock
        self._rests_until: float | None = None
        self._answers = 0
        self._failures = 0
        self._last_failure: str | None = None
        self._rests = 0
        self._probing = False
        self._untried = True

    @property
    def is_ready(self) -> bool:
        """Whether callers' turns may go to it."""
        return self._rests_until is None

    def wants_probe(self) -> bool:
        """Whether its rest is over; True once, whoever asks has to try it."""
        if self._rests_until is None or self._probing or self._clock() < self._rests_until:
            return False
        self._probing = True
        return True

    def wants_first_probe(self) -> bool:
        """Whether it was never asked; True once."""
        wanted, self._untried = self._untried, False
        return wanted

    def asked(self) -> int:
        """It is asked now; `answered` and `failed` want back what this returns."""
        return self._rests

    def answered(self, asked: int) -> None:
        """It has answered, which ends its rest unless it was asked before that began."""
        self._answers += 1
        if asked == self._rests:
            self._rests_until, self._probing, self._rest_s = None, False, self._first_rest_s

    def failed(self, why: str, asked: int, *, rest: bool, at_least_s: float = 0.0) -> None:
        """It failed; with `rest` it is left alone for a while."""
        self._failures += 1
        metrics.count(PROVIDER_ERRORS, service="thinking", provider=self._provider)
        self._last_failure = why
        if asked < self._rests and (self.is_ready or self._probing):
            # it has rested since, and what is known of it now is newer
            return
        if self._probing:
            self._rest_s = min(self._rest_s * 2, LONGEST_REST_S)
        self._probing = False
        if rest:
            until = self._clock() + min(max(self._rest_s, at_least_s), LONGEST_REST_S)
            # a stream that breaks later must not shorten the rest that the vendor asked for
            self._rests_until = max(until, self._rests_until or 0.0)
            self._rests += 1

    def shown(self) -> ProviderHealth:
        """For people and for other services."""
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
