"""Decides what a sentence is about. The open question of a domain comes first, then what the rules know for sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from convonet.agents.base import AgentType, TurnRequest
from convonet.agents.domain import Domain
from convonet.agents.hand_over import NO_HUMAN_YET, wants_a_human
from convonet.agents.skill import QUESTION, SkillTurn
from convonet.agents.small_talk import Moment, out_of_scope, small_talk

Kind = Literal["domain", "small_talk", "hand_over", "out_of_scope"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a turn goes; `text` is the whole answer when no domain is needed for it."""

    kind: Kind
    agent_type: AgentType
    text: str = ""


class Router:
    """Routes by the skills' own rules. A classifier with a confidence takes this place when there are more domains."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._domains = domains

    def route(self, request: TurnRequest, now: datetime) -> Route:
        """Where this turn goes."""
        so_far: AgentType = request.agent_type or "general"
        if wants_a_human(request.transcript):
            return Route("hand_over", so_far, NO_HUMAN_YET)
        said = SkillTurn(request.transcript, now, request.memory)
        chatting = small_talk(
            request.transcript, Moment(request.caller.user_name, now, request.history, self._domains)
        )
        if chatting is not None and QUESTION not in request.memory:
            return Route("small_talk", so_far, chatting)
        for domain in self._in_order(so_far):
            if domain.skill.understands(said):
                return Route("domain", domain.agent_type)
        if chatting is not None:
            return Route("small_talk", so_far, chatting)
        return Route("out_of_scope", so_far, out_of_scope(self._domains))

    def _in_order(self, so_far: AgentType) -> list[Domain]:
        return sorted(self._domains, key=lambda domain: domain.agent_type != so_far)
