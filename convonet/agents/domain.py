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
    examples_by_form: Mapping[str, tuple[str, ...]]
    """Sentences that callers say, by form: the router's classifier learns from them, and the skill gets the form."""

    def label(self, tool: str) -> str:
        """What a person reads while `tool` works."""
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
