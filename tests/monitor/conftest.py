"""Turn records as they come, and a monitor's index in a file of the test's own."""

import pytest

from convonet.monitor.turn_index import TurnIndex
from convonet.records.record import ToolCallRecord, TurnMetadata, TurnRecord

NOON = 1_795_780_800.0
"""2026-11-27 12:00:00 UTC."""


def turn(number, *, tools=(), timings=None, **changes):
    """A turn that ended well, `number` seconds after noon."""
    about = {
        "session_id": f"s-{number % 3}",
        "turn_id": f"t-{number}",
        "agent_type": "todo",
        "source": "voice",
        "t0": NOON + number,
        "voice_timing": timings if timings is not None else {"stt_ms": 300.0, "first_audio_ms": 500.0},
    }
    about |= {name: changes.pop(name) for name in list(changes) if name in TurnMetadata.model_fields}
    fields = {
        "request_id": f"s-{number % 3}:t-{number}",
        "user_id": "u-1",
        "user_name": "Ann",
        "timestamp": NOON + number,
        "datetime": "2026-11-27T12:00:00+00:00",
        "provider": "offline",
        "model": "rules",
        "user_prompt": "add buy milk to my list",
        "agent_response": "I added buy milk.",
        "tool_calls": list(tools),
        "status": "success",
        "duration_ms": 700.0,
        "metadata": TurnMetadata(**about),
    }
    return TurnRecord(**(fields | changes))


def tool_call(name="create_todo", status="success", took=5.0):
    said = {"result": "done"} if status == "success" else {"error": "it is away"}
    return ToolCallRecord(
        tool_name=name, tool_id="1", arguments={}, duration_ms=took, elapsed_from_stop_ms=1.0, status=status, **said
    )


@pytest.fixture
async def index(tmp_path):
    index = TurnIndex(tmp_path / "turns.db", clock=lambda: NOON + 3600)
    await index.open()
    yield index
    await index.close()
