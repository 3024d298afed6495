"""Every metric of the product, as data; docs/metrics.md, the dashboard and the alerts are checked against this list.

A tag has a closed set of values. It never holds a session, a person, an address or a tool's argument, since Prometheus
keeps a time series for each combination.
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
"""Replaces tag values outside the closed set."""

NONE = "none"
"""Provider of a turn without a model, and reason of a hand-over that ended well."""

EXPORTED_PREFIX = "ray_"
"""Ray adds this prefix to every name, and the suffix `_total` to a counter's."""


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """A tag and its values; `from_` names the source of values that are known only at run time."""

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
        """Names of its series on Ray's endpoint."""
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
COMPONENT = Tag("part", ("voice", "agent", "speech", "tools", "call_center", "hanok", "crm", "monitor"))

ADDED_MS = (1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000)
"""The bounds are close together around the targets: 6 ms at best, 20 ms with 50 callers."""

STAGE_MS = (5, 10, 20, 50, 100, 200, 350, 500, 750, 1000, 1500, 2000, 3000, 5000, 8000, 12_000, 20_000, 30_000)
"""Callers notice a delay from 300 ms on and think that the call is dead after 2 s; all timeouts are below 30 s."""

TOOL_MS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 6000)
WAIT_S = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600)

SESSIONS = Metric("convonet_sessions", "gauge", "", "Sessions in this voice replica.")
TURNS = Metric(
    "convonet_turns",
    "counter",
    "",
    "Finished turns, by status and model provider.",
    (STATUS, AGENT_TYPE, SOURCE, MODEL_PROVIDER),
)
ADDED_LATENCY = Metric(
    "convonet_added_latency_ms",
    "histogram",
    "ms",
    "Our own part of the time to first audio, without STT, the model, the tools and TTS.",
    (SOURCE,),
    ADDED_MS,
)
FIRST_AUDIO = Metric(
    "convonet_first_audio_ms",
    "histogram",
    "ms",
    "From the end of the caller's utterance to the first audio of the answer.",
    (SOURCE,),
    STAGE_MS,
)
STAGES = Metric("convonet_stage_ms", "histogram", "ms", "Duration of each stage of a turn.", (STAGE,), STAGE_MS)
TOOL_CALLS = Metric("convonet_tool_calls", "counter", "", "Tool calls.", (TOOL, SERVER, RESULT))
TOOL_TIME = Metric("convonet_tool_ms", "histogram", "ms", "Duration of a tool call.", (SERVER,), TOOL_MS)
PROVIDER_ERRORS = Metric(
    "convonet_provider_errors",
    "counter",
    "",
    "Failures of STT, model and TTS providers, each followed by a pause or by another provider.",
    (SERVICE, PROVIDER),
)
FALLBACKS = Metric(
    "convonet_fallbacks",
    "counter",
    "",
    "Times that another provider stood in for the first choice of STT, model or TTS; `provider` is the stand-in.",
    (SERVICE, PROVIDER),
)
TOKENS = Metric(
    "convonet_tokens", "counter", "", "Tokens that hosted models have read and written.", (MODEL_PROVIDER, DIRECTION)
)
BARGE_INS = Metric("convonet_barge_ins", "counter", "", "Answers that a caller interrupted (barge-in).")
REFUSALS = Metric("convonet_refusals", "counter", "", "Refused callers and messages.", (CODE,))
PIN_FAILURES = Metric("convonet_pin_failures", "counter", "", "Wrong PINs.")
HAND_OVERS = Metric(
    "convonet_hand_overs",
    "counter",
    "",
    "Finished hand-overs to a human; `ended` is after a talk.",
    (OUTCOME, WHY),
)
HAND_OVER_WAIT = Metric(
    "convonet_hand_over_wait_s",
    "histogram",
    "s",
    "From the request for a human to the talk with one, or to the end without a talk.",
    (OUTCOME,),
    WAIT_S,
)
TALK = Metric("convonet_talk_s", "counter", "s", "Talk time of callers and humans.")
QUEUE = Metric("convonet_queue_callers", "gauge", "", "Callers waiting for a human.", (DEPARTMENT,))
DESKS = Metric("convonet_desks", "gauge", "", "Staff at their desks, by state.", (DESK_STATE,))
LOOP_LAG = Metric(
    "convonet_loop_lag_ms", "gauge", "ms", "Longest lag of the process's event loop in ten seconds.", (COMPONENT,)
)
RECORDS_WAITING = Metric("convonet_records_waiting", "gauge", "", "Turn records that the store does not have yet.")
RECORDS_LOST = Metric("convonet_records_lost", "counter", "", "Turn records that were dropped.")

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
