"""The turn as a LangGraph graph, built once per process.

    understand ─┬─► small_talk, hand_over, out_of_scope ──► end
                └─► think ◄──► use_tools ──► hand_over      (the domain agent)
                      └──► end

Nodes write the typed events of `base` as they happen; what a node needs comes with the turn's context. All are async:
LangGraph runs others in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import operator
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Annotated, Any, Protocol, Self, TypedDict, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from convonet.agents.base import AgentEvent, DomainChosen, TextDelta, ToolFinished, ToolStarted, TurnRequest
from convonet.agents.call_back import CALL_BACK
from convonet.agents.domain import Domain
from convonet.agents.models.chain import Thought
from convonet.agents.patience import Patience
from convonet.agents.prompt import MEMORY, conversation, system_message
from convonet.agents.router import Route
from convonet.agents.skill import QUESTION
from convonet.agents.spoken import gap, is_whole
from convonet.agents.steering import STEERING
from convonet.errors import AgentError
from convonet.mcp.client import ToolResult
from convonet.mcp.effect_key import EffectKeys

MOST_ROUNDS = 6
"""Times that tools may be used in one turn; a caller does not wait for more."""

MOST_AT_ONCE = 8
"""Tool calls of one turn that run at the same time."""

READING = ("get_", "list_", "search_", "check_", "calculate_", "estimate_")
"""How the names of tools begin that change nothing."""

GIVE_UP = "I'm sorry, that took me too many steps. Please try it in smaller parts."


class Surroundings(Protocol):
    """What the graph uses of the process; `AgentService` is it."""

    async def route(self, request: TurnRequest, now: datetime) -> Route: ...

    def domain(self, name: str) -> Domain: ...

    def think(
        self, turn: TurnContext, domain: Domain, messages: list[BaseMessage]
    ) -> AsyncGenerator[str | Thought, None]: ...

    def steer(self, turn: TurnContext, route: Route, call: ToolCall, *, has_read: bool) -> tuple[Route, str]: ...

    async def call_tool(self, turn: TurnContext, domain: Domain, call: ToolCall) -> ToolResult: ...


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What does not change during a turn; `now` is in the caller's time zone."""

    request: TurnRequest
    now: datetime
    around: Surroundings
    patience: Patience
    tried: set[str]
    """Providers that have failed in this turn."""
    effects: EffectKeys
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))


class TurnState(TypedDict, total=False):
    """What nodes hand on. What is annotated adds up; `done` is what the tools changed, as a person reads it.

    `answer` is all that the caller hears; `meant` is that without the fillers, as the conversation remembers it.
    """

    route: Route
    messages: Annotated[list[BaseMessage], operator.add]
    answer: Annotated[str, operator.add]
    meant: Annotated[str, operator.add]
    memory: dict[str, str]
    rounds: Annotated[int, operator.add]
    calls: Annotated[int, operator.add]
    done: Annotated[list[str], operator.add]
    tokens_in: Annotated[int, operator.add]
    tokens_out: Annotated[int, operator.add]
    provider: str
    model: str


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
    graph.add_conditional_edges("use_tools", _after_tools, ["think", "hand_over"])
    graph.add_edge("give_up", END)
    return graph.compile()


