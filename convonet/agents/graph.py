"""The turn as a LangGraph graph, built once per process.

    route ─┬─► small_talk, hand_over, out_of_scope ──► end
           └─► think ◄──► use_tools ──► hand_over           (the domain agent)
                 └──► end

The route is known before the graph begins, and a hosted model is asked: a step of LangGraph's takes as long as all that
is done in it. Nodes emit the typed events of `base` as they happen; what a node needs comes with the turn's context.
Nodes and the functions that choose between them are async: LangGraph runs others in threads, at 0.5 ms each.
"""

from __future__ import annotations

import asyncio
import contextlib
import operator
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, TypedDict, cast

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from convonet.agents.ahead import Ahead
from convonet.agents.base import AgentEvent, DomainChosen, ToolFinished, ToolStarted, TurnRequest
from convonet.agents.call_back import CALL_BACK
from convonet.agents.domain import Domain
from convonet.agents.models.base import AssistantMessage, Message, ToolCall, ToolMessage
from convonet.agents.models.chain import ModelChain, Thought
from convonet.agents.patience import Patience
from convonet.agents.prompt import model_request
from convonet.agents.router import Route, Router
from convonet.agents.skill import QUESTION
from convonet.agents.steering import STEERING
from convonet.agents.toolsets import Toolsets
from convonet.agents.writing import AnswerWriter
from convonet.auth.tokens import CallerClaims
from convonet.core.errors import AgentError
from convonet.mcp.client import ToolBox
from convonet.mcp.effect_key import EffectKeys
from convonet.mcp.server import tool_name
from convonet.metrics import tools as tool_metrics
from convonet.tracing.spans import span

MOST_ROUNDS = 6
"""Times that tools may be used in one turn; a caller does not wait for more."""

MOST_AT_ONCE = 8
"""Tool calls of one turn that run at the same time."""

READING = ("get_", "list_", "search_", "check_", "calculate_", "estimate_")
"""How the names of tools begin that change nothing."""

GIVE_UP = "I'm sorry, that took me too many steps. Please try it in smaller parts."


@dataclass(slots=True)
class Counters:
    """How many turns are answered now, and what was done so far."""

    answering: int = 0
    turns: int = 0
    tool_calls: int = 0
    tool_failures: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all turns of a process share."""

    domains: Mapping[str, Domain]
    """By name, with that of the sentences which belong to none."""
    router: Router
    models: ModelChain
    tools: ToolBox
    toolsets: Toolsets
    counters: Counters = field(default_factory=Counters)


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
    emit: Callable[[AgentEvent], None]
    """Tells whoever asked for the turn."""
    ahead: Ahead[str | Thought] | None = None
    """The first answer of the model, where it was asked already."""
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    @property
    def claims(self) -> CallerClaims:
        """For whom the turn's tools are called."""
        caller, turn_id = self.request.caller, self.request.turn_id
        return CallerClaims(caller.user_id, caller.user_name, str(self.now.tzinfo), turn_id, self.request.session_id)


class TurnState(TypedDict, total=False):
    """What nodes hand on. What is annotated adds up; `done` is what the tools changed, as a person reads it.

    `answer` is all that the caller hears; `meant` is that without the fillers, as the conversation remembers it.
    """

    route: Route
    messages: Annotated[list[Message], operator.add]
    answer: Annotated[str, operator.add]
    meant: Annotated[str, operator.add]
    memory: dict[str, str]
    rounds: Annotated[int, operator.add]
    done: Annotated[list[str], operator.add]
    tokens_in: Annotated[int, operator.add]
    tokens_out: Annotated[int, operator.add]
    provider: str
    model: str


TurnGraph = CompiledStateGraph[TurnState, TurnContext, TurnState, TurnState]


def build_graph() -> TurnGraph:
    """The compiled graph; it keeps nothing between turns."""
    graph = StateGraph(TurnState, TurnContext)
    for direct in ("small_talk", "hand_over", "out_of_scope"):
        graph.add_node(direct, _say_prepared)
        graph.add_edge(direct, END)
    graph.add_node("think", _think)
    graph.add_node("use_tools", _use_tools)
    graph.add_node("give_up", _give_up)
    graph.add_conditional_edges(
        START,
        _first,
        {"domain": "think", "small_talk": "small_talk", "hand_over": "hand_over", "out_of_scope": "out_of_scope"},
    )
    graph.add_conditional_edges("think", _after_thinking, ["use_tools", "give_up", END])
    graph.add_conditional_edges("use_tools", _after_tools, ["think", "hand_over"])
    graph.add_edge("give_up", END)
    return graph.compile()


