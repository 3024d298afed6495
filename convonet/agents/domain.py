"""What the agent must know of a domain; `convonet.domains.discovery` finds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from convonet.agents.skill import Skill
from convonet.core.caller import AgentType

_HEADING = re.compile(r"\[(\w+)\]")


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain, as data."""

    name: str
    """That of its folder, and of its MCP server."""
    agent_type: AgentType
    """What clients call it; two domains may share one."""
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
    lines: Mapping[str, tuple[str, ...]]
    """What callers say, by what they want: the router learns the domain from it, and the skill gets the name."""

    def label(self, tool: str) -> str:
        """What a person reads while `tool` works."""
        return self.labels.get(tool, tool.replace("_", " ").capitalize())


def lines_of(package: str) -> Mapping[str, tuple[str, ...]]:
    """The example lines in the package's file `lines.txt`."""
    return read_lines(resources.files(package).joinpath("lines.txt").read_text("utf-8"))


def read_lines(text: str) -> Mapping[str, tuple[str, ...]]:
    """Lines under headings such as "[book]"; "#" begins a comment."""
    lines: dict[str, list[str]] = {}
    heading = ""
    for line in text.splitlines():
        if found := _HEADING.fullmatch(line):
            heading = found[1]
        elif line and not line.startswith("#"):
            lines.setdefault(heading, []).append(line)
    return {name: tuple(examples) for name, examples in lines.items()}
