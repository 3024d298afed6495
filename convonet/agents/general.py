"""The general domain: hosted models answer here what belongs to no other domain. The rules use `small_talk` instead."""

from __future__ import annotations

from collections.abc import Sequence

from convonet.agents.domain import Domain
from convonet.agents.skill import Claim, Say, SkillTurn, Step
from convonet.agents.small_talk import out_of_scope

NAME = "general"


class _OutOfScopeSkill:
    """Implements `Skill` for when no hosted model answers."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._text = out_of_scope(tuple(domains))

    def claims(self, turn: SkillTurn) -> Claim:
        return Claim.NONE

    def step(self, turn: SkillTurn) -> Step:
        return Say(self._text, dict(turn.memory))


def general_domain(domains: Sequence[Domain]) -> Domain:
    """Return a domain without tools, from which a model changes to one of `domains`."""
    return Domain(
        name=NAME,
        agent_type="general",
        about="anything else",
        prompt=(
            "You find out what the caller wants, and call go_to as soon as it is clear. About anything else say in one "
            "sentence that you can't help with that."
        ),
        examples=(),
        labels={},
        skill=_OutOfScopeSkill(domains),
        examples_by_form={},
    )
