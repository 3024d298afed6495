"""Two simulated voice replicas: synthetic calls, reported through the product's own reporter.

.venv/bin/python -m bench.monitor_load <Ray's address> <calls>|parts [untold]

With `parts` it plays the product's other replicas, which have only gauges to report. With `untold` all is the same, but
nothing is reported, which shows the cost of the simulation.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
import uuid
from collections.abc import Callable

import ray

from convonet.core.caller import AgentType, Caller
from convonet.core.ids import SessionId, UserId
from convonet.monitor.live_calls import LiveCalls
from convonet.monitor.reporter import Reporter
from convonet.protocol.server import AgentFinal, AgentStreamChunk, ProcessingStart, ToolEvent, TranscriptFinal
from convonet.records.record import ToolCallRecord, TurnMetadata, TurnRecord
from convonet.sessions.call_events import AnswerAudioStarted, CallerConnected, CallObserver, CallStarted, TurnEnded
from convonet.sessions.conversation import Conversation
from deployments.replicas import remote_monitor

TURN_EVERY_S = 10.0
PARTS = 9
"""Replicas of the product that are neither voice replicas nor the monitor (serve_config.yaml)."""

SAID = (
    ("todo", "add buy milk to my todo list", "create_todo", "I added buy milk to your list."),
    (
        "todo",
        "what is on my list for friday",
        "get_todos",
        "You have three todos for friday: milk, taxes and the dentist.",
    ),
    ("healthcare", "what is my copay for a specialist", "get_copay_info", "For a specialist you pay 50 dollars."),
    ("mortgage", "how much house can i afford", "estimate_payment", "With what you earn, up to 420 thousand dollars."),
    ("hanok_table", "book a table for four on friday at seven", "create_reservation", "Your table is booked."),
)


def synthetic_turn(session_id: str, at: float) -> TurnRecord:
    """A record as the product makes them: of the size and shape, with made-up times."""
    agent_type, said, tool, answer = random.choice(SAID)
    stt, first = random.uniform(150, 400), random.uniform(500, 4000)
    call = ToolCallRecord(
        tool_name=tool,
        tool_id="1",
        arguments={"said": said, "limit": 20},
        result=answer * 6,
        duration_ms=random.uniform(3, 30),
        elapsed_from_stop_ms=stt + 20,
        status="success" if random.random() < 0.95 else "failed",
    )
    turn_id = f"t-{uuid.uuid4().hex[:24]}"
    return TurnRecord(
        request_id=f"{session_id}:{turn_id}",
        user_id=f"u-{random.randrange(2000)}",
        user_name=f"Caller {random.randrange(2000)}",
        timestamp=at,
        datetime="2026-11-27T12:00:00+00:00",
        provider=random.choice(("offline", "anthropic", "google")),
        model="rules",
        user_prompt=f"{said} {random.randrange(10_000)}",
        agent_response=answer,
        tool_calls=[call],
        status=random.choices(("success", "failed", "timeout", "cancelled"), (94, 3, 1, 2))[0],
        duration_ms=first + 300,
        metadata=TurnMetadata(
            session_id=session_id,
            turn_id=turn_id,
            agent_type=agent_type,
            source="voice",
            t0=at,
            stt_provider="local",
            tts_provider="local",
            voice_timing={
                "capture_ms": random.uniform(1500, 4000),
                "stt_ms": stt,
                "agent_start_ms": stt + 10,
                "first_token_ms": first - 100,
                "first_sentence_ms": first - 90,
                "agent_ms": first - 80,
                "tts_ms": first - 5,
                "first_audio_ms": first,
                "last_audio_ms": first + 200,
            },
            tokens_in=random.randrange(3000),
            tokens_out=random.randrange(200),
        ),
    )


async def call(watch: CallObserver, record: Callable[[TurnRecord], None]) -> None:
    """One call that never ends."""
    session_id = SessionId(f"s-{uuid.uuid4().hex}")
    caller = Caller(UserId(str(uuid.uuid4())), f"Caller {random.randrange(2000)}")
    watch(session_id, CallStarted(Conversation(session_id=session_id, caller=caller, began_at=time.time())))
    watch(session_id, CallerConnected())
    await asyncio.sleep(random.uniform(0, TURN_EVERY_S))
    while True:
        kind, said, tool, answer = random.choice(SAID)
        agent_type: AgentType = kind  # type: ignore[assignment]
        turn = {"turn_id": "t"}
        watch(session_id, ProcessingStart(**turn, started_at_ts=time.time()))
        await asyncio.sleep(0.4)
        watch(session_id, TranscriptFinal(**turn, text=said))
        watch(session_id, ToolEvent(**turn, tool=tool, phase="started", label="Looking"))
        await asyncio.sleep(0.3)
        watch(session_id, ToolEvent(**turn, tool=tool, phase="finished", label="Looking"))
        for word in answer.split():
            watch(session_id, AgentStreamChunk(**turn, text_chunk=f"{word} "))
            await asyncio.sleep(0.05)
        final = AgentFinal(**turn, text=answer, agent_type=agent_type, provider="offline", model="rules")
        watch(session_id, final)
        watch(session_id, AnswerAudioStarted())
        watch(session_id, TurnEnded())
        record(synthetic_turn(session_id, time.time()))
        await asyncio.sleep(TURN_EVERY_S + random.uniform(-1, 1))


async def host(name: str, count: int, *, is_told: bool) -> None:
    """One voice replica with so many calls."""
    calls = LiveCalls(name)
    watch, record = _ignore, _ignore
    if is_told:
        gauges = {"sessions": count, "capacity": 400, "refusals": 0, "pin_failures": 0}
        reporter = Reporter("voice", name, remote_monitor(), lambda: {**gauges, **calls.gauges()}, calls)
        watch, record = calls.watch, reporter.record_queue(is_copy=False).add
        reporter.start()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(call(watch, record))


async def part(name: str, *, is_told: bool) -> None:
    """One replica that holds no calls."""
    if is_told:
        gauges = {"busy": 0, "waiting": 0, "failures": 0, "loop_lag_ms": 0.3}
        Reporter("speech", name, remote_monitor(), lambda: gauges).start()
    await asyncio.Event().wait()


def _ignore(*_: object) -> None:
    pass


async def main() -> None:
    """Report for ever."""
    address, what, is_told = sys.argv[1], sys.argv[2], "untold" not in sys.argv[3:]
    ray.init(address=address, namespace="convonet", log_to_driver=False, logging_level=logging.ERROR)
    async with asyncio.TaskGroup() as group:
        if what == "parts":
            print(f"{PARTS} replicas without calls{'' if is_told else ', untold'}", flush=True)
            for number in range(PARTS):
                group.create_task(part(f"bench-part-{number}", is_told=is_told))
            return
        print(f"{what} calls on two hosts, a turn of each every {TURN_EVERY_S:.0f} s", flush=True)
        for number in range(2):
            group.create_task(host(f"bench-{number}", int(what) // 2, is_told=is_told))


if __name__ == "__main__":
    asyncio.run(main())
