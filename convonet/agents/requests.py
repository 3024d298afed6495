"""Serves turns on a replica's own port: events as they happen, `Final` as the result. `AgentReplicas` is the client."""

from __future__ import annotations

import contextlib
from typing import cast

from pydantic import TypeAdapter

from convonet.agents.base import (
    Agent,
    AgentEvent,
    DomainChosen,
    Final,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnRequest,
)
from convonet.core.errors import AgentError, AgentTimeout, ConvonetError
from convonet.rpc.server import Request
from convonet.rpc.wire import METHOD_NOT_FOUND, Message, RpcError

TURN = "turn"

NO_ANSWER = -32000
"""JSON-RPC error code of a failed turn; the error's data names the exception."""

STOP_TIMEOUT_S = 15.0
"""Time that running turns get when a replica stops; most end within five seconds."""

_REQUEST = TypeAdapter(TurnRequest)
_EVENTS: dict[str, TypeAdapter[AgentEvent]] = {
    kind.__name__: cast("TypeAdapter[AgentEvent]", TypeAdapter(kind))
    for kind in (DomainChosen, TextDelta, ToolStarted, ToolFinished, Final)
}
_ERRORS = {kind.__name__: kind for kind in (AgentError, AgentTimeout)}


def to_params(request: TurnRequest) -> Message:
    """Return the RPC parameters of a turn request."""
    return cast("Message", _REQUEST.dump_python(request, mode="json"))


def to_event(message: Message) -> AgentEvent:
    """Read an event or a result. Raises `AgentError` for any other message."""
    try:
        return _EVENTS[message["kind"]].validate_python(message["is"])
    except (LookupError, ValueError) as error:
        raise AgentError("the agent's answer was not understood") from error


def to_error(error: RpcError) -> AgentError:
    """Return the exception of a failed turn."""
    return _ERRORS.get(str(error.data), AgentError)(error.message)


class TurnRequests:
    """Handles requests for the agent of this process."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def answer(self, request: Request) -> Message:
        """Run a turn, emit its events, and return its `Final`. Raises `RpcError`."""
        if request.method != TURN:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {request.method}.")
        try:
            async with contextlib.aclosing(self._agent.turn(_REQUEST.validate_python(request.params))) as events:
                async for event in events:
                    if isinstance(event, Final):
                        return _to_message(event)
                    request.emit(_to_message(event))
        except ConvonetError as error:
            raise RpcError(NO_ANSWER, str(error), type(error).__name__) from None
        raise RpcError(NO_ANSWER, "the agent's stream ended without an answer", AgentError.__name__)


def _to_message(event: AgentEvent) -> Message:
    kind = type(event).__name__
    return {"kind": kind, "is": _EVENTS[kind].dump_python(event, mode="json")}
