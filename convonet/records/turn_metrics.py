"""The metrics of a turn, all made from its record at its end: the code that runs a turn knows nothing of them.

The stages of a turn that was answered aloud follow each other without a gap and add up to the time to the first audio:

    way_in   from the end of the utterance to the session            ours
    hear     until the transcript is there (spoken turns only)        the recogniser, with the call to it
    route    until the agent has chosen a domain                      ours
    think    until the first sentence is complete                     the model and the tools
    speak    until the first sentence is audio                        the voice, with the call to it
    send     until that audio leaves the session                      ours

`convonet_added_latency_ms` is the sum of those that are ours. What the agent's graph does between the model's words and
the tools' results counts as the model's, so the figure is a lower bound; `make bench` measures it with known vendors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from convonet.metrics import definitions as d
from convonet.metrics.recorder import Recorder, metrics
from convonet.records.record import HandOverRecord, TurnRecord


def begin(recorder: Recorder, providers: Sequence[str], *, sources: Sequence[str]) -> None:
    """Let the counters of turns exist, with the model providers that are set up."""
    recorder.begin(d.TURNS, provider=(*providers, d.NONE), source=sources)
    recorder.begin(d.TOKENS, provider=providers)


def measured(record: Callable[[TurnRecord], None], recorder: Recorder = metrics) -> Callable[[TurnRecord], None]:
    """`Services.record`, with the metrics of each record besides."""

    def take(turn: TurnRecord) -> None:
        record(turn)
        note(turn, recorder)

    return take


def note(turn: TurnRecord, recorder: Recorder) -> None:
    """Count and observe what a record tells."""
    if turn.metadata.hand_over is not None:
        _note_hand_over(turn.metadata.hand_over, recorder)
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
    """How long each stage took that this turn went through, from the times at which they ended."""
    before = 0.0
    for stage, mark in _ENDS:
        if mark in marks:
            yield stage, marks[mark] - before
            before = marks[mark]


def added_ms(marks: dict[str, float]) -> float | None:
    """Our own part of the time to the first audio; None for a turn that was not answered aloud."""
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


def _note_hand_over(what: HandOverRecord, recorder: Recorder) -> None:
    recorder.count(d.HAND_OVERS, outcome=what.outcome, why=what.why or d.NONE)
    recorder.observe(d.HAND_OVER_WAIT, what.waited_s, outcome=what.outcome)
    recorder.count(d.TALK, what.talked_s)
