"""The agent of a process: owns the graph, the model and the open connections to the tools; answers one turn at a time
for any number of callers at once. It keeps nothing of a conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from convonet.agents import general
from convonet.agents.ahead import Ahead
from convonet.agents.base import AgentEvent, DomainChosen, TextDelta, TurnRequest
from convonet.agents.closing import final_of
from convonet.agents.departments import Departments
from convonet.agents.domain import Domain
from convonet.agents.graph import Surroundings, TurnContext, TurnState, build_graph, think
from convonet.agents.models import chosen_models
from convonet.agents.models.base import ChosenModel
from convonet.agents.models.chain import Limits, ModelChain
from convonet.agents.models.health import ProviderHealth
from convonet.agents.patience import FILLER_AFTER_S, Patience
from convonet.agents.prompt import conversation
from convonet.agents.router import Route, Router
from convonet.agents.skill import SkillTurn
from convonet.agents.toolsets import Toolsets
from convonet.core.clock import Clock, utc_now
from convonet.core.errors import AgentError, AgentTimeout, ConvonetError
from convonet.mcp.client import ToolBox
from convonet.mcp.effect_key import EffectKeys
from convonet.mcp.port import ToolServers
from convonet.mcp.streamable_http import named_tool_servers
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
        domains: Sequence[Domain],
        *,
        tools: ToolServers | None = None,
        models: Sequence[ChosenModel] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`tools` are the tool servers; default: those at the address that the settings name."""
        everything = {domain.name: domain for domain in (*domains, general.general_domain(domains))}
        skills = {name: domain.skill for name, domain in everything.items()}
        departments = Departments.of(settings.call_center, settings.telephony)
        chain = ModelChain(
            chosen_models(settings.models, skills) if models is None else models,
            Limits(settings.models.silence_timeout_s, settings.models.answer_timeout_s, settings.models.retry_delay_s),
        )
        box = ToolBox(tools or named_tool_servers(settings), timeout_s=settings.agents.tool_timeout_s)
        self._around = Surroundings(
            everything,
            Router(domains, departments, hosted=chain.has_hosted, region=settings.callers.phone_region),
            chain,
            box,
            Toolsets(box, domains, departments, steers=chain.has_hosted),
        )
        self._of_callers = tuple(domains)
        self._graph = build_graph()
        self._is_warm = False
        self._turn_timeout_s = settings.agents.turn_timeout_s
        self._clock = clock

    def figures(self) -> Mapping[str, float]:
        """Turns at work now and so far, tool calls and models' failures so far."""
        return {**asdict(self._around.counters), "model_failures": sum(model.failures for model in self.models())}

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`."""
        ends_at = asyncio.get_running_loop().time() + self._turn_timeout_s
        now = self._clock().astimezone(_zone(request))
        state: TurnState = {}
        tried: set[str] = set()
        patience, effects = Patience(FILLER_AFTER_S), EffectKeys(request.turn_id)
        with self._counted(), _traced(request) as answering:
            for said in self._around.router.parts(request, now):
                if state:
                    patience.heard(" ")
                    yield TextDelta(" ")
                events: asyncio.Queue[AgentEvent | None] = asyncio.Queue()
                part = _part_of(request, said, state)
                turn = TurnContext(part, now, self._around, patience, tried, effects, events.put_nowait)
                route = await self._route(turn)
                async with AsyncExitStack() as working:
                    turn = await self._ask_ahead(turn, route, working)
                    yield DomainChosen(route.agent_type)
                    start = _start_of(part, route, state)
                    running: asyncio.Task[TurnState] = asyncio.create_task(self._graph.ainvoke(start, context=turn))  # type: ignore[arg-type]
                    # what cancels the nodes at work
                    working.push_async_callback(_stop, running)
                    running.add_done_callback(partial(_end, events))
                    while (event := await _next(events, ends_at)) is not None:
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
        await self._around.router.warm_up()
        for domain in self._of_callers:
            await self._around.toolsets.of(domain)
            domain.skill.claims(SkillTurn(f"{domain.examples[0]} by december third", self._clock()))
        self._around.models.warm_up()
        self._is_warm = self._around.toolsets.know_all()
        return self._is_warm

    def models(self) -> tuple[ProviderHealth, ...]:
        """The models in the order in which they are asked, and how they are doing."""
        return self._around.models.health()

    async def close(self) -> None:
        """Close the connections to the models and the tools."""
        await self._around.models.close()
        await self._around.tools.close()

    @contextlib.contextmanager
    def _counted(self) -> Generator[None, None, None]:
        counters = self._around.counters
        counters.answering += 1
        counters.turns += 1
        try:
            yield
        finally:
            counters.answering -= 1

    async def _route(self, turn: TurnContext) -> Route:
        with span("route") as routing:
            route = await self._around.router.route(turn.request, turn.now)
            routing.set(route=route.kind, agent_type=route.agent_type)
        log.debug("routed", kind=route.kind, agent_type=route.agent_type)
        return route

    async def _ask_ahead(self, turn: TurnContext, route: Route, working: AsyncExitStack) -> TurnContext:
        """Ask a hosted model before the graph begins, and wait until the question has left."""
        if route.kind != "domain" or not self._around.models.has_hosted:
            return turn
        ahead = Ahead(think(turn, route, conversation(turn.request)))
        working.push_async_callback(ahead.close)
        await asyncio.sleep(ASKED_WITHIN_S)
        return replace(turn, ahead=ahead)


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


def _start_of(request: TurnRequest, route: Route, before: TurnState) -> TurnState:
    """With what the graph begins; what adds up goes on from `before`."""
    start: TurnState = {
        "route": route,
        "messages": conversation(request) if route.kind == "domain" else [],
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
    return start


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
