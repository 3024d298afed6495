"""The agent of a process: owns the graph, the model and the open connections to the tools; answers one turn at a time
for any number of callers at once. It keeps nothing of a conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from convonet.agents import general
from convonet.agents.ahead import Ahead
from convonet.agents.base import AgentEvent, DomainChosen, TextDelta, TurnRequest
from convonet.agents.closing import final_of
from convonet.agents.departments import Departments
from convonet.agents.domain import Domain, all_domains
from convonet.agents.graph import TurnContext, TurnState, build_graph
from convonet.agents.models import chosen_models
from convonet.agents.models.base import ChosenModel, Message, Tool, ToolCall, Toolset
from convonet.agents.models.chain import Limits, ModelChain, Thought
from convonet.agents.models.health import ProviderHealth
from convonet.agents.models.tools import plain_schema
from convonet.agents.patience import FILLER_AFTER_S, Patience
from convonet.agents.prompt import conversation, model_request
from convonet.agents.router import Route, Router
from convonet.agents.skill import SkillTurn
from convonet.agents.steering import steering_tools
from convonet.auth.tokens import CallerClaims
from convonet.clock import Clock, utc_now
from convonet.errors import AgentError, AgentTimeout, ConvonetError
from convonet.mcp.client import ToolBox, ToolResult, no_such_tool
from convonet.mcp.effect_key import EffectKeys
from convonet.mcp.port import ToolServers
from convonet.mcp.server import tool_name
from convonet.mcp.streamable_http import named_tool_servers
from convonet.metrics import tools as tool_metrics
from convonet.settings import Settings
from convonet.tracing.spans import Attributes, Span, span

log = structlog.get_logger(__name__)

ASKED_WITHIN_S = 0.001
"""For a question to a hosted model to be sent."""


class AgentService:
    """Implements `convonet.agents.base.Agent`. `close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        *,
        tools: ToolServers | None = None,
        domains: Sequence[Domain] | None = None,
        models: Sequence[ChosenModel] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`tools` are the tool servers; default: those at the address that the settings name."""
        found = all_domains() if domains is None else tuple(domains)
        self._of_callers = found
        self._domains = {domain.name: domain for domain in (*found, general.general_domain(found))}
        self._departments = Departments.of(settings)
        skills = {name: domain.skill for name, domain in self._domains.items()}
        self._models = ModelChain(
            chosen_models(settings, skills) if models is None else models,
            Limits(settings.llm_silence_s, settings.llm_timeout_s, settings.llm_rest_s),
        )
        self._router = Router(found, self._departments, hosted=self._models.has_hosted, region=settings.phone_region)
        self._toolsets: dict[str, Toolset] = {}
        self._tools = ToolBox(tools or named_tool_servers(settings), timeout_s=settings.tool_timeout_s)
        self._graph = build_graph()
        self._is_warm = False
        self._turn_timeout_s = settings.turn_timeout_s
        self._clock = clock
        self._at_work = 0
        self._turns = 0
        self._tool_calls = 0
        self._tool_failures = 0

    def figures(self) -> Mapping[str, float]:
        """Turns at work now and so far, tool calls and models' failures so far."""
        return {
            "answering": self._at_work,
            "turns": self._turns,
            "tool_calls": self._tool_calls,
            "tool_failures": self._tool_failures,
            "model_failures": sum(model.failures for model in self.models()),
        }

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`."""
        self._at_work += 1
        self._turns += 1
        try:
            async with contextlib.aclosing(self._turn(request)) as events:
                async for event in events:
                    yield event
        finally:
            self._at_work -= 1

    async def _turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        began = asyncio.get_running_loop().time()
        now = self._clock().astimezone(_zone(request))
        state: TurnState = {}
        tried: set[str] = set()
        patience, effects = Patience(FILLER_AFTER_S), EffectKeys(request.turn_id)
        with _traced(request) as answering:
            for said in self._router.parts(request, now):
                if state:
                    patience.heard(" ")
                    yield TextDelta(" ")
                events: asyncio.Queue[AgentEvent | None] = asyncio.Queue()
                part = _part_of(request, said, state)
                context = TurnContext(part, now, self, patience, tried, effects, events.put_nowait)
                route = await self._route(context)
                async with AsyncExitStack() as working:
                    context = await self._ask_ahead(context, route, working)
                    yield DomainChosen(route.agent_type)
                    running = self._run(context, route, state, working)
                    running.add_done_callback(partial(_end, events))
                    while (event := await _next(events, began + self._turn_timeout_s)) is not None:
                        yield event
                    state = _state_of(running)
                if state["route"].department or state["route"].call_back:
                    # what leads to a human ends the turn
                    break
            final = final_of(request, state, now)
            answering.set(agent_type=final.agent_type, provider=final.provider, model=final.model)
            answering.words(transcript=request.transcript, answer=final.text)
        # after the span: who has the last event closes this generator
        yield final

    async def warm_up(self) -> bool:
        """Do what is slow the first time (classifier, dates, connections); returns whether all domains' tools answer.

        Hosted models are tried in the background: the agent is ready without them.
        """
        if self._is_warm:
            return True
        await self._router.warm_up()
        for domain in self._of_callers:
            await self._toolset(domain)
            domain.skill.claims(SkillTurn(f"{domain.examples[0]} by december third", self._clock()))
        self._models.warm_up()
        self._is_warm = all(domain.name in self._toolsets for domain in self._of_callers)
        return self._is_warm

    def models(self) -> tuple[ProviderHealth, ...]:
        """The models in the order in which they are asked, and how they are doing."""
        return self._models.health()

    async def close(self) -> None:
        """Close the connections to the models and the tools."""
        await self._models.close()
        await self._tools.close()

    # -- what the graph uses

    def domain(self, name: str) -> Domain:
        """The domain of that name."""
        return self._domains[name]

    async def think(
        self, turn: TurnContext, route: Route, messages: list[Message]
    ) -> AsyncGenerator[str | Thought, None]:
        """A model's answer, with the tools of the route's domain; without any while their server is down."""
        domain = self._domains[route.domain]
        tools = await self._toolset(domain)
        asked = model_request(domain, turn.request, turn.now, route.suggested, messages, tools)
        preferred = turn.request.provider or turn.request.caller.llm_provider
        async with contextlib.aclosing(self._models.think(asked, turn.tried, preferred)) as parts:
            async for part in parts:
                yield part

    def steer(self, turn: TurnContext, route: Route, call: ToolCall, *, has_read: bool) -> tuple[Route, str]:
        """Where a model's steering tool leads, and what the model is told of that."""
        return self._router.steered(turn.request, route, call, has_read=has_read)

    async def call_tool(self, turn: TurnContext, domain: Domain, call: ToolCall) -> ToolResult:
        """Call a tool for the turn's caller."""
        caller, turn_id = turn.request.caller, turn.request.turn_id
        claims = CallerClaims(caller.user_id, caller.user_name, str(turn.now.tzinfo), turn_id, turn.request.session_id)
        began = time.perf_counter()
        with span("execute_tool", kind="client", tool=tool_name(call.name)) as calling:
            calling.words(arguments=call.arguments)
            result = self._made_up(domain, call.name) or await self._tools.call(
                domain.name,
                call.name,
                call.arguments,
                claims=claims,
                idempotency_key=turn.effects.key(domain.name, call.name, call.arguments),
            )
            calling.status = "success" if result.ok else "failed"
            calling.words(result=result.text)
        if not self._tools.knows(domain.name):
            # the server has changed: a model is told its tools anew
            self._toolsets.pop(domain.name, None)
        tool_metrics.note(domain.name, call.name, ok=result.ok, spent_s=time.perf_counter() - began)
        self._tool_calls += 1
        self._tool_failures += not result.ok
        return result

    def _made_up(self, domain: Domain, tool: str) -> ToolResult | None:
        """What a model is told that has made up a tool; None when there is one of that name, or nobody knows."""
        known = self._toolsets.get(domain.name)
        names = [one.name for one in known.tools] if known else [tool]
        return None if tool in names else no_such_tool(tool, names)

    async def _toolset(self, domain: Domain) -> Toolset:
        """The domain's tools; a hosted model may steer the turn besides."""
        if domain.name in self._toolsets:
            return self._toolsets[domain.name]
        steering: tuple[Tool, ...] = ()
        if self._models.has_hosted:
            steering = steering_tools(domain, self._of_callers, self._departments.names, self._departments.fallback)
        try:
            specs = [] if domain.name == general.NAME else await self._tools.list_tools(domain.name)
        except ConnectionError:
            log.warning("tools_unknown", server=domain.name)
            return Toolset(f"{domain.name}, unreachable", steering)
        tool_metrics.begin(domain.name, [spec.name for spec in specs])
        own = (Tool(spec.name, spec.description, plain_schema(spec.parameters)) for spec in specs)
        self._toolsets[domain.name] = Toolset(domain.name, (*own, *steering))
        return self._toolsets[domain.name]

    async def _route(self, turn: TurnContext) -> Route:
        with span("route") as routing:
            route = await self._router.route(turn.request, turn.now)
            routing.set(route=route.kind, agent_type=route.agent_type)
        log.debug("routed", kind=route.kind, agent_type=route.agent_type)
        return route

    async def _ask_ahead(self, context: TurnContext, route: Route, working: AsyncExitStack) -> TurnContext:
        """Ask a hosted model before the graph begins, and wait until the question has left."""
        if route.kind != "domain" or not self._models.has_hosted:
            return context
        ahead = Ahead(self.think(context, route, conversation(context.request)))
        working.push_async_callback(ahead.close)
        await asyncio.sleep(ASKED_WITHIN_S)
        return replace(context, ahead=ahead)

    def _run(
        self, context: TurnContext, route: Route, before: TurnState, working: AsyncExitStack
    ) -> asyncio.Task[TurnState]:
        """Run the graph as long as `working` is open; what adds up goes on from `before`."""
        start: TurnState = {
            "route": route,
            "messages": conversation(context.request) if route.kind == "domain" else [],
            "rounds": 0,
            "answer": f"{before['answer']} " if before else "",
            "meant": f"{before['meant']} " if before else "",
            "done": before.get("done", []),
            "tokens_in": before.get("tokens_in", 0),
            "tokens_out": before.get("tokens_out", 0),
        }
        if "model" in before:
            # whose tokens these are, where the rest of the turn needs no model
            start |= {"provider": before["provider"], "model": before["model"]}
        running: asyncio.Task[TurnState] = asyncio.create_task(self._graph.ainvoke(start, context=context))  # type: ignore[arg-type]
        # what cancels the nodes at work
        working.push_async_callback(_stop, running)
        return running


