"""The agent of a process: owns the graph, the model and the open connections to the tools; answers one turn at a time
for any number of callers at once. It keeps nothing of a conversation.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from langchain_core.messages import ToolCall

from convonet.agents.base import AgentEvent, TextDelta, TurnRequest
from convonet.agents.closing import final_of
from convonet.agents.departments import Departments
from convonet.agents.domain import Domain, all_domains
from convonet.agents.graph import Model, TurnContext, TurnState, build_graph
from convonet.agents.models import ChosenModel, chosen_model
from convonet.agents.router import Route, Router
from convonet.agents.skill import SkillTurn
from convonet.auth.tokens import CallerClaims
from convonet.clock import Clock, utc_now
from convonet.errors import AgentError, AgentTimeout
from convonet.mcp.client import ToolBox, ToolResult
from convonet.settings import Settings

log = structlog.get_logger(__name__)


class AgentService:
    """Implements `convonet.agents.base.Agent`. `close` it at the end."""

    def __init__(
        self,
        settings: Settings,
        *,
        domains: Sequence[Domain] | None = None,
        model: ChosenModel | None = None,
        clock: Clock = utc_now,
    ) -> None:
        found = all_domains() if domains is None else tuple(domains)
        self._domains = {domain.name: domain for domain in found}
        self._router = Router(found, Departments.of(settings))
        self._model = model or chosen_model(settings, found)
        self._bound: dict[str, Model] = {}
        self._tools = ToolBox(settings.mcp_base_url, secret=settings.signing_secret, timeout_s=settings.tool_timeout_s)
        self._graph = build_graph()
        self._turn_timeout_s = settings.turn_timeout_s
        self._clock = clock

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`."""
        deadline = asyncio.get_running_loop().time() + self._turn_timeout_s
        now = self._clock().astimezone(_zone(request))
        state: TurnState = {}
        with structlog.contextvars.bound_contextvars(session_id=request.session_id, turn_id=request.turn_id):
            for said in self._router.parts(request, now):
                if state:
                    yield TextDelta(" ")
                context = TurnContext(_part_of(request, said, state), now, self)
                async with contextlib.aclosing(self._run(context, state)) as steps:
                    while (step := await _next(steps, deadline)) is not None:
                        if isinstance(step, dict):
                            state = step
                        else:
                            yield step
            yield final_of(request, state, now, self._model.provider, self._model.name)

    async def warm_up(self) -> bool:
        """Do what is slow the first time (connections, date parser); returns whether every domain's tools answer."""
        for domain in self._domains.values():
            await self.model_for(domain)
            domain.skill.claims(SkillTurn(f"{domain.examples[0]} by december third", self._clock()))
        return len(self._bound) == len(self._domains)

    async def close(self) -> None:
        """Close the connections to the tools."""
        await self._tools.close()

    # -- what the graph uses

    async def route(self, request: TurnRequest, now: datetime) -> Route:
        """Where a turn goes."""
        return await self._router.route(request, now)

    def domain(self, name: str) -> Domain:
        """The domain of that name."""
        return self._domains[name]

    async def model_for(self, domain: Domain) -> Model:
        """The chat model with the domain's tools; without any while their server is away."""
        if domain.name not in self._bound:
            try:
                specs = await self._tools.list_tools(domain.name)
            except ConnectionError:
                log.warning("tools_unknown", server=domain.name)
                return self._model.chat
            self._bound[domain.name] = self._model.chat.bind_tools(
                [{"name": spec.name, "description": spec.description, "parameters": spec.parameters} for spec in specs]
            )
        return self._bound[domain.name]

    async def call_tool(self, turn: TurnContext, domain: Domain, call: ToolCall, number: int) -> ToolResult:
        """Call a tool for the turn's caller; the turn's id and the call's number name its effect."""
        caller, turn_id = turn.request.caller, turn.request.turn_id
        claims = CallerClaims(caller.user_id, caller.user_name, str(turn.now.tzinfo), turn_id)
        return await self._tools.call(
            domain.name, call["name"], call["args"], claims=claims, idempotency_key=f"{turn_id}:{number}"
        )

    async def _run(self, context: TurnContext, before: TurnState) -> AsyncGenerator[AgentEvent | TurnState, None]:
        """The graph's events as they happen, and its state after each step; what adds up goes on from `before`."""
        start: TurnState = {
            "rounds": 0,
            "calls": before.get("calls", 0),
            "answer": f"{before['answer']} " if before else "",
            "done": before.get("done", []),
            "tokens_in": before.get("tokens_in", 0),
            "tokens_out": before.get("tokens_out", 0),
        }
        stream = self._graph.astream(start, context=context, stream_mode=["custom", "values"])
        # closing the stream is what cancels the nodes at work
        async with contextlib.aclosing(
            cast("AsyncGenerator[tuple[str, AgentEvent | TurnState], None]", stream)
        ) as parts:
            async for _, content in parts:
                yield content


def _part_of(request: TurnRequest, said: str, before: TurnState) -> TurnRequest:
    """The request for one of several wishes in a sentence, after those before it."""
    if not before:
        return replace(request, transcript=said)
    memory = before.get("memory", request.memory)
    return replace(request, transcript=said, memory=memory, agent_type=before["route"].agent_type)


async def _next(parts: AsyncIterator[AgentEvent | TurnState], deadline: float) -> AgentEvent | TurnState | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(parts, None)
    except TimeoutError:
        raise AgentTimeout("the turn took too long") from None
    except ExceptionGroup as failures:
        # tools of one step work side by side, so their failures come as a group
        raise AgentError(f"a tool crashed: {failures.exceptions[0]!r}") from failures


def _zone(request: TurnRequest) -> ZoneInfo:
    try:
        return ZoneInfo(request.caller.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("unknown_timezone", timezone=request.caller.timezone)
        return ZoneInfo("UTC")
