"""The turn as a LangGraph graph, built once per process.

    understand ─┬─► small_talk, hand_over, out_of_scope ──► end
                └─► think ◄──► use_tools      (the domain agent)
                      └──► end

Nodes write the typed events of `base` as they happen; what a node needs comes with the turn's context. All are async:
LangGraph runs others in threads.
"""

from __future__ import annotations

import asyncio
import json
import operator
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol, TypedDict, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall, ToolMessage
from langchain_core.runnables import Runnable
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from convonet.agents.base import AgentEvent, DomainChosen, TextDelta, ToolFinished, ToolStarted, TurnRequest
from convonet.agents.domain import Domain
from convonet.agents.prompt import MEMORY, messages_for
from convonet.agents.router import Route
from convonet.mcp.client import ToolResult

MOST_ROUNDS = 6
"""Times that tools may be used in one turn; a caller does not wait for more."""

MOST_AT_ONCE = 8
"""Tool calls of one turn that run at the same time."""

READING = ("get_", "list_", "search_", "check_", "calculate_", "estimate_")
"""How the names of tools begin that change nothing."""

GIVE_UP = "I'm sorry, that took me too many steps. Please try it in smaller parts."

Model = Runnable[LanguageModelInput, AIMessage]
"""A chat model with a domain's tools bound to it."""


class Surroundings(Protocol):
    """What the graph uses of the process; `AgentService` is it."""

    async def route(self, request: TurnRequest, now: datetime) -> Route: ...

    def domain(self, name: str) -> Domain: ...

    async def model_for(self, domain: Domain) -> Model: ...

    async def call_tool(self, turn: TurnContext, domain: Domain, call: ToolCall, number: int) -> ToolResult: ...


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What does not change during a turn; `now` is in the caller's time zone."""

    request: TurnRequest
    now: datetime
    around: Surroundings
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))


class TurnState(TypedDict, total=False):
    """What nodes hand on. What is annotated adds up; `done` is what the tools changed, as a person reads it."""

    route: Route
    messages: Annotated[list[BaseMessage], operator.add]
    answer: Annotated[str, operator.add]
    memory: dict[str, str]
    rounds: Annotated[int, operator.add]
    calls: Annotated[int, operator.add]
    done: Annotated[list[str], operator.add]
    tokens_in: Annotated[int, operator.add]
    tokens_out: Annotated[int, operator.add]


TurnGraph = CompiledStateGraph[TurnState, TurnContext, TurnState, TurnState]


def build_graph() -> TurnGraph:
    """The compiled graph; it keeps nothing between turns."""
    graph = StateGraph(TurnState, TurnContext)
    graph.add_node("understand", _understand)
    for direct in ("small_talk", "hand_over", "out_of_scope"):
        graph.add_node(direct, _say_prepared)
        graph.add_edge(direct, END)
    graph.add_node("think", _think)
    graph.add_node("use_tools", _use_tools)
    graph.add_node("give_up", _give_up)
    graph.add_edge(START, "understand")
    graph.add_conditional_edges(
        "understand",
        lambda state: state["route"].kind,
        {"domain": "think", "small_talk": "small_talk", "hand_over": "hand_over", "out_of_scope": "out_of_scope"},
    )
    graph.add_conditional_edges("think", _after_thinking, ["use_tools", "give_up", END])
    graph.add_edge("use_tools", "think")
    graph.add_edge("give_up", END)
    return graph.compile()


async def _understand(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn = runtime.context
    route = await turn.around.route(turn.request, turn.now)
    _emit(runtime, DomainChosen(route.agent_type))
    if route.kind != "domain":
        return {"route": route}
    domain = turn.around.domain(route.domain)
    return {"route": route, "messages": messages_for(domain, turn.request, turn.now, route.suggested)}


async def _say_prepared(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    route = state["route"]
    _emit(runtime, TextDelta(route.text))
    return {"answer": route.text, "memory": route.memory}


async def _think(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    domain = runtime.context.around.domain(state["route"].domain)
    model = await runtime.context.around.model_for(domain)
    message: AIMessageChunk | None = None
    async for chunk in model.astream(state["messages"]):
        piece = cast("AIMessageChunk", chunk)
        if piece.text:
            _emit(runtime, TextDelta(piece.text))
        message = piece if message is None else message + piece
    return _thought(message or AIMessageChunk(content=""))


def _thought(message: AIMessageChunk) -> TurnState:
    update: TurnState = {"messages": [message], "answer": message.text}
    if (memory := message.response_metadata.get(MEMORY)) is not None:
        update["memory"] = memory
    if usage := message.usage_metadata:
        update["tokens_in"] = usage["input_tokens"]
        update["tokens_out"] = usage["output_tokens"]
    return update


def _after_thinking(state: TurnState) -> str:
    last = cast("AIMessage", state["messages"][-1])
    if not last.tool_calls:
        return END
    return "use_tools" if state.get("rounds", 0) < MOST_ROUNDS else "give_up"


async def _use_tools(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    calls = cast("AIMessage", state["messages"][-1]).tool_calls
    domain = runtime.context.around.domain(state["route"].domain)
    first = state.get("calls", 0)
    async with asyncio.TaskGroup() as group:
        working = [
            group.create_task(_use_tool(runtime, domain, call, first + index)) for index, call in enumerate(calls)
        ]
    results = [task.result() for task in working]
    done = [domain.label(result.name or "") for result in results if result.status == "success" and _changes(result)]
    return {"messages": [*results], "rounds": 1, "calls": len(calls), "done": done}


def _changes(result: ToolMessage) -> bool:
    return not (result.name or "").startswith(READING)


async def _use_tool(runtime: Runtime[TurnContext], domain: Domain, call: ToolCall, number: int) -> ToolMessage:
    turn, label = runtime.context, domain.label(call["name"])
    call_id = call["id"] or f"call-{number}"
    async with turn.slots:
        _emit(runtime, ToolStarted(call_id, call["name"], label, call["args"]))
        started = time.perf_counter()
        result = await turn.around.call_tool(turn, domain, call, number)
        spent = round((time.perf_counter() - started) * 1000, 2)
        _emit(runtime, ToolFinished(call_id, call["name"], label, result.ok, result.text, spent))
    return _tool_message(call_id, call["name"], result)


def _tool_message(call_id: str, tool: str, result: ToolResult) -> ToolMessage:
    body: dict[str, Any] = {"message": result.text, "data": result.data}
    return ToolMessage(json.dumps(body), tool_call_id=call_id, name=tool, status="success" if result.ok else "error")


async def _give_up(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    _emit(runtime, TextDelta(GIVE_UP))
    return {"answer": GIVE_UP}


def _emit(runtime: Runtime[TurnContext], event: AgentEvent) -> None:
    runtime.stream_writer(event)
