"""The utterances of one socket that its session has not done with: kept to be given again, each the root of a trace."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convonet.ids import SessionId, turn_id_of
from convonet.sessions.messages import AnyUtterance, SpokenUtterance
from convonet.tracing.spans import Span, Status, begin


@dataclass(slots=True)
class _Given:
    utterance: AnyUtterance
    span: Span
    times: int = 0


class Unfinished:
    """In the order in which they were said."""

    def __init__(self) -> None:
        self._given: dict[str, _Given] = {}

    def add(self, utterance: AnyUtterance, session_id: SessionId) -> AnyUtterance:
        """Keep an utterance, and begin its trace: it is returned with the trace context that the session needs."""
        span = begin(
            "utterance",
            kind="server",
            begins_trace=True,
            session_id=session_id,
            turn_id=turn_id_of(session_id, utterance.utterance_id),
            source="voice" if isinstance(utterance, SpokenUtterance) else "text",
        )
        traced = replace(utterance, traceparent=span.traceparent)
        self._end(utterance.utterance_id, "cancelled")
        self._given[utterance.utterance_id] = _Given(traced, span)
        return traced

    def again(self) -> tuple[AnyUtterance, ...]:
        """All of them, for a session that was found again."""
        for given in self._given.values():
            given.times += 1
            given.span.set(given_again=given.times)
        return tuple(given.utterance for given in self._given.values())

    def done(self, utterance_id: str, status: Status) -> None:
        """Forget one; `status` is that of its turn."""
        self._end(utterance_id, status)

    def close(self) -> None:
        """The socket is gone: what becomes of the turns is not seen from here."""
        for utterance_id in tuple(self._given):
            self._end(utterance_id, "cancelled")

    def _end(self, utterance_id: str, status: Status) -> None:
        given = self._given.pop(utterance_id, None)
        if given is not None:
            given.span.status = status
            given.span.end()
