"""The chat models that can answer; settings say which, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from convonet.agents.models.anthropic import anthropic_model
from convonet.agents.models.base import ChosenModel
from convonet.agents.models.google import google_model
from convonet.agents.models.offline import offline_model
from convonet.agents.models.openai import compatible_model, openai_model
from convonet.agents.skill import Skill
from convonet.settings.models import LlmVendor, ModelSettings

_HOSTED: Mapping[LlmVendor, Callable[[ModelSettings], ChosenModel]] = {
    "anthropic": anthropic_model,
    "google": google_model,
    "openai": openai_model,
    "compatible": compatible_model,
}


def chosen_models(settings: ModelSettings, skills: Mapping[str, Skill]) -> tuple[ChosenModel, ...]:
    """The hosted models in their order, and last our own with the skills by domain."""
    hosted = [_HOSTED[vendor](settings) for vendor in settings.hosted]
    return (*hosted, offline_model(skills))
