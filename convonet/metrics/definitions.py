"""Every metric of the product, as data: docs/metrics.md, the dashboard and the alerts are checked against this list.

A tag has a closed set of values. No tag ever holds a session, a person, an address or a tool's argument: Prometheus
keeps a time series for each combination, for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from convonet.core.caller import AgentType
from convonet.core.errors import ErrorCode
from convonet.core.hand_over import OVER, DeskState, EndReason
from convonet.core.status import Source, TurnStatus
from convonet.settings.models import LlmServer

OTHER = "other"
"""What becomes of a tag's value that is none of its closed set."""

NONE = "none"
"""Of a turn that no model has answered, and of a hand-over that ended well."""

EXPORTED_PREFIX = "ray_"
"""Ray puts it before every name, and `_total` behind a counter's."""


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """A tag and its values; `from_` says where values come from that a process learns when it starts."""

    name: str
    values: tuple[str, ...] = ()
    from_: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric. A counter's and a histogram's values only grow; `buckets` are the upper bounds of a histogram."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: Literal["", "ms", "s"]
    description: str
    tags: tuple[Tag, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exported_names(self) -> tuple[str, ...]:
        """Its series on Ray's endpoint."""
        name = EXPORTED_PREFIX + self.name
        match self.kind:
            case "counter":
                return (f"{name}_total",)
            case "gauge":
                return (name,)
            case "histogram":
                return (f"{name}_bucket", f"{name}_count", f"{name}_sum")


STATUS = Tag("status", get_args(TurnStatus))
AGENT_TYPE = Tag("agent_type", get_args(AgentType))
SOURCE = Tag("source", tuple(source for source in get_args(Source) if source != "transfer"))
MODELS = ("anthropic", "google", "openai", *get_args(LlmServer), "offline")
MODEL_PROVIDER = Tag("provider", (*MODELS, NONE))
PROVIDER = Tag("provider", (*MODELS, "deepgram", "local"))
SERVICE = Tag("service", ("hearing", "thinking", "speaking"))
STAGE = Tag("stage", ("way_in", "hear", "route", "think", "speak", "send", "rest"))
TOOL = Tag("tool", from_="the MCP servers")
SERVER = Tag("server", from_="the domains")
RESULT = Tag("result", ("success", "failed"))
DIRECTION = Tag("direction", ("in", "out"))
CODE = Tag("code", tuple(ErrorCode))
OUTCOME = Tag("outcome", tuple(sorted(OVER)))
WHY = Tag("why", (*EndReason, NONE))
DEPARTMENT = Tag("department", from_="the settings")
DESK_STATE = Tag("state", tuple(DeskState))
PART = Tag("part", ("voice", "agent", "speech", "tools", "call_center", "hanok", "crm", "monitor"))

ADDED_MS = (1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000)
"""The design promises 6 ms at best and 20 ms with 50 callers: that is where the bounds lie close."""

STAGE_MS = (5, 10, 20, 50, 100, 200, 350, 500, 750, 1000, 1500, 2000, 3000, 5000, 8000, 12_000, 20_000, 30_000)
"""A caller notices from 300 ms on, thinks that the line is dead after two seconds, and every timeout is below 30 s."""

TOOL_MS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 6000)
WAIT_S = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600)

SESSIONS = Metric("convonet_sessions", "gauge", "", "Sessions that live in this voice replica.")
TURNS = Metric(
    "convonet_turns",
    "counter",
    "",
    "Turns that are over, by how they ended and who answered.",
    (STATUS, AGENT_TYPE, SOURCE, MODEL_PROVIDER),
)
ADDED_LATENCY = Metric(
    "convonet_added_latency_ms",
    "histogram",
    "ms",
    "Our own part of the time to the first audio: the recogniser, the model, the tools and the voice taken off.",
    (SOURCE,),
    ADDED_MS,
)
FIRST_AUDIO = Metric(
    "convonet_first_audio_ms",
    "histogram",
    "ms",
    "From the end of what the caller said to the first audio of the answer.",
    (SOURCE,),
    STAGE_MS,
)
STAGES = Metric("convonet_stage_ms", "histogram", "ms", "Each stage of a turn by itself.", (STAGE,), STAGE_MS)
TOOL_CALLS = Metric("convonet_tool_calls", "counter", "", "Calls of tools.", (TOOL, SERVER, RESULT))
TOOL_TIME = Metric("convonet_tool_ms", "histogram", "ms", "How long a tool took.", (SERVER,), TOOL_MS)
PROVIDER_ERRORS = Metric(
    "convonet_provider_errors",
    "counter",
    "",
    "Failures of who hears, thinks or speaks, each followed by a rest or by another one.",
    (SERVICE, PROVIDER),
)
FALLBACKS = Metric(
    "convonet_fallbacks",
    "counter",
    "",
    "Times that another one than the first choice heard, thought or spoke; `provider` is who did.",
    (SERVICE, PROVIDER),
)
TOKENS = Metric(
    "convonet_tokens", "counter", "", "Tokens that hosted models read and wrote.", (MODEL_PROVIDER, DIRECTION)
)
BARGE_INS = Metric("convonet_barge_ins", "counter", "", "Times that a caller has interrupted an answer.")
REFUSALS = Metric("convonet_refusals", "counter", "", "Callers and messages that were refused.", (CODE,))
PIN_FAILURES = Metric("convonet_pin_failures", "counter", "", "Wrong PINs.")
HAND_OVERS = Metric(
    "convonet_hand_overs",
    "counter",
    "",
    "Hand-overs to a human that are over; `ended` is after a talk.",
    (OUTCOME, WHY),
)
HAND_OVER_WAIT = Metric(
    "convonet_hand_over_wait_s",
    "histogram",
    "s",
    "From asking for a human to talking with one, or to the end without.",
    (OUTCOME,),
    WAIT_S,
)
TALK = Metric("convonet_talk_s", "counter", "s", "Time that callers and humans have talked.")
QUEUE = Metric("convonet_queue_callers", "gauge", "", "Callers who wait for a human.", (DEPARTMENT,))
DESKS = Metric("convonet_desks", "gauge", "", "People at their desks, by what they do.", (DESK_STATE,))
LOOP_LAG = Metric(
    "convonet_loop_lag_ms", "gauge", "ms", "Longest that the process's event loop was late in ten seconds.", (PART,)
)
RECORDS_WAITING = Metric("convonet_records_waiting", "gauge", "", "Turn records that the store has not taken yet.")
RECORDS_LOST = Metric("convonet_records_lost", "counter", "", "Turn records that were given up.")

METRICS = (
    SESSIONS,
    TURNS,
    ADDED_LATENCY,
    FIRST_AUDIO,
    STAGES,
    TOOL_CALLS,
    TOOL_TIME,
    PROVIDER_ERRORS,
    FALLBACKS,
    TOKENS,
    BARGE_INS,
    REFUSALS,
    PIN_FAILURES,
    HAND_OVERS,
    HAND_OVER_WAIT,
    TALK,
    QUEUE,
    DESKS,
    LOOP_LAG,
    RECORDS_WAITING,
    RECORDS_LOST,
)
