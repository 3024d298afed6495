"""The turn as a LangGraph graph, built once per process and run by `AgentService`.

    route ─┬─► small_talk, hand_over, out_of_scope ──► end
           └─► ask_model ◄──► use_tools ──► hand_over     (the domain agent)
                 └──► end, or give_up after too many rounds ──► end

Routing and the first request to a hosted model come before the graph, since a LangGraph step ends only when all of its
work is done. Nodes emit the events of `base` as they happen. All node functions are async: LangGraph runs synchronous
ones in threads, which costs 0.5 ms each.
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

from convonet.agents.base import AgentEvent, DomainChosen, ToolFinished, ToolStarted, TurnRequest
from convonet.agents.call_back import CALL_BACK
from convonet.agents.domain import Domain
from convonet.agents.eager_stream import EagerStream
from convonet.agents.fillers import FillerTimer
from convonet.agents.models.base import AssistantMessage, Message, ModelAnswer, ToolCall, ToolMessage
from convonet.agents.models.chain import ModelChain
from convonet.agents.prompt import model_request
from convonet.agents.router import Route, Router
from convonet.agents.skill import QUESTION
from convonet.agents.steering import STEERING
from convonet.agents.toolsets import Toolsets
from convonet.agents.writing import AnswerWriter
from convonet.auth.tokens import CallerClaims
from convonet.core.errors import AgentError
from convonet.mcp.effect_key import EffectKeys
from convonet.mcp.server import tool_name
from convonet.metrics import tools as tool_metrics
from convonet.tracing.spans import span

MAX_TOOL_ROUNDS = 6
"""Rounds of tool calls in one turn; no caller waits for more."""

MAX_PARALLEL_TOOLS = 8
"""Tool calls of one turn that run at the same time."""

READ_PREFIXES = ("get_", "list_", "search_", "check_", "calculate_", "estimate_")
"""Names of tools that change nothing begin with one of these."""

GIVE_UP = "I'm sorry, that took me too many steps. Please try it in smaller parts."


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """The values that stay constant during a turn, and the services that its nodes use."""

    request: TurnRequest
    now: datetime
    """In the caller's time zone."""
    domains: Mapping[str, Domain]
    """All domains by name, with the general one."""
    router: Router
    models: ModelChain
    tools: Toolsets
    fillers: FillerTimer
    failed_providers: set[str]
    """Providers that have failed in this turn."""
    effects: EffectKeys
    emit: Callable[[AgentEvent], None]
    first_answer: EagerStream[str | ModelAnswer] | None = None
    """The model's first answer, if it was requested before the graph."""
    tool_slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PARALLEL_TOOLS))

    @property
    def claims(self) -> CallerClaims:
        """The caller for whom tools are called."""
        caller, turn_id = self.request.caller, self.request.turn_id
        return CallerClaims(caller.user_id, caller.user_name, str(self.now.tzinfo), turn_id, self.request.session_id)


class TurnState(TypedDict, total=False):
    """The state that nodes pass on. Annotated values add up; `done` holds labels of tools that changed something.

    `spoken` is everything that the caller hears; `content` is the same without fillers, for the history.
    """

    route: Route
    messages: Annotated[list[Message], operator.add]
    spoken: Annotated[str, operator.add]
    content: Annotated[str, operator.add]
    memory: dict[str, str]
    rounds: Annotated[int, operator.add]
    done: Annotated[list[str], operator.add]
    tokens_in: Annotated[int, operator.add]
    tokens_out: Annotated[int, operator.add]
    provider: str
    model: str


TurnGraph = CompiledStateGraph[TurnState, TurnContext, TurnState, TurnState]


def build_graph() -> TurnGraph:
    """Compile the graph; it keeps nothing between turns."""
    graph = StateGraph(TurnState, TurnContext)
    for prepared in ("small_talk", "hand_over", "out_of_scope"):
        graph.add_node(prepared, _say_prepared)
        graph.add_edge(prepared, END)
    graph.add_node("ask_model", _ask_model)
    graph.add_node("use_tools", _use_tools)
    graph.add_node("give_up", _give_up)
    graph.add_conditional_edges(
        START,
        _first_node,
        {"domain": "ask_model", "small_talk": "small_talk", "hand_over": "hand_over", "out_of_scope": "out_of_scope"},
    )
    graph.add_conditional_edges("ask_model", _after_model, ["use_tools", "give_up", END])
    graph.add_conditional_edges("use_tools", _after_tools, ["ask_model", "hand_over"])
    graph.add_edge("give_up", END)
    return graph.compile()


