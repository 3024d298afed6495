"""Requests and responses of the agent's HTTP API, in the names that clients of /agent/process use."""

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
    """One sentence of a caller."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"prompt": "what are my todos"}]})

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
    user_id: uuid.UUID | None = None
    """Id of the caller, trusted because of the service token; see `Callers` for requests without one."""
    user_name: str | None = Field(None, max_length=200, description="Accepted and not used: the name is looked up.")
    session_id: Identifier = "default"
    """Id of the conversation, which a user's requests with the same id continue."""
    reset_thread: bool = False
    """Whether to start a new conversation."""
    model: str | None = Field(None, max_length=100, description="The provider to ask first, if it is set up.")
    metadata: dict[str, Any] | None = Field(None, description="Accepted and not used.")


class ProcessAnswer(BaseModel):
    """The answer of a turn."""

    response: str
    transfer_marker: str | None
    transfer_context: TransferContext | None
    call_back: CallBackRequest | None
    """A call back that the answer promises; the client of the API has to arrange it."""
    processing_time_ms: float
    agent_type: AgentType
    provider: str
    model: str


class TextPiece(BaseModel):
    """The next piece of the answer."""

    text: str


class Topic(BaseModel):
    """The agent that answers."""

    agent_type: AgentType


class ToolUse(BaseModel):
    """A tool call; the result comes with `finished` and `failed`."""

    tool: str
    label: str
    phase: Literal["started", "finished", "failed"]
    result: str | None = None
    duration_ms: float | None = None


class Providers(BaseModel):
    """The models in the order in which they are asked, with this replica's view of their health."""

    providers: list[ProviderHealth]


class Health(BaseModel):
    """A replica that is alive."""

    status: Literal["ok"] = "ok"
    service: str = "agent-llm-service"