async def _understand(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn = runtime.context
    route = await turn.around.route(turn.request, turn.now)
    _emit(runtime, DomainChosen(route.agent_type))
    if route.kind != "domain":
        return {"route": route}
    return {"route": route, "messages": conversation(turn.request)}


async def _say_prepared(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    with _Voice(state, runtime) as voice:
        voice.say(state["route"].text)
    return voice.told() | {"memory": state["route"].memory}


async def _think(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn, route = runtime.context, state["route"]
    domain = turn.around.domain(route.domain)
    system = system_message(domain, turn.request, turn.now, route.suggested)
    answering = turn.around.think(turn, domain, [system, *state["messages"]])
    with _Voice(state, runtime) as voice:
        async with contextlib.aclosing(answering) as parts:
            async for part in parts:
                if isinstance(part, Thought):
                    if part.message.tool_calls:
                        voice.pause()
                    return _thought(part, turn.request) | voice.told()
                voice.say(part)
    raise AgentError("the model's stream ended without an answer")


def _thought(thought: Thought, request: TurnRequest) -> TurnState:
    message = thought.message
    # only our own model keeps a question open: a hosted one reads the conversation
    unasked = {name: value for name, value in request.memory.items() if name != QUESTION}
    memory = message.response_metadata.get(MEMORY, unasked)
    update: TurnState = {
        "messages": [message],
        # a "yes" after this answers something else
        "memory": {name: value for name, value in memory.items() if name != CALL_BACK},
        "provider": thought.provider,
        "model": thought.model,
    }
    if usage := message.usage_metadata:
        update["tokens_in"] = usage["input_tokens"]
        update["tokens_out"] = usage["output_tokens"]
    return update


def _after_thinking(state: TurnState) -> str:
    last = cast("AIMessage", state["messages"][-1])
    if not last.tool_calls:
        return END
    return "use_tools" if state.get("rounds", 0) < MOST_ROUNDS else "give_up"


def _after_tools(state: TurnState) -> str:
    return "hand_over" if state["route"].kind == "hand_over" else "think"


async def _use_tools(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn, route = runtime.context, state["route"]
    calls = cast("AIMessage", state["messages"][-1]).tool_calls
    domain, first = turn.around.domain(route.domain), state.get("calls", 0)
    has_read = any(isinstance(said, ToolMessage) and said.name not in STEERING for said in state["messages"])
    with _Voice(state, runtime) as voice:
        async with asyncio.TaskGroup() as group:
            working = [
                group.create_task(_use_tool(runtime, domain, call, first + index))
                for index, call in enumerate(calls)
                if call["name"] not in STEERING
            ]
    results = [task.result() for task in working]
    for call in calls:
        if call["name"] in STEERING:
            route, told = turn.around.steer(turn, route, call, has_read=has_read)
            results.append(_tool_message(call["id"] or call["name"], call["name"], ToolResult(True, told, {})))
    if route.agent_type != state["route"].agent_type:
        _emit(runtime, DomainChosen(route.agent_type))
    done = [domain.label(task.result().name or "") for task in working if _changed(task.result())]
    update: TurnState = {"messages": [*results], "rounds": 1, "calls": len(calls), "done": done, "route": route}
    return update | voice.told()


def _changed(result: ToolMessage) -> bool:
    return result.status == "success" and not (result.name or "").startswith(READING)


async def _use_tool(runtime: Runtime[TurnContext], domain: Domain, call: ToolCall, number: int) -> ToolMessage:
    turn, label = runtime.context, domain.label(call["name"])
    call_id = call["id"] or f"call-{number}"
    async with turn.slots:
        _emit(runtime, ToolStarted(call_id, call["name"], label, call["args"]))
        started = time.perf_counter()
        result = await turn.around.call_tool(turn, domain, call)
        spent = round((time.perf_counter() - started) * 1000, 2)
        _emit(runtime, ToolFinished(call_id, call["name"], label, result.ok, result.text, spent))
    return _tool_message(call_id, call["name"], result)


def _tool_message(call_id: str, tool: str, result: ToolResult) -> ToolMessage:
    body: dict[str, Any] = {"message": result.text, "data": result.data}
    return ToolMessage(json.dumps(body), tool_call_id=call_id, name=tool, status="success" if result.ok else "error")


async def _give_up(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    with _Voice(state, runtime) as voice:
        voice.say(GIVE_UP)
    return voice.told()


class _Voice:
    """Speaks for a node, and says a filler whenever the caller has heard nothing for too long."""

    def __init__(self, state: TurnState, runtime: Runtime[TurnContext]) -> None:
        self._said = self._meant = ""
        self._said_before, self._meant_before = state.get("answer", ""), state.get("meant", "")
        self._runtime = runtime
        self._patience = runtime.context.patience

    def __enter__(self) -> Self:
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def say(self, text: str) -> None:
        """Say a piece of the answer."""
        self._meant += text if self._meant else gap(self._meant_before, text) + text
        self._speak(text if self._said else gap(self._said_before, text) + text)

    def pause(self) -> None:
        """Let what was said be spoken before there is more: a voice takes a sentence when white space follows."""
        if self._said and not self._said[-1].isspace():
            self.say(" ")

    def told(self) -> TurnState:
        """What it said, as nodes hand it on."""
        return {"answer": self._said, "meant": self._meant}

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_at(self._patience.ends_at, self._fill)

    def _fill(self) -> None:
        # what was said since the timer was set has put the end of the caller's patience off
        if asyncio.get_running_loop().time() >= self._patience.ends_at:
            heard, filler = self._said_before + self._said, self._patience.filler()
            in_mid_sentence = heard.strip() and not is_whole(heard)
            self._speak(f"{'… ' if in_mid_sentence else gap(heard, filler)}{filler} ")
        self._wait()

    def _speak(self, piece: str) -> None:
        if self._said.endswith(" "):
            piece = piece.lstrip(" ")
        if piece:
            self._said += piece
            self._patience.heard(piece)
            _emit(self._runtime, TextDelta(piece))


def _emit(runtime: Runtime[TurnContext], event: AgentEvent) -> None:
    runtime.stream_writer(event)
