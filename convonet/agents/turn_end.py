"""Builds the last event of a turn, `Final`, from the graph's state. The service calls it."""

from __future__ import annotations

import json
from datetime import datetime

from convonet.agents.base import ChatMessage, Final, TurnRequest
from convonet.agents.departments import caller_sentences, hand_over_reason, hand_over_to, transfer_context
from convonet.agents.graph import TurnState
from convonet.agents.models import rules
from convonet.agents.skill import QUESTION
from convonet.core.errors import AgentError


def build_final(request: TurnRequest, state: TurnState, now: datetime) -> Final:
    """Build the event. Raises `AgentError` when there is no answer."""
    content = state.get("content", "")
    if not content:
        raise AgentError("the model gave no answer")
    route = state["route"]
    turn = ChatMessage("user", request.transcript), ChatMessage("assistant", content, tuple(state.get("done", ())))
    conversation = request.history + turn
    reason, context = "", None
    if route.department or route.call_back:
        reason = route.reason or hand_over_reason(caller_sentences(conversation))
        context = transfer_context(request.caller, conversation, reason, _open_question(request), now.date())
    return Final(
        state["spoken"],
        route.agent_type,
        state.get("provider", rules.PROVIDER),
        state.get("model", rules.MODEL),
        conversation,
        state.get("memory", request.memory),
        hand_over=hand_over_to(route.department, reason) if route.department else None,
        call_back=route.call_back,
        transfer_context=context,
        tokens_in=state.get("tokens_in", 0),
        tokens_out=state.get("tokens_out", 0),
    )


def _open_question(request: TurnRequest) -> str:
    try:
        return str(json.loads(request.memory[QUESTION])["text"])
    except (KeyError, ValueError):
        return ""
