"""The agent of a process: owns graph, models and tools, and answers any number of turns at once.

It keeps no state of any conversation. A replica of the agent, the HTTP API and `convonet eval` use it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from convonet.agents import general
from convonet.agents.base import AgentEvent, DomainChosen, TextDelta, TurnRequest
from convonet.agents.departments import Departments
from convonet.agents.domain import Domain
from convonet.agents.eager_stream import EagerStream
from convonet.agents.fillers import FILLER_DELAY_S, FillerTimer
from convonet.agents.graph import TurnContext, TurnState, build_graph, stream_answer
from convonet.agents.models import models_from
from convonet.agents.models.base import Model
from convonet.agents.models.chain import ModelChain
from convonet.agents.models.health import ProviderHealth
from convonet.agents.prompt import conversation
from convonet.agents.router import Route, Router
from convonet.agents.skill import SkillTurn
from convonet.agents.toolsets import Toolsets
from convonet.agents.turn_end import build_final
from convonet.core.clock import Clock, utc_now
from convonet.core.errors import AgentError, AgentTimeout, ConvonetError
from convonet.language.sentences import Sentence
from convonet.mcp.client import ToolBox
from convonet.mcp.effect_key import EffectKeys
from convonet.mcp.port import ToolServers
from convonet.mcp.streamable_http import external_tool_servers
from convonet.settings import Settings
from convonet.tracing.spans import Attributes, Span, span

log = structlog.get_logger(__name__)

REQUEST_HEAD_START_S = 0.001
"""Time for a request to a hosted model to leave before the graph starts."""


class AgentService:
    """Implements `convonet.agents.base.Agent`. `close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        domains: Sequence[Domain],
        *,
        tools: ToolServers | None = None,
        models: Sequence[Model] | None = None,
        clock: Clock = utc_now,
        filler_delay_s: float = FILLER_DELAY_S,
    ) -> None:
        """`tools` and `models` default to those in the settings; `clock` gives the time in UTC."""
        all_domains = {domain.name: domain for domain in (*domains, general.general_domain(domains))}
        if models is None:
            models = models_from(settings.models, {name: domain.skill for name, domain in all_domains.items()})
        departments, chain = Departments.of(settings.call_center), ModelChain(models)
        box = ToolBox(tools or external_tool_servers(settings), timeout_s=settings.agents.tool_timeout_s)
        self._domains = tuple(domains)
        self._models = chain
        self._router = Router(domains, departments, hosted=chain.has_hosted, region=settings.callers.phone_region)
        self._tools = Toolsets(box, domains, departments, steers=chain.has_hosted)
        self._context = partial(
            TurnContext, domains=all_domains, router=self._router, models=self._models, tools=self._tools
        )
        self._graph = build_graph()
        self._turns_in_progress = self._turns = 0
        self._is_warm = False
        self._turn_timeout_s = settings.agents.turn_timeout_s
        self._filler_delay_s = filler_delay_s
        self._clock = clock

    def gauges(self) -> Mapping[str, float]:
        """Return turns in progress, and the numbers of turns, tool calls and failures so far."""
        return {
            "answering": self._turns_in_progress,
            "turns": self._turns,
            "tool_calls": self._tools.calls,
            "tool_failures": self._tools.failures,
            "model_failures": sum(model.failures for model in self.models()),
        }

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`."""
        deadline = asyncio.get_running_loop().time() + self._turn_timeout_s
        now = self._clock().astimezone(_zone(request))
        state: TurnState = {}
        fillers = FillerTimer(self._filler_delay_s)
        context = partial(
            self._context, now=now, fillers=fillers, failed_providers=set(), effects=EffectKeys(request.turn_id)
        )
        with self._counted(), _traced(request) as turn_span:
            for said in self._router.split(request, now):
                if state:
                    fillers.note_text(" ")
                    yield TextDelta(" ")
                events: asyncio.Queue[AgentEvent | None] = asyncio.Queue()
                turn = context(request=_part_of(request, said, state), emit=events.put_nowait)
                route = await self._route(turn)
                async with AsyncExitStack() as stack:
                    turn = await self._request_early(turn, route, stack)
                    yield DomainChosen(route.agent_type)
                    start = _start_of(turn.request, route, state)
                    task: asyncio.Task[TurnState] = asyncio.create_task(self._graph.ainvoke(start, context=turn))  # type: ignore[arg-type]
                    # this cancels running nodes
                    stack.push_async_callback(_cancel, task)
                    task.add_done_callback(partial(_end, events))
                    while (event := await _next(events, deadline)) is not None:
                        yield event
                    state = _result_of(task)
                if state["route"].department or state["route"].call_back:
                    # a hand-over ends the turn
                    break
            final = build_final(request, state, now)
            turn_span.set(agent_type=final.agent_type, provider=final.provider, model=final.model)
            turn_span.words(transcript=request.transcript, answer=final.text)
        # after the span: the reader closes this generator at the last event
        yield final

    async def warm_up(self) -> bool:
        """Load classifier and date parser, connect to the tools, and return whether all domains' tools answer.

        Hosted models are tried in the background: the agent is ready without them.
        """
        if self._is_warm:
            return True
        await self._router.warm_up()
        for domain in self._domains:
            await self._tools.toolset(domain)
            domain.skill.claims(SkillTurn(Sentence(f"{domain.examples[0]} by december third"), self._clock()))
        self._models.warm_up()
        self._is_warm = self._tools.are_complete()
        return self._is_warm

    def models(self) -> tuple[ProviderHealth, ...]:
        """Return the health of the models, in the order in which they are asked."""
        return self._models.health()

    async def close(self) -> None:
        """Close the connections to models and tools."""
        await self._models.close()
        await self._tools.close()

    @contextlib.contextmanager
    def _counted(self) -> Generator[None, None, None]:
        self._turns_in_progress += 1
        self._turns += 1
        try:
            yield
        finally:
            self._turns_in_progress -= 1

    async def _route(self, turn: TurnContext) -> Route:
        with span("route") as route_span:
            route = await self._router.route(turn.request, turn.now)
            route_span.set(route=route.kind, agent_type=route.agent_type)
        log.debug("routed", kind=route.kind, agent_type=route.agent_type)
        return route

    async def _request_early(self, turn: TurnContext, route: Route, stack: AsyncExitStack) -> TurnContext:
        """Send the first request to a hosted model before the graph starts."""
        if route.kind != "domain" or not self._models.has_hosted:
            return turn
        first_answer = EagerStream(stream_answer(turn, route, conversation(turn.request)))
        stack.push_async_callback(first_answer.close)
        await asyncio.sleep(REQUEST_HEAD_START_S)
        return replace(turn, first_answer=first_answer)


@contextlib.contextmanager
def _traced(request: TurnRequest) -> Generator[Span, None, None]:
    """Bind the turn's ids to logs and traces, and log a crash: Serve's own log would quote the caller."""
    ids: Attributes = {"session_id": request.session_id, "turn_id": request.turn_id}
    with (
        structlog.contextvars.bound_contextvars(**ids),
        span("agent", kind="server", parent=request.traceparent, **ids) as turn_span,
    ):
        try:
            yield turn_span
        except ConvonetError:
            raise
        except Exception as error:
            log.exception("agent_crashed")
            raise AgentError(f"the agent crashed: {type(error).__name__}") from None


def _part_of(request: TurnRequest, said: str, before: TurnState) -> TurnRequest:
    """Return the request for one part of a split sentence; `before` is the state that the parts before it left."""
    if not before:
        return replace(request, transcript=said)
    memory = before.get("memory", request.memory)
    return replace(request, transcript=said, memory=memory, agent_type=before["route"].agent_type)


def _start_of(request: TurnRequest, route: Route, before: TurnState) -> TurnState:
    """Return the graph's first state; values that add up continue from `before`."""
    start: TurnState = {
        "route": route,
        "messages": conversation(request) if route.kind == "domain" else [],
        "rounds": 0,
        "spoken": f"{before['spoken']} " if before else "",
        "content": f"{before['content']} " if before else "",
        "done": before.get("done", []),
        "tokens_in": before.get("tokens_in", 0),
        "tokens_out": before.get("tokens_out", 0),
    }
    if "model" in before:
        # the rest of the turn may need no model, and the record must name the model that used these tokens
        start |= {"provider": before["provider"], "model": before["model"]}
    return start


async def _next(events: asyncio.Queue[AgentEvent | None], deadline: float) -> AgentEvent | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await events.get()
    except TimeoutError:
        raise AgentTimeout("the turn took too long") from None


def _end(events: asyncio.Queue[AgentEvent | None], _: object) -> None:
    events.put_nowait(None)


async def _cancel(task: asyncio.Task[TurnState]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _result_of(task: asyncio.Task[TurnState]) -> TurnState:
    try:
        return task.result()
    except ExceptionGroup as failures:
        # the tools of one round run in a task group
        raise AgentError(f"a tool crashed: {type(failures.exceptions[0]).__name__}") from failures


def _zone(request: TurnRequest) -> ZoneInfo:
    try:
        return ZoneInfo(request.caller.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("unknown_timezone", timezone=request.caller.timezone)
        return ZoneInfo("UTC")
