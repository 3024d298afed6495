"""Sentences that belong to no domain, for a hosted model; our own router answers them from `small_talk`."""

from __future__ import annotations

from collections.abc import Sequence

from convonet.agents.domain import Domain
from convonet.agents.skill import Claim, Say, SkillTurn, Step
from convonet.agents.small_talk import out_of_scope

NAME = "general"


class _Lost:
    """The rules for when no hosted model answers: see `convonet.agents.skill.Skill`."""

    def __init__(self, domains: Sequence[Domain]) -> None:
        self._text = out_of_scope(tuple(domains))

    def claims(self, turn: SkillTurn) -> Claim:
        return Claim.NONE

    def step(self, turn: SkillTurn) -> Step:
        return Say(self._text, dict(turn.memory))


def general_domain(domains: Sequence[Domain]) -> Domain:
    """A domain without tools of its own, from which the model goes to one of `domains`."""
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
        skill=_Lost(domains),
        examples_by_form={},
    )
