"""The metrics of a turn, derived from its record, so that the code of a turn needs none.

The stages of a turn with a spoken answer follow each other without a gap and add up to the time to first audio:

    way_in   from the end of the utterance to the session      ours
    hear     until the transcript (spoken turns only)           STT, with the call to it
    route    until the agent has chosen a domain                ours
    think    until the first sentence is complete               the model and the tools
    speak    until the first sentence is audio                  TTS, with the call to it
    send     until that audio leaves the session                ours

`convonet_added_latency_ms` is the sum of ours. The time of the agent's graph between model and tools counts as the
model's, so the metric is a lower bound; `make bench` measures it with known vendors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from convonet.metrics import definitions as d
from convonet.metrics.recorder import Recorder, metrics
from convonet.records.record import HandOverRecord, TurnRecord


def declare_counters(recorder: Recorder, providers: Sequence[str], *, sources: Sequence[str]) -> None:
    """Create the counters of turns at 0, for the model providers that are set up."""
    recorder.declare(d.TURNS, provider=(*providers, d.NONE), source=sources)
    recorder.declare(d.TOKENS, provider=providers)


def with_metrics(record: Callable[[TurnRecord], None], recorder: Recorder = metrics) -> Callable[[TurnRecord], None]:
    """Wrap a function that takes records so that it also counts their metrics."""

    def record_and_count(turn: TurnRecord) -> None:
        record(turn)
        count_turn(turn, recorder)

    return record_and_count


def count_turn(turn: TurnRecord, recorder: Recorder) -> None:
    """Update all metrics from a record."""
    if turn.metadata.hand_over is not None:
        _count_hand_over(turn.metadata.hand_over, recorder)
        return
    about = turn.metadata
    recorder.count(
        d.TURNS, status=turn.status, agent_type=about.agent_type, source=about.source, provider=turn.provider
    )
    recorder.count(d.TOKENS, about.tokens_in, provider=turn.provider, direction="in")
    recorder.count(d.TOKENS, about.tokens_out, provider=turn.provider, direction="out")
    marks = about.voice_timing
    for stage, spent in stages(marks):
        recorder.observe(d.STAGES, spent, stage=stage)
    if "first_audio_ms" in marks:
        recorder.observe(d.FIRST_AUDIO, marks["first_audio_ms"], source=about.source)
    if (added := added_ms(marks)) is not None:
        recorder.observe(d.ADDED_LATENCY, added, source=about.source)


def stages(marks: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the stages of a turn and their durations in ms, from the times at which they ended."""
    before = 0.0
    for stage, mark in _ENDS:
        if mark in marks:
            yield stage, marks[mark] - before
            before = marks[mark]


def added_ms(marks: dict[str, float]) -> float | None:
    """Return our own part of the time to first audio in ms; None for a turn without a spoken answer."""
    if not marks.keys() >= _ANSWERED:
        return None
    return sum(spent for stage, spent in stages(marks) if stage in _OURS)


_ENDS = (
    ("way_in", "begun_ms"),
    ("hear", "stt_ms"),
    ("route", "agent_start_ms"),
    ("think", "first_sentence_ms"),
    ("speak", "tts_ms"),
    ("send", "first_audio_ms"),
    ("rest", "last_audio_ms"),
)
_OURS = frozenset({"way_in", "route", "send"})
_ANSWERED = frozenset({"begun_ms", "agent_start_ms", "first_sentence_ms", "tts_ms", "first_audio_ms"})


def _count_hand_over(hand_over: HandOverRecord, recorder: Recorder) -> None:
    recorder.count(d.HAND_OVERS, outcome=hand_over.outcome, why=hand_over.why or d.NONE)
    recorder.observe(d.HAND_OVER_WAIT, hand_over.waited_s, outcome=hand_over.outcome)
    recorder.count(d.TALK, hand_over.talked_s)
