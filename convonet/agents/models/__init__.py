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
from convonet.settings.models import LlmVendor, ModelSettings

_HOSTED: Mapping[LlmVendor, Callable[[ModelSettings], ModelConfig]] = {
    "anthropic": anthropic_model,
    "google": google_model,
    "openai": openai_model,
    "compatible": self_hosted_model,
}


def models_from(settings: ModelSettings, skills: Mapping[str, Skill]) -> tuple[Model, ...]:
    """Return the hosted models in their order, then the rules, whose skills are given by domain."""
    limits = Limits(settings.silence_timeout_s, settings.answer_timeout_s, settings.retry_delay_s)
    hosted = (HostedModel(_HOSTED[vendor](settings), limits) for vendor in settings.hosted)
    return (*hosted, RulesModel(skills))
