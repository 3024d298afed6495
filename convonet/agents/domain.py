"""A domain as the agent knows it: one `Domain` per folder, found by `convonet.domains.discovery`."""

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
    name: str
    """Name of its folder and of its MCP server."""
    agent_type: AgentType
    """Name for clients; two domains may share one."""
    about: str
    """What it can do, phrased to follow "I can …"."""
    prompt: str
    """Instructions for a hosted model."""
    examples: tuple[str, ...]
    """Sentences that the agent suggests to callers."""
    labels: Mapping[str, str]
    """Display labels by tool, shown while the tool runs."""
    skill: Skill
    """Rules for when no hosted model answers."""
    examples_by_form: Mapping[str, tuple[str, ...]]
    """Sentences that callers say, by form. The router's classifier learns from them and suggests the form."""

    def label(self, tool: str) -> str:
        """Return a tool's display label."""
        return self.labels.get(tool, tool.replace("_", " ").capitalize())


def examples_of(package: str) -> Mapping[str, tuple[str, ...]]:
    """Read the example sentences in the package's `examples.txt`, by form."""
    return read_examples(resources.files(package).joinpath("examples.txt").read_text("utf-8"))


def read_examples(text: str) -> Mapping[str, tuple[str, ...]]:
    """Read sentences under headings such as "[book]"; "#" begins a comment."""
    examples: dict[str, list[str]] = {}
    heading = ""
    for line in text.splitlines():
        if found := _HEADING.fullmatch(line):
            heading = found[1]
        elif line and not line.startswith("#"):
            examples.setdefault(heading, []).append(line)
    return {name: tuple(sentences) for name, sentences in examples.items()}
