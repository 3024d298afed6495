"""Tools of hosted models that steer a turn: change the topic, hand the caller over, promise a call back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convonet.agents.domain import Domain
from convonet.agents.models.base import Tool

GO_TO = "go_to"
TRANSFER = "transfer_to_agent"
ASK_CALL_BACK = "ask_call_back"
STEERING = frozenset({GO_TO, TRANSFER, ASK_CALL_BACK})


def steering_tools(domain: Domain, domains: Sequence[Domain], departments: Sequence[str]) -> tuple[Tool, ...]:
    """Return the steering tools for a model in `domain`."""
    others = {other.name: other.about for other in domains if other.name != domain.name}
    tools = [_tool(GO_TO, _go_to(others), {"topic": {"type": "string", "enum": list(others)}})] if others else []
    where = {"type": "string", "enum": list(departments)}
    why = {"type": "string", "description": "What the human should know first, in a few words."}
    tools.append(_tool(TRANSFER, "Connect the caller to a human.", {"department": where, "reason": why}))
    call_back = {
        "department": where,
        "phone": {"type": "string", "description": "The number that the caller has just said; else empty."},
    }
    about = (
        "Have somebody call the caller back, when the caller wants that. It asks for the number itself if it is needed."
    )
    tools.append(_tool(ASK_CALL_BACK, about, call_back))
    return tuple(tools)


def _go_to(others: Mapping[str, str]) -> str:
    return "Go on with another topic, with its tools: " + "; ".join(f"{n}: {about}" for n, about in others.items())


def _tool(name: str, description: str, properties: Mapping[str, Any]) -> Tool:
    parameters = {"type": "object", "properties": dict(properties), "required": list(properties)}
    return Tool(name, description, parameters)