@contextlib.contextmanager
def _traced(request: TurnRequest) -> Generator[Span, None, None]:
    """The agent's part of a turn, in logs and traces. What crashes is told here: Serve's log would quote the caller."""
    ids: Attributes = {"session_id": request.session_id, "turn_id": request.turn_id}
    with (
        structlog.contextvars.bound_contextvars(**ids),
        span("agent", kind="server", parent=request.traceparent, **ids) as answering,
    ):
        try:
            yield answering
        except ConvonetError:
            raise
        except Exception as error:
            log.exception("agent_crashed")
            raise AgentError(f"the agent crashed: {type(error).__name__}") from None


def _part_of(request: TurnRequest, said: str, before: TurnState) -> TurnRequest:
    """The request for one of several wishes in a sentence, after those before it."""
    if not before:
        return replace(request, transcript=said)
    memory = before.get("memory", request.memory)
    return replace(request, transcript=said, memory=memory, agent_type=before["route"].agent_type)


async def _next(events: asyncio.Queue[AgentEvent | None], deadline: float) -> AgentEvent | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await events.get()
    except TimeoutError:
        raise AgentTimeout("the turn took too long") from None


def _end(events: asyncio.Queue[AgentEvent | None], _: object) -> None:
    events.put_nowait(None)


async def _stop(task: asyncio.Task[TurnState]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _state_of(running: asyncio.Task[TurnState]) -> TurnState:
    """What the graph has ended with."""
    try:
        return running.result()
    except ExceptionGroup as failures:
        # tools of one step work side by side, so their failures come as a group
        raise AgentError(f"a tool crashed: {type(failures.exceptions[0]).__name__}") from failures


def _zone(request: TurnRequest) -> ZoneInfo:
    try:
        return ZoneInfo(request.caller.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("unknown_timezone", timezone=request.caller.timezone)
        return ZoneInfo("UTC")
