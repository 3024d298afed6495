"""The hosted chat models, each by its vendor's own SDK.

The SDKs are imported when their model is wanted: an installation without hosted models starts without them. None of
them retries: the chain has another model to turn to, which is sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from langchain_core.messages import BaseMessage, SystemMessage

from convonet.agents.models.base import ChosenModel
from convonet.agents.prompt import briefing_in
from convonet.settings import LlmVendor, Settings

MOST_TOKENS = 1024
"""Of one answer; a spoken one has a few dozen, a tool call may have some hundred."""


def hosted_model(vendor: LlmVendor, settings: Settings) -> ChosenModel:
    """The vendor's model, as the settings name it."""
    return _MAKERS[vendor](settings)


def _anthropic(settings: Settings) -> ChosenModel:
    from langchain_anthropic import ChatAnthropic

    chat = ChatAnthropic(
        model=settings.anthropic_model,
        api_key=settings.anthropic_api_key,
        base_url=str(settings.anthropic_base_url) if settings.anthropic_base_url else None,
        max_tokens=MOST_TOKENS,
        timeout=settings.llm_timeout_s,
        max_retries=0,
    )
    return ChosenModel("anthropic", settings.anthropic_model, chat, _cached_by_anthropic, says_why_it_stops=True)


def _cached_by_anthropic(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Mark for the prompt cache what is the same in every turn of a domain: tools and instructions."""
    facts = briefing_in(messages).facts
    instructions = {
        "type": "text",
        "text": messages[0].text.removesuffix(facts),
        "cache_control": {"type": "ephemeral"},
    }
    return [SystemMessage([instructions, {"type": "text", "text": facts}]), *messages[1:]]


def _google(settings: Settings) -> ChosenModel:
    from langchain_google_genai import ChatGoogleGenerativeAI

    chat = ChatGoogleGenerativeAI(
        model=settings.google_model,
        api_key=settings.google_api_key,
        base_url=str(settings.google_base_url) if settings.google_base_url else None,
        max_tokens=MOST_TOKENS,
        timeout=settings.llm_timeout_s,
        # the SDK counts the first request as an attempt
        max_retries=1,
    )
    return ChosenModel("google", settings.google_model, chat, says_why_it_stops=True)


def _openai(settings: Settings) -> ChosenModel:
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(
        model=settings.openai_model,
        api_key=settings.openai_api_key,
        base_url=str(settings.openai_base_url) if settings.openai_base_url else None,
        max_completion_tokens=MOST_TOKENS,
        timeout=settings.llm_timeout_s,
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
    )
    return ChosenModel("openai", settings.openai_model, chat, says_why_it_stops=True)


def _compatible(settings: Settings) -> ChosenModel:
    from langchain_openai.chat_models.base import BaseChatOpenAI

    chat = BaseChatOpenAI(
        model=settings.llm_model,
        # servers on one's own machine want none, the SDK does
        api_key=settings.llm_api_key or "none",
        base_url=str(settings.llm_base_url),
        max_tokens=MOST_TOKENS,
        timeout=settings.llm_timeout_s,
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
    )
    return ChosenModel("compatible", settings.llm_model or "", chat)


_MAKERS: Mapping[LlmVendor, Callable[[Settings], ChosenModel]] = {
    "anthropic": _anthropic,
    "google": _google,
    "openai": _openai,
    "compatible": _compatible,
}
