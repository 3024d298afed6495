"""What the agent must know of a domain, and how domains are found.

A domain is a folder in `convonet/domains` with an `agent.py` that holds `DOMAIN`; adding one needs no edit here.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import convonet.domains
from convonet.agents.base import AgentType
from convonet.agents.skill import Skill


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain, as data."""

    agent_type: AgentType
    server: str
    """Name of its MCP server."""
    about: str
    """What the agent can do here, as the end of "I can …"."""
    prompt: str
    """Instructions to a hosted model."""
    examples: tuple[str, ...]
    """Sentences that callers may say."""
    labels: Mapping[str, str]
    """What a person reads while a tool works."""
    skill: Skill
    """The rules of the offline model."""

    def label(self, tool: str) -> str:
        """What a person reads while `tool` works."""
        return self.labels.get(tool, tool.replace("_", " ").capitalize())


def all_domains() -> tuple[Domain, ...]:
    """Every domain of this installation, in the order of their folders' names."""
    found = []
    for module in pkgutil.iter_modules(convonet.domains.__path__, "convonet.domains."):
        if module.ispkg and find_spec(f"{module.name}.agent"):
            domain: Domain = import_module(f"{module.name}.agent").DOMAIN
            found.append(domain)
    return tuple(found)