async def stream_answer(
    turn: TurnContext, route: Route, messages: list[Message]
) -> AsyncGenerator[str | ModelAnswer, None]:
    """Stream a model's answer: pieces of text, then the whole answer."""
    domain = turn.domains[route.domain]
    tools = await turn.tools.toolset(domain)
    request = model_request(domain, turn.request, turn.now, route.suggested_form, messages, tools)
    preferred = turn.request.provider or turn.request.caller.llm_provider
    async with contextlib.aclosing(turn.models.answer(request, turn.failed_providers, preferred)) as items:
        async for item in items:
            yield item


async def _say_prepared(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    return _say(state["route"].text, state, runtime) | {"memory": state["route"].memory}


async def _give_up(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    return _say(GIVE_UP, state, runtime)


async def _ask_model(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn = runtime.context
    if turn.first_answer is not None and not state["rounds"]:
        stream = turn.first_answer.items()
    else:
        stream = stream_answer(turn, state["route"], state["messages"])
    answer: ModelAnswer | None = None
    with _writer(state, runtime) as writer:
        async with contextlib.aclosing(stream) as items:
            async for item in items:
                if isinstance(item, ModelAnswer):
                    answer = item
                else:
                    writer.write(item)
        if answer is None:
            raise AgentError("the model's stream ended without an answer")
        if answer.message.calls:
            writer.end_sentence()
    memory = answer.memory
    if memory is None:
        # only the rules keep a question open: a hosted model reads the conversation
        memory = {name: value for name, value in turn.request.memory.items() if name != QUESTION}
    update: TurnState = {
        "messages": [answer.message],
        # a later "yes" no longer answers the offer of a call back
        "memory": {name: value for name, value in memory.items() if name != CALL_BACK},
        "provider": answer.provider,
        "model": answer.model,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
    }
    return update | _written(writer)


async def _first_node(state: TurnState) -> str:
    return state["route"].kind


async def _after_model(state: TurnState) -> str:
    if not _calls(state):
        return END
    return "use_tools" if state.get("rounds", 0) < MAX_TOOL_ROUNDS else "give_up"


async def _after_tools(state: TurnState) -> str:
    return "hand_over" if state["route"].kind == "hand_over" else "ask_model"


async def _use_tools(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    turn, route, calls = runtime.context, state["route"], _calls(state)
    domain = turn.domains[route.domain]
    has_read = any(isinstance(message, ToolMessage) and message.tool not in STEERING for message in state["messages"])
    with _writer(state, runtime) as writer:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_use_tool(turn, domain, c)) for c in calls if c.name not in STEERING]
    results = [task.result() for task in tasks]
    done = [domain.label(result.tool) for result in results if result.ok and not result.tool.startswith(READ_PREFIXES)]
    for call in calls:
        if call.name in STEERING:
            route, text = turn.router.steer(turn.request, route, call, has_read=has_read)
            results.append(ToolMessage(call.id, call.name, True, text))
    if route.agent_type != state["route"].agent_type:
        turn.emit(DomainChosen(route.agent_type))
    update: TurnState = {"messages": [*results], "rounds": 1, "done": done, "route": route}
    return update | _written(writer)


async def _use_tool(turn: TurnContext, domain: Domain, call: ToolCall) -> ToolMessage:
    label = domain.label(call.name)
    async with turn.tool_slots:
        turn.emit(ToolStarted(call.id, call.name, label, call.arguments))
        began = time.perf_counter()
        with span("execute_tool", kind="client", tool=tool_name(call.name)) as tool_span:
            tool_span.words(arguments=call.arguments)
            key = turn.effects.key(domain.name, call.name, call.arguments)
            result = await turn.tools.call_tool(domain, call, claims=turn.claims, idempotency_key=key)
            tool_span.status = "success" if result.ok else "failed"
            tool_span.words(result=result.text)
        spent_s = time.perf_counter() - began
        tool_metrics.count_call(domain.name, call.name, ok=result.ok, spent_s=spent_s)
        turn.emit(ToolFinished(call.id, call.name, label, result.ok, result.text, round(1000 * spent_s, 2)))
    return ToolMessage(call.id, call.name, result.ok, result.text, result.data)


def _calls(state: TurnState) -> tuple[ToolCall, ...]:
    """Return the tool calls of the model's last answer."""
    return cast("AssistantMessage", state["messages"][-1]).calls


def _say(text: str, state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    with _writer(state, runtime) as writer:
        writer.write(text)
    return _written(writer)


def _writer(state: TurnState, runtime: Runtime[TurnContext]) -> AnswerWriter:
    turn = runtime.context
    return AnswerWriter(state.get("spoken", ""), state.get("content", ""), turn.fillers, turn.emit)


def _written(writer: AnswerWriter) -> TurnState:
    return {"spoken": writer.spoken, "content": writer.content}
