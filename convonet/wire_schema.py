"""The wire contracts as one JSON Schema document, from which `make protocol` generates docs and TypeScript types."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from convonet.desk import messages as desk
from convonet.monitor import messages as monitor
from convonet.protocol import client, server
from convonet.records.record import TurnRecord
from convonet.telephony.call_log import CallBack, PastCall

DESK_SENDS = (desk.DeskDoes, desk.DeskAlive)
DESK_GETS = (desk.DeskShown, desk.DeskRefused, desk.DeskAliveAck)
DESK_READS = (desk.Phone, PastCall, CallBack)
"""Bodies that the desk's page gets over HTTP."""

DESK_AUDIO_SENDS = (desk.DeskAudioOpen,)
DESK_AUDIO_GETS = (desk.DeskAudioOpened,)
"""The text messages of /call-center/audio, whose audio is binary."""

MONITOR_SENDS = (monitor.MonitorWatch, monitor.MonitorAlive)
MONITOR_GETS = (
    monitor.MonitorSnapshot,
    monitor.MonitorUpdate,
    monitor.MonitorLines,
    monitor.MonitorAliveAck,
    monitor.MonitorRefused,
)
MONITOR_READS = (monitor.TurnPage, monitor.Choices, TurnRecord)
"""Bodies that the monitor's page gets over HTTP."""


def wire_schema() -> dict[str, Any]:
    """Build the JSON Schema: one definition per message, and for each side of each socket the union of its messages."""
    senders = [m for m in vars(client).values() if _is_message(m, client.ClientMessage)]
    receivers = [m for m in vars(server).values() if _is_message(m, server.ServerMessage)]
    _, document = models_json_schema(
        [(m, "validation") for m in (*senders, *DESK_SENDS, *DESK_AUDIO_SENDS, *MONITOR_SENDS)]
        + [
            (m, "serialization")
            for m in (*receivers, *DESK_GETS, *DESK_AUDIO_GETS, *DESK_READS, *MONITOR_GETS, *MONITOR_READS)
        ],
        title="Convonet wire contracts of /webrtc/ws, /call-center/ws, /call-center/audio and /agent-monitor/ws",
    )
    definitions = document["$defs"]
    definitions["AnyClientMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in senders]}
    definitions["AnyServerMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in receivers]}
    definitions["AnyDeskClientMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in DESK_SENDS]}
    definitions["AnyDeskServerMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in DESK_GETS]}
    definitions["AnyMonitorClientMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in MONITOR_SENDS]}
    definitions["AnyMonitorServerMessage"] = {"anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in MONITOR_GETS]}
    return document


def render() -> str:
    """Return the document as text, the same in every run."""
    return json.dumps(wire_schema(), indent=2, sort_keys=True) + "\n"


def _is_message(value: object, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base) and "type" in getattr(value, "model_fields", {})
