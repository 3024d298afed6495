"""The chat models that can think; which one does is a setting. A hosted model is one more entry of `chosen_model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from convonet.agents.domain import Domain
from convonet.agents.models import offline
from convonet.settings import Settings


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A chat model, and the names that the turn record shows."""

    provider: str
    name: str
    chat: BaseChatModel


def chosen_model(settings: Settings, domains: Sequence[Domain]) -> ChosenModel:
    """The model that LLM_PROVIDER names."""
    match settings.llm_provider:
        case "offline":
            skills = {domain.name: domain.skill for domain in domains}
            return ChosenModel(offline.PROVIDER, offline.MODEL, offline.OfflineChatModel(skills=skills))
