"""The chat models that settings name, in the order in which the chain asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from convonet.agents.models.anthropic import anthropic_model
from convonet.agents.models.base import Model, ModelConfig
from convonet.agents.models.google import google_model
from convonet.agents.models.hosted import HostedModel, Limits
from convonet.agents.models.openai import openai_model, self_hosted_model
from convonet.agents.models.rules import RulesModel
from convonet.agents.skill import Skill
from convonet.settings import LlmVendor, Settings

_HOSTED: Mapping[LlmVendor, Callable[[Settings], ModelConfig]] = {
    "anthropic": anthropic_model,
    "google": google_model,
    "openai": openai_model,
    "compatible": self_hosted_model,
}


def models_from(settings: Settings, skills: Mapping[str, Skill]) -> tuple[Model, ...]:
    """Return the hosted models in their order, and last the rules with the skills by domain."""
    limits = Limits(settings.llm_silence_s, settings.llm_timeout_s, settings.llm_rest_s)
    hosted = (HostedModel(_HOSTED[vendor](settings), limits) for vendor in settings.thinks_with)
    return (*hosted, RulesModel(skills))