async def think(turn: TurnContext, route: Route, messages: list[Message]) -> AsyncGenerator[str | Thought, None]:
    """A model's answer, with the tools of the route's domain; without any while their server is down."""
    domain, models = turn.around.domains[route.domain], turn.around.models
    tools = await turn.around.toolsets.of(domain)
    asked = model_request(domain, turn.request, turn.now, route.suggested, messages, tools)
    preferred = turn.request.provider or turn.request.caller.llm_provider
    async with contextlib.aclosing(models.think(asked, turn.tried, preferred)) as parts:
        async for part in parts:
            yield part


async def _say_prepared(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    with _writer(state, runtime) as writer:
        writer.say(state["route"].text)
    return _said(writer) | {"memory": state["route"].memory}


async def _think(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn = runtime.context
    if turn.ahead is not None and not state["rounds"]:
        answering = turn.ahead.items()
    else:
        answering = think(turn, state["route"], state["messages"])
    thought: Thought | None = None
    with _writer(state, runtime) as writer:
        async with contextlib.aclosing(answering) as parts:
            async for part in parts:
                if isinstance(part, Thought):
                    thought = part
                else:
                    writer.say(part)
        if thought is None:
            raise AgentError("the model's stream ended without an answer")
        if thought.message.calls:
            writer.pause()
    return _thought(thought, turn.request) | _said(writer)


def _thought(thought: Thought, request: TurnRequest) -> TurnState:
    # only our own model keeps a question open: a hosted one reads the conversation
    unasked = {name: value for name, value in request.memory.items() if name != QUESTION}
    memory = unasked if thought.memory is None else thought.memory
    return {
        "messages": [thought.message],
        # a "yes" after this answers something else
        "memory": {name: value for name, value in memory.items() if name != CALL_BACK},
        "provider": thought.provider,
        "model": thought.model,
        "tokens_in": thought.tokens_in,
        "tokens_out": thought.tokens_out,
    }


async def _first(state: TurnState) -> str:
    return state["route"].kind


async def _after_thinking(state: TurnState) -> str:
    if not _calls(state):
        return END
    return "use_tools" if state.get("rounds", 0) < MOST_ROUNDS else "give_up"


async def _after_tools(state: TurnState) -> str:
    return "hand_over" if state["route"].kind == "hand_over" else "think"


async def _use_tools(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn, route, calls = runtime.context, state["route"], _calls(state)
    domain = turn.around.domains[route.domain]
    has_read = any(isinstance(said, ToolMessage) and said.tool not in STEERING for said in state["messages"])
    with _writer(state, runtime) as writer:
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(_use_tool(turn, domain, c)) for c in calls if c.name not in STEERING]
    results = [task.result() for task in working]
    done = [domain.label(result.tool) for result in results if _changed(result)]
    for call in calls:
        if call.name in STEERING:
            route, told = turn.around.router.steered(turn.request, route, call, has_read=has_read)
            results.append(ToolMessage(call.id, call.name, True, told))
    if route.agent_type != state["route"].agent_type:
        turn.emit(DomainChosen(route.agent_type))
    update: TurnState = {"messages": [*results], "rounds": 1, "done": done, "route": route}
    return update | _said(writer)


def _changed(result: ToolMessage) -> bool:
    return result.ok and not result.tool.startswith(READING)


async def _use_tool(turn: TurnContext, domain: Domain, call: ToolCall) -> ToolMessage:
    around, label = turn.around, domain.label(call.name)
    async with turn.slots:
        turn.emit(ToolStarted(call.id, call.name, label, call.arguments))
        began = time.perf_counter()
        with span("execute_tool", kind="client", tool=tool_name(call.name)) as calling:
            calling.words(arguments=call.arguments)
            result = around.toolsets.made_up(domain, call.name) or await around.tools.call(
                domain.name,
                call.name,
                call.arguments,
                claims=turn.claims,
                idempotency_key=turn.effects.key(domain.name, call.name, call.arguments),
            )
            calling.status = "success" if result.ok else "failed"
            calling.words(result=result.text)
        spent_s = time.perf_counter() - began
        tool_metrics.count_call(domain.name, call.name, ok=result.ok, spent_s=spent_s)
        around.counters.tool_calls += 1
        around.counters.tool_failures += not result.ok
        turn.emit(ToolFinished(call.id, call.name, label, result.ok, result.text, round(1000 * spent_s, 2)))
    return ToolMessage(call.id, call.name, result.ok, result.text, result.data)


async def _give_up(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    with _writer(state, runtime) as writer:
        writer.say(GIVE_UP)
    return _said(writer)


def _calls(state: TurnState) -> tuple[ToolCall, ...]:
    """What the last answer of a model wants to use."""
    return cast("AssistantMessage", state["messages"][-1]).calls


def _writer(state: TurnState, runtime: Runtime[TurnContext]) -> AnswerWriter:
    turn = runtime.context
    return AnswerWriter(state.get("answer", ""), state.get("meant", ""), turn.patience, turn.emit)


def _said(writer: AnswerWriter) -> TurnState:
    """What a node said, as nodes hand it on."""
    return {"answer": writer.heard, "meant": writer.meant}
