"""What goes in and out of the agent's HTTP API; the names are those that clients of /agent/process use."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from convonet.agents.base import CallBackRequest
from convonet.agents.models.health import ProviderHealth
from convonet.core.caller import AgentType
from convonet.core.hand_over import TransferContext

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@-]{1,128}$")]


class ProcessRequest(BaseModel):
    """One thing that a caller said."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"prompt": "what are my todos"}]})

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
    user_id: uuid.UUID | None = None
    """Who calls. It is believed because the request carries the service token; see `Callers` for who names nobody."""
    user_name: str | None = Field(None, max_length=200, description="Accepted and not used: the name is looked up.")
    session_id: Identifier = "default"
    """Requests of one user with the same one are one conversation."""
    reset_thread: bool = False
    """Whether to forget what was said before."""
    model: str | None = Field(None, max_length=100, description="The provider to ask first, if it is set up.")
    metadata: dict[str, Any] | None = Field(None, description="Accepted and not used.")


class ProcessAnswer(BaseModel):
    """The whole answer of a turn."""

    response: str
    transfer_marker: str | None
    transfer_context: TransferContext | None
    call_back: CallBackRequest | None
    """A call back that the answer promises: whoever asked has to see to it."""
    processing_time_ms: float
    agent_type: AgentType
    provider: str
    model: str


class TextPiece(BaseModel):
    """A piece of the answer, in order."""

    text: str


class Topic(BaseModel):
    """Which agent answers."""

    agent_type: AgentType


class ToolUse(BaseModel):
    """A tool at work; the result comes with `finished` and `failed`."""

    tool: str
    label: str
    phase: Literal["started", "finished", "failed"]
    result: str | None = None
    duration_ms: float | None = None


class Providers(BaseModel):
    """All models that may be asked, the first asked first, as this replica knows them."""

    providers: list[ProviderHealth]


class Health(BaseModel):
    """Alive."""

    status: Literal["ok"] = "ok"
    service: str = "agent-llm-service"
