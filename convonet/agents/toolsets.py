"""The tools that a model gets in each domain: those of the domain's server, and those that steer the turn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import structlog

from convonet.agents import general
from convonet.agents.departments import Departments
from convonet.agents.domain import Domain
from convonet.agents.models.base import Tool, Toolset
from convonet.agents.models.tools import plain_schema
from convonet.agents.steering import steering_tools
from convonet.mcp.client import ToolBox, ToolResult, ToolSpec, no_such_tool
from convonet.metrics import tools as tool_metrics

log = structlog.get_logger(__name__)

_NOTHING: list[ToolSpec] = []
"""The tools of sentences that belong to no domain."""


class Toolsets:
    """Those of a process; each is made once, and again when its server has other tools."""

    def __init__(self, tools: ToolBox, domains: Sequence[Domain], departments: Departments, *, steers: bool) -> None:
        """`steers` is whether a hosted model answers, which may steer the turn."""
        self._tools = tools
        self._domains = domains
        self._departments = departments
        self._steers = steers
        self._made: dict[str, tuple[list[ToolSpec], Toolset]] = {}
        """By domain, with the list of which each was made."""
        self._numbers = itertools.count(1)

    async def of(self, domain: Domain) -> Toolset:
        """The domain's tools; none of its own while their server can't be reached."""
        try:
            listed = _NOTHING if domain.name == general.NAME else await self._tools.list_tools(domain.name)
        except ConnectionError:
            log.warning("tools_unknown", server=domain.name)
            return Toolset(f"{domain.name}, unreachable", self._steering(domain))
        known = self._made.get(domain.name)
        if known is None or known[0] is not listed:
            tool_metrics.declare_tools(domain.name, [spec.name for spec in listed])
            own = (Tool(spec.name, spec.description, plain_schema(spec.parameters)) for spec in listed)
            # not only the domain's name: the same name means the same tools
            name = f"{domain.name} {next(self._numbers)}"
            known = self._made[domain.name] = listed, Toolset(name, (*own, *self._steering(domain)))
        return known[1]

    def made_up(self, domain: Domain, tool: str) -> ToolResult | None:
        """What a model is told that has made up a tool; None when there is one of that name, or nobody knows."""
        if domain.name not in self._made:
            return None
        names = [known.name for known in self._made[domain.name][1].tools]
        return None if tool in names else no_such_tool(tool, names)

    def know_all(self) -> bool:
        """Whether the servers of all domains have listed their tools."""
        return all(domain.name in self._made for domain in self._domains)

    def _steering(self, domain: Domain) -> tuple[Tool, ...]:
        if not self._steers:
            return ()
        return steering_tools(domain, self._domains, self._departments.names, self._departments.fallback)
