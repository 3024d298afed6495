"""Decides what a sentence is about. The open question of a domain comes first, then what the rules know for sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from convonet.agents.base import AgentType, TurnRequest
from convonet.agents.domain import Domain
from convonet.agents.hand_over import NO_HUMAN_YET, wants_a_human
from convonet.agents.skill import QUESTION, SkillTurn
from convonet.agents.small_talk import Moment, last_answer, out_of_scope, small_talk, wants_a_repeat
from convonet.agents.spoken import answer

MOST_CHARACTERS = 600
"""Half a minute of speech. What is longer is no request, and patterns take time that grows with the text."""

TOO_LONG = "That was too much at once for me. Please say it in fewer words."

Kind = Literal["domain", "small_talk", "hand_over", "out_of_scope"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a turn goes; `text` and `memory` are the whole answer when no domain is needed for it."""

    kind: Kind
    agent_type: AgentType
    text: str = ""
    memory: dict[str, str] = field(default_factory=dict)


class Router:
    """Routes by the skills' own rules. A classifier with a confidence takes this place when there are more domains."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._domains = domains

    def route(self, request: TurnRequest, now: datetime) -> Route:
        """Where this turn goes."""
        so_far: AgentType = request.agent_type or "general"
        said = request.transcript
        if len(said) > MOST_CHARACTERS:
            return Route("out_of_scope", so_far, TOO_LONG, request.memory)
        if wants_a_repeat(said):
            return Route("small_talk", so_far, last_answer(request.history), request.memory)
        unasked = {name: value for name, value in request.memory.items() if name != QUESTION}
        if wants_a_human(said):
            return Route("hand_over", so_far, NO_HUMAN_YET, unasked)
        chat = small_talk(said, Moment(request.caller.user_name, now, self._domains))
        # "yes" and "no" are small talk only when nothing was asked
        if chat is not None and (answer(said) is None or QUESTION not in request.memory):
            return Route("small_talk", so_far, chat, unasked)
        turn = SkillTurn(said, now, request.memory)
        for domain in self._in_order(so_far):
            if domain.skill.understands(turn):
                return Route("domain", domain.agent_type)
        return Route("out_of_scope", so_far, out_of_scope(self._domains), unasked)

    def _in_order(self, so_far: AgentType) -> list[Domain]:
        return sorted(self._domains, key=lambda domain: domain.agent_type != so_far)
