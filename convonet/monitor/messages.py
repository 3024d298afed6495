"""The wire contract of /agent-monitor: what the page gets over its WebSocket and over HTTP, and what it sends.

Times are Unix seconds, latencies milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from convonet.core.caller import AgentType
from convonet.core.status import TurnStatus

MOST_BYTES = 1_024


class CallState(StrEnum):
    """What a live call is doing."""

    READY = "ready"
    """The caller may speak."""
    THINKING = "thinking"
    """A turn is going on and nothing of its answer was spoken yet."""
    SPEAKING = "speaking"
    """A turn is going on and its answer is being spoken."""
    WAITING = "waiting"
    """The caller waits for a human."""
    WITH_HUMAN = "with_human"
    AWAY = "away"
    """The caller's connection is lost; the session waits for them."""


Who = Literal["caller", "agent", "human", "tool", "notice"]


class LiveLine(BaseModel):
    """One line of a live transcript. A line that grows or changes is sent again under its number."""

    number: int
    at: float
    who: Who
    text: str
    failed: bool = False
    """Of a tool, or a notice: it says that something went wrong."""
    open: bool = False
    """More of it is still to come."""


class LiveCall(BaseModel):
    """One call that is going on."""

    session_id: str
    user_name: str
    state: CallState
    state_since: float
    began_at: float
    agent_type: AgentType | None = None
    turns: int = 0
    failed_turns: int = 0
    last_who: Who | None = None
    last_words: str = ""
    department: str | None = None
    """Of the hand-over that is going on."""
    host: str = ""
    """The voice replica that holds it."""


PartName = Literal["voice", "agent", "speech", "tools", "call_center", "hanok", "crm", "monitor"]


class PartView(BaseModel):
    """One replica of one part of the system, by its own figures."""

    part: PartName
    replica: str
    since: float
    """When it started."""
    silent_for_s: float
    """How long nothing was heard of it; more than a few seconds is a sign of trouble."""
    figures: dict[str, float]
    """Their names and units are in docs/monitoring.md."""


class StoreView(BaseModel):
    """One thing that the system keeps its data in, as those see it who use it."""

    name: Literal["records", "checkpoints", "database"]
    kind: Literal["embedded", "redis", "postgresql"]
    state: Literal["ok", "away", "reading"]
    """`reading`: the list of past turns is still being read."""
    since: float
    progress: float | None = None
    """Of the reading, from 0 to 1."""
    waiting: int = 0
    """Records that wait to be written."""


class Now(BaseModel):
    """The system at this moment, in numbers."""

    at: float
    calls: dict[CallState, int]
    turns_in_flight: int
    queue: dict[str, int]
    """Callers who wait for a human, by department."""
    hand_overs: dict[str, int]
    """Hand-overs that are going on, by state."""
    desks: dict[str, int]
    """People at their desks, by state."""
    refusals_today: int
    parts: list[PartView]
    stores: list[StoreView]


class StageLatency(BaseModel):
    """How long one stage of today's turns took, from the end of the utterance on."""

    stage: str
    """A key of `voice_timing`."""
    count: int
    p50_ms: float
    p95_ms: float


class ToolToday(BaseModel):
    tool: str
    calls: int
    failed: int
    p95_ms: float | None
    """None while no call of it has ended."""


class Tokens(BaseModel):
    """What one model was used for today; `cost` is None where no price is set."""

    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: float | None


class Hour(BaseModel):
    """One hour of today."""

    hour: int
    turns: int
    failed: int


class Today(BaseModel):
    """All turns since midnight in the configured time zone."""

    date: str
    timezone: str
    turns: int
    by_status: dict[TurnStatus, int]
    by_provider: dict[str, int]
    by_agent_type: dict[str, int]
    hand_overs: dict[str, int]
    """By outcome, or by why it failed."""
    latency: list[StageLatency]
    tools: list[ToolToday]
    tokens: list[Tokens]
    currency: str
    hours: list[Hour]


class TurnRow(BaseModel):
    """One turn in a list; GET api/turns/{request_id} has all of it (a `TurnRecord`)."""

    request_id: str
    timestamp: float
    session_id: str
    user_id: str
    user_name: str
    provider: str
    model: str
    agent_type: str
    source: str
    status: TurnStatus
    user_prompt: str
    agent_response: str
    """Both cut after 200 characters."""
    first_audio_ms: float | None
    duration_ms: float
    tool_calls: int
    failed_tools: int
    hand_over: bool


class TurnPage(BaseModel):
    """A page of the list of turns, newest first."""

    turns: list[TurnRow]
    next: str | None
    """The `cursor` of the following page; None on the last one."""


class Choices(BaseModel):
    """What the list can be filtered by: the values that occur."""

    providers: list[str]
    agent_types: list[str]
    statuses: list[str]
    sources: list[str]


# -- over the WebSocket, to the page


class MonitorSnapshot(BaseModel):
    """First message: everything."""

    type: Literal["monitor_snapshot"] = "monitor_snapshot"
    staff_name: str
    now: Now
    today: Today
    calls: list[LiveCall]


class MonitorUpdate(BaseModel):
    """What has changed since the message before: a few times a second at most, and only what is new."""

    type: Literal["monitor_update"] = "monitor_update"
    now: Now | None = None
    today: Today | None = None
    calls: list[LiveCall] = []
    """Those that are new or changed."""
    ended: list[str] = []
    """Session ids of calls that are over."""
    turns: list[TurnRow] = []
    """Turns that are over, newest last."""


class MonitorLines(BaseModel):
    """Lines of the call that this page watches; the first such message after `monitor_watch` has all that are kept."""

    type: Literal["monitor_lines"] = "monitor_lines"
    session_id: str
    lines: list[LiveLine]
    all: bool = False
    """These replace whatever the page has of this call."""


class MonitorAliveAck(BaseModel):
    """Answer to a sign of life."""

    type: Literal["monitor_alive_ack"] = "monitor_alive_ack"


class MonitorRefused(BaseModel):
    """Something was not understood; the words are for the person."""

    type: Literal["monitor_refused"] = "monitor_refused"
    message: str


# -- over the WebSocket, from the page


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class MonitorWatch(_Sent):
    """Show this call's transcript from now on; None shows none."""

    type: Literal["monitor_watch"]
    session_id: Annotated[str, Field(max_length=64)] | None


class MonitorAlive(_Sent):
    """Sign of life; answered by `monitor_alive_ack`."""

    type: Literal["monitor_alive"]


monitor_messages: TypeAdapter[MonitorWatch | MonitorAlive] = TypeAdapter(
    Annotated[MonitorWatch | MonitorAlive, Field(discriminator="type")]
)
