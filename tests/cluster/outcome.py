"""What a loss did to the callers: which calls and turns it cost, how long each waited, what they heard meanwhile."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments.launch.steps import ROOT
from tests.cluster.crowd import Crowd, Event
from tests.cluster.servers import Stores

REPORT = ROOT / ".cache" / "cluster" / "losses.jsonl"
"""One line for each loss of each run; `python -m tests.cluster.report` makes the table of docs/performance.md of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one loss. Seconds count from the loss."""

    loss: str
    day: str
    callers: int
    turns: int
    calls_lost: list[str]
    turns_lost: list[str]
    done_twice: list[str]
    moved: int
    """Callers whose connection ended, in whatever way."""
    asked_to_move: int
    """Of them those who were told to connect anew."""
    resumed_s: list[float]
    """Until each of those had their session again, sorted; if it was planned, from the end of their own connection."""
    waited_s: list[float]
    """For the answer to what was asked when it happened, or first afterwards, of each caller; if it was planned, the
    longest wait of each. Sorted."""
    heard: dict[str, int]
    """What they heard until then that is not an answer to what they had said."""
    generator_late_ms: float
    """The p99 of how late the callers' own process was."""

    @property
    def is_lossless(self) -> bool:
        return not (self.calls_lost or self.turns_lost or self.done_twice)

    @property
    def served_after_s(self) -> float:
        """Until the last of them was served again."""
        return max([*self.resumed_s, *self.waited_s], default=0.0)

    def __str__(self) -> str:
        return (
            f"{self.loss}: {self.callers} callers, {self.turns} turns; lost {len(self.calls_lost)} calls, "
            f"{len(self.turns_lost)} turns, twice {len(self.done_twice)}; {self.moved} moved ({self.asked_to_move} "
            f"were asked to), resumed after {_spread(self.resumed_s)} s; answers after {_spread(self.waited_s)} s; "
            f"heard {self.heard}; generator {self.generator_late_ms:.0f} ms late; "
            f"{self.calls_lost + self.turns_lost + self.done_twice}"
        )


def outcome_of(
    loss: str, crowd: Crowd, stores: Stores, since: float, until: float, *, planned: bool = False
) -> Outcome:
    """What happened from `since`, the loss, until `until`; `crowd` has hung up. It is written to the report."""
    rows = stores.rows(f"SELECT title, count(*) FROM todos_anthropic WHERE title LIKE '%{crowd.stamp}' GROUP BY title")
    done = {title: int(count) for title, count in rows}
    asked = {event.more["title"]: event.at for event in crowd.kinds("asked")}
    answered = {event.more["title"]: event for event in crowd.kinds("answered")}
    by_caller = [[event for event in crowd.events if event.caller == number] for number in range(crowd.callers)]
    resumed, moved, told = [], 0, 0
    for events in by_caller:
        window = [event for event in events if since <= event.at <= until]
        if any(event.kind == "lost" for event in window):
            moved += 1
            told += any(event.kind == "reconnect" for event in window)
            resumed += [_longest_gap(window) if planned else _last(window, "auth_ok") - since]
    found = Outcome(
        loss=loss,
        day=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        callers=crowd.callers,
        turns=len(asked),
        calls_lost=[complaint for events in by_caller for complaint in _broken_calls(events)],
        turns_lost=[
            f"{title}, {asked_at - since:.0f} s after the loss: {_answer_in(answered.get(title))}"
            for title, asked_at in asked.items()
            if not done.get(title) or not _is_answered(answered.get(title))
        ],
        done_twice=[title for title, count in done.items() if count > 1],
        moved=moved,
        asked_to_move=told,
        resumed_s=sorted(round(value, 2) for value in resumed),
        waited_s=sorted(round(value, 2) for events in by_caller for value in _waited(events, since, until, planned)),
        heard=dict(Counter(word for events in by_caller for word in _heard(events, since, until))),
        generator_late_ms=next((event.more["p99"] for event in crowd.kinds("lag")), 0.0),
    )
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    # all that the callers have seen, for who has to find out why
    lines = [json.dumps(asdict(event) | {"after": round(event.at - since, 3)}) + "\n" for event in crowd.events]
    (REPORT.parent / f"{crowd.stamp}.jsonl").write_text("".join(lines))
    with REPORT.open("a") as report:
        report.write(json.dumps(asdict(found)) + "\n")
    return found


def read_report(path: Path = REPORT) -> list[Outcome]:
    """All outcomes that were written."""
    return [Outcome(**json.loads(line)) for line in path.read_text().splitlines()]


def _last(events: list[Event], kind: str) -> float:
    return max((event.at for event in events if event.kind == kind), default=math.inf)


def _longest_gap(events: list[Event]) -> float:
    """Without a connection."""
    longest, lost_at = 0.0, None
    for event in events:
        if event.kind in {"lost", "reconnect"}:
            lost_at = event.at if lost_at is None else lost_at
        elif event.kind == "auth_ok" and lost_at is not None:
            longest, lost_at = max(longest, event.at - lost_at), None
    return longest if lost_at is None else math.inf


def _broken_calls(events: list[Event]) -> list[str]:
    """A call is lost when its caller gets another one, is told that it has ended, or gives up."""
    sessions = {event.more["session_id"] for event in events if event.kind == "auth_ok"}
    ended = [event for event in events if event.kind in {"call_ended", "gave_up"}]
    ended += [
        event
        for event in events
        if event.kind == "error" and event.more["code"] in {"session_ended", "resume_failed", "auth_failed"}
    ]
    broken = [f"{event.caller}: {event.kind} {event.more}" for event in ended]
    return broken + ([f"{events[0].caller}: {len(sessions)} sessions"] if len(sessions) > 1 else [])


def _is_answered(answer: Event | None) -> bool:
    """Whether it was the right one: it names what was asked for."""
    return answer is not None and "thing" in answer.more["text"]


def _answer_in(answer: Event | None) -> str:
    return "no answer" if answer is None else str(answer.more["text"])


def _waited(events: list[Event], since: float, until: float, planned: bool) -> list[float]:
    """From the loss, or from the end of what was said if that is later, to an answer afterwards."""
    asked = {event.more["title"]: event.at for event in events if event.kind == "asked"}
    waits = [
        event.more["final_at"] - max(since, asked[event.more["title"]])
        for event in events
        if event.kind == "answered" and since <= event.more["final_at"] <= until
    ]
    return [max(waits)] if planned and waits else waits[:1]


def _heard(events: list[Event], since: float, until: float) -> list[str]:
    return [
        f"error {event.more['code']}" for event in events if since <= event.at <= until and event.kind == "error"
    ] + [
        f"answer {event.more['text']}"
        for event in events
        if since <= event.at <= until and event.kind == "agent_final" and "thing" not in event.more["text"]
    ]


def _spread(values: list[float]) -> str:
    return f"{values[len(values) // 2]:.1f} (worst {values[-1]:.1f})" if values else "-"
