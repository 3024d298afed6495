"""The wire contract of /agent-monitor: the messages of the page's WebSocket, and the bodies of its HTTP API.

Times are Unix seconds, latencies milliseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from convonet.core.caller import AgentType
from convonet.core.status import TurnStatus

MAX_MESSAGE_BYTES = 1_024


class CallState(StrEnum):
    """State of a live call."""

    READY = "ready"
    """The caller may speak."""
    THINKING = "thinking"
    """A turn is going on, and no audio of its answer was sent yet."""
    SPEAKING = "speaking"
    """A turn is going on, and its answer is being spoken."""
    WAITING = "waiting"
    """The caller waits for a human."""
    WITH_HUMAN = "with_human"
    AWAY = "away"
    """The caller's connection is lost; the session waits for the caller to come back."""


Who = Literal["caller", "agent", "human", "tool", "notice"]


class LiveLine(BaseModel):
    """One entry of a live transcript. An entry that grows or changes is sent again under its number."""

    number: int
    at: float
    who: Who
    text: str
    failed: bool = False
    """The tool has failed, or the notice says that something went wrong."""
    open: bool = False
    """More of the entry is still to come."""


class LiveCall(BaseModel):
    """One live call."""

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
    """Department of the hand-over that is going on."""
    host: str = ""
    """The voice replica that holds the session."""


ComponentName = Literal["voice", "agent", "speech", "tools", "call_center", "hanok", "crm", "monitor"]


class PartView(BaseModel):
    """One replica of one component, with its own gauges."""

    part: ComponentName
    replica: str
    since: float
    """Start of the replica."""
    silent_for_s: float
    """Seconds since its last report; more than a few are a sign of trouble."""
    figures: dict[str, float]
    """Gauges by name; names and units are in docs/monitoring.md."""


class StoreView(BaseModel):
    """One data store, as the monitor sees it."""

    name: Literal["records", "checkpoints", "database"]
    kind: Literal["embedded", "redis", "postgresql"]
    state: Literal["ok", "away", "reading"]
    """`reading`: the list of past turns is still being read."""
    since: float
    progress: float | None = None
    """Progress of the reading, from 0 to 1."""
    waiting: int = 0
    """Records that wait to be written."""


class Now(BaseModel):
    """The gauges of the whole system at this moment."""

    at: float
    calls: dict[CallState, int]
    turns_in_flight: int
    queue: dict[str, int]
    """Number of callers who wait for a human, by department."""
    hand_overs: dict[str, int]
    """Number of hand-overs that are going on, by state."""
    desks: dict[str, int]
    """Number of people at their desks, by state."""
    refusals_today: int
    parts: list[PartView]
    stores: list[StoreView]


class StageLatency(BaseModel):
    """Latency of one stage of today's turns, counted from the end of the utterance."""

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
    """Tokens that one model has used today; `cost` is None where no price is set."""

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
    """Number of hand-overs by outcome; failed ones by their reason."""
    latency: list[StageLatency]
    tools: list[ToolToday]
    tokens: list[Tokens]
    currency: str
    hours: list[Hour]


class TurnRow(BaseModel):
    """One turn in a list; GET api/turns/{request_id} has its whole `TurnRecord`."""

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
    """Prompt and response are cut after 200 characters."""
    first_audio_ms: float | None
    duration_ms: float
    tool_calls: int
    failed_tools: int
    hand_over: bool


class TurnPage(BaseModel):
    """A page of the list of turns, newest first."""

    turns: list[TurnRow]
    next: str | None
    """The `cursor` of the next page; None on the last one."""


class Choices(BaseModel):
    """Values that occur in the list, for its filters."""

    providers: list[str]
    agent_types: list[str]
    statuses: list[str]
    sources: list[str]


# -- over the WebSocket, to the page


class MonitorSnapshot(BaseModel):
    """First message, with the whole state."""

    type: Literal["monitor_snapshot"] = "monitor_snapshot"
    staff_name: str
    now: Now
    today: Today
    calls: list[LiveCall]


class MonitorUpdate(BaseModel):
    """Changes since the previous message; sent a few times a second at most."""

    type: Literal["monitor_update"] = "monitor_update"
    now: Now | None = None
    today: Today | None = None
    calls: list[LiveCall] = []
    """Calls that are new or have changed."""
    ended: list[str] = []
    """Session ids of calls that have ended."""
    turns: list[TurnRow] = []
    """Turns that have ended, newest last."""


class MonitorLines(BaseModel):
    """Transcript entries of the call that this page watches; all of them in the first message after `monitor_watch`."""

    type: Literal["monitor_lines"] = "monitor_lines"
    session_id: str
    lines: list[LiveLine]
    all: bool = False
    """The entries replace all that the page has of this call."""


class MonitorAliveAck(BaseModel):
    """Answer to `monitor_alive`."""

    type: Literal["monitor_alive_ack"] = "monitor_alive_ack"


class MonitorRefused(BaseModel):
    """A message was not understood; the text is for the person at the page."""

    type: Literal["monitor_refused"] = "monitor_refused"
    message: str


# -- over the WebSocket, from the page


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class MonitorWatch(_Sent):
    """Show the transcript of this call from now on, or none."""

    type: Literal["monitor_watch"]
    session_id: Annotated[str, Field(max_length=64)] | None


class MonitorAlive(_Sent):
    """Heartbeat, answered by `monitor_alive_ack`."""

    type: Literal["monitor_alive"]


monitor_messages: TypeAdapter[MonitorWatch | MonitorAlive] = TypeAdapter(
    Annotated[MonitorWatch | MonitorAlive, Field(discriminator="type")]
)
