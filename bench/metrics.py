"""Cost of the metrics of a turn. Starts a Ray of its own, in which this process records.

.venv/bin/python -m bench.metrics
"""

import time

import ray

from convonet.metrics import definitions, tools
from convonet.metrics.recorder import Recorder
from convonet.records import turn_metrics as turns
from convonet.records.record import TurnMetadata, TurnRecord
from deployments.ray_metrics import RaySink

TURNS = 20_000

MARKS = {
    "capture_ms": 2000.0,
    "begun_ms": 1.2,
    "stt_ms": 205.0,
    "agent_start_ms": 209.0,
    "first_token_ms": 640.0,
    "first_sentence_ms": 700.0,
    "agent_ms": 900.0,
    "tts_ms": 760.0,
    "first_audio_ms": 760.4,
    "last_audio_ms": 1400.0,
}


def main() -> None:
    """Record many turns and print microseconds for one."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    began = time.perf_counter()
    recorder = Recorder(RaySink())
    turns.declare_counters(recorder, ("offline",), sources=("voice", "text"))
    tools.declare_tools("todo", ["create_todo"], recorder)
    print(f"making them, once a process: {1000 * (time.perf_counter() - began):.1f} ms")
    turn = a_turn()
    print(f"a spoken turn with two tools: {timed(lambda: one_turn(turn, recorder)):.1f} us")
    print(f"one counter: {timed(lambda: recorder.count(definitions.REFUSALS, code='busy')):.2f} us")


def one_turn(turn: TurnRecord, recorder: Recorder) -> None:
    """All that is recorded of a turn, in the voice replica and in the agent."""
    turns.count_turn(turn, recorder)
    for _ in range(2):
        tools.count_call("todo", "create_todo", ok=True, spent_s=0.012, recorder=recorder)


def timed(work) -> float:
    """Microseconds of CPU that this thread spends on one, in the best of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.thread_time()
        for _ in range(TURNS // 5):
            work()
        rounds.append((time.thread_time() - began) / (TURNS // 5))
    return 1e6 * min(rounds)


def a_turn() -> TurnRecord:
    """A record as a voice replica makes it."""
    return TurnRecord(
        request_id="s:t",
        user_id="u",
        user_name="Demo",
        timestamp=0.0,
        datetime="1970-01-01T00:00:00+00:00",
        provider="offline",
        model="rules",
        user_prompt="add buy milk",
        agent_response="I added buy milk to your list.",
        tool_calls=[],
        status="success",
        duration_ms=1400.0,
        metadata=TurnMetadata(
            session_id="s",
            turn_id="t",
            agent_type="todo",
            source="voice",
            t0=0.0,
            voice_timing=MARKS,
            tokens_in=900,
            tokens_out=40,
        ),
    )


if __name__ == "__main__":
    main()
