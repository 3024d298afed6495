"""The chat models that can think; settings say which, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Mapping

from convonet.agents.models import offline
from convonet.agents.models.base import ChosenModel
from convonet.agents.models.vendors import hosted_model
from convonet.agents.skill import Skill
from convonet.settings import Settings


def chosen_models(settings: Settings, skills: Mapping[str, Skill]) -> tuple[ChosenModel, ...]:
    """The hosted models in their order, and last our own with the skills by domain."""
    hosted = [hosted_model(vendor, settings) for vendor in settings.thinks_with]
    return (*hosted, ChosenModel(offline.PROVIDER, offline.MODEL, offline.OfflineChatModel(skills=skills)))
