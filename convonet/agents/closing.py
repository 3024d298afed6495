"""The end of a turn: the answer, what the conversation must remember, and what a human is told who takes over."""

from __future__ import annotations

import json
from datetime import datetime

from convonet.agents.base import ChatMessage, Final, TurnRequest
from convonet.agents.departments import asked_in, context_of, marker, reason_of
from convonet.agents.graph import TurnState
from convonet.agents.models import offline
from convonet.agents.skill import QUESTION
from convonet.core.errors import AgentError


def final_of(request: TurnRequest, state: TurnState, now: datetime) -> Final:
    """The turn's last event. Raises `AgentError` when there is no answer."""
    text, meant = state.get("answer", ""), state.get("meant", "")
    if not meant:
        raise AgentError("the model gave no answer")
    route = state["route"]
    said = (ChatMessage("user", request.transcript), ChatMessage("assistant", meant, tuple(state.get("done", ()))))
    conversation = request.history + said
    reason, told = "", None
    if route.department or route.call_back:
        reason = route.reason or reason_of(asked_in(conversation))
        told = context_of(request.caller, conversation, reason, _open_question(request), now.date())
    return Final(
        text,
        route.agent_type,
        state.get("provider", offline.PROVIDER),
        state.get("model", offline.MODEL),
        conversation,
        state.get("memory", request.memory),
        transfer_marker=marker(route.department, reason) if route.department else None,
        call_back=route.call_back,
        transfer_context=told,
        tokens_in=state.get("tokens_in", 0),
        tokens_out=state.get("tokens_out", 0),
    )


def _open_question(request: TurnRequest) -> str:
    try:
        return str(json.loads(request.memory[QUESTION])["text"])
    except (KeyError, ValueError):
        return ""
