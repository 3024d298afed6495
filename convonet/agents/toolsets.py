"""The tools of each domain: the toolset that a model gets, and the calls that it makes. The graph uses them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import structlog

from convonet.agents import general
from convonet.agents.departments import Departments
from convonet.agents.domain import Domain
from convonet.agents.models.base import Tool, ToolCall, Toolset
from convonet.agents.models.tools import plain_schema
from convonet.agents.steering import steering_tools
from convonet.auth.tokens import CallerClaims
from convonet.mcp.client import ToolBox, ToolResult, ToolSpec, no_such_tool
from convonet.metrics import tools as tool_metrics

log = structlog.get_logger(__name__)

_NO_TOOLS: list[ToolSpec] = []
"""Tools of the general domain."""


class Toolsets:
    """Makes each domain's toolset once, and again when its server lists other tools. `close` it at the end."""

    def __init__(self, tools: ToolBox, domains: Sequence[Domain], departments: Departments, *, steers: bool) -> None:
        """`steers` adds the steering tools to the toolsets, for hosted models."""
        self._tools = tools
        self._domains = domains
        self._departments = departments
        self._steers = steers
        self._made: dict[str, tuple[list[ToolSpec], Toolset]] = {}
        """Toolset by domain, with the list from which it was made."""
        self._numbers = itertools.count(1)
        self.calls = self.failures = 0
        """Number of tool calls so far, and of those that failed."""

    async def toolset(self, domain: Domain) -> Toolset:
        """Return the domain's toolset, with steering tools only while the server can't be reached."""
        try:
            listed = _NO_TOOLS if domain.name == general.NAME else await self._tools.list_tools(domain.name)
        except ConnectionError:
            log.warning("tools_unknown", server=domain.name)
            return Toolset(f"{domain.name}, unreachable", self._steering(domain))
        known = self._made.get(domain.name)
        if known is None or known[0] is not listed:
            tool_metrics.declare_tools(domain.name, [spec.name for spec in listed])
            own = (Tool(spec.name, spec.description, plain_schema(spec.parameters)) for spec in listed)
            # other tools get a new name: see `Toolset`
            name = f"{domain.name} {next(self._numbers)}"
            known = self._made[domain.name] = listed, Toolset(name, (*own, *self._steering(domain)))
        return known[1]

    async def call_tool(
        self, domain: Domain, call: ToolCall, *, claims: CallerClaims, idempotency_key: str
    ) -> ToolResult:
        """Call a tool for a caller. A failure becomes a result in words, even when the tool does not exist."""
        result = self._unknown_tool(domain, call.name) or await self._tools.call(
            domain.name, call.name, call.arguments, claims=claims, idempotency_key=idempotency_key
        )
        self.calls += 1
        self.failures += not result.ok
        return result

    def are_complete(self) -> bool:
        """Return whether the servers of all domains have listed their tools."""
        return all(domain.name in self._made for domain in self._domains)

    async def close(self) -> None:
        """Close the connections to the tools."""
        await self._tools.close()

    def _unknown_tool(self, domain: Domain, tool: str) -> ToolResult | None:
        if domain.name not in self._made:
            return None
        names = [known.name for known in self._made[domain.name][1].tools]
        return None if tool in names else no_such_tool(tool, names)

    def _steering(self, domain: Domain) -> tuple[Tool, ...]:
        if not self._steers:
            return ()
        return steering_tools(domain, self._domains, self._departments.names)
