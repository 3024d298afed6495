"""Routes a sentence to a domain or to a prepared answer. `AgentService` asks it at the start of each turn.

The open question comes first, then rules that are sure, then the classifier. Rules come from the domains' skills and
from this package; the classifier learns from the domains' example sentences. A hand-over needs a rule, or a confident
guess and a word for a person, so that nobody is transferred by mistake.

With a hosted model, sentences of which the classifier is unsure stay in the domain of the conversation, or in the
general one, and the model may go to another domain.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from convonet.agents import call_back, general
from convonet.agents.base import CallBackRequest, TurnRequest
from convonet.agents.call_back import CALL_BACK, CallBackDialogue, mentions_call
from convonet.agents.classifier import Classifier, Guess
from convonet.agents.departments import Department, Departments
from convonet.agents.domain import Domain, read_examples
from convonet.agents.hand_over_intent import mentions_person, refuses_human, wants_human
from convonet.agents.models.base import ToolCall
from convonet.agents.skill import QUESTION, Claim, SkillTurn
from convonet.agents.small_talk import (
    ENGLISH_ONLY,
    Moment,
    last_answer,
    offer,
    out_of_scope,
    small_talk,
    wants_repeat,
)
from convonet.agents.steering import ASK_CALL_BACK, GO_TO
from convonet.core.caller import AgentType
from convonet.language.phones import find_phone
from convonet.language.sentences import MAX_CHARACTERS, TOO_LONG, Sentence, is_latin

MIN_GUESS = 0.38
"""Probability from which a guess decides where no rule does; 97 % of such guesses are right (leave-one-out)."""

MIN_TOPIC_CHANGE = 0.6
"""Probability from which a guess takes a sentence away from the domain whose question it might answer."""

MIN_HAND_OVER = 0.7
"""Probability from which a guess of a hand-over counts: a wrong one costs two people's time."""

MIN_MAYBE = 0.15
"""Probability from which a domain gets a longer sentence that its own rules are unsure about."""

CURRENT_DOMAIN_BONUS = 0.3
"""Score bonus of the conversation's domain when several domains claim a sentence."""

MAX_SHORT_WORDS = 2
"""Sentences of up to this length tell the classifier little: it has learned from longer ones."""

Kind = Literal["domain", "small_talk", "hand_over", "out_of_scope"]

_SEPARATOR = re.compile(r"(?:[,.;]| and| then)+ (?:(?:then|also|please|and) )*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """A decision; `text` and `memory` are the whole answer unless `kind` is "domain"."""

    kind: Kind
    agent_type: AgentType
    domain: str = ""
    text: str = ""
    memory: dict[str, str] = field(default_factory=dict)
    suggested_form: str | None = None
    """The classifier's guess."""
    department: Department | None = None
    """Department of a hand-over."""
    reason: str = ""
    """Reason that a hosted model gave."""
    call_back: CallBackRequest | None = None


GENERAL = Route("domain", "general", general.NAME)


class Router:
    """Pure: the same request gets the same route."""

    def __init__(
        self, domains: Sequence[Domain], departments: Departments, *, hosted: bool = False, region: str = "US"
    ) -> None:
        """`region` is the ISO 3166 code for phone numbers without a country code."""
        self._departments = departments
        self._region = region
        self._hosted = hosted
        self._domains = {domain.name: domain for domain in domains}
        self._all_domains = tuple(domains)
        self._classifier = _fitted(tuple(sorted(example_sentences(domains).items())))
        # the classifier would block the event loop
        self._thread = ThreadPoolExecutor(1, "classifier")

    async def warm_up(self) -> None:
        """Load the classifier's model."""
        await self._guess("hello")

    def split(self, request: TurnRequest, now: datetime) -> tuple[str, ...]:
        """Split a sentence with several requests, if the rules are sure of each; a request for a human comes last."""
        said = request.transcript
        if len(said) > MAX_CHARACTERS or QUESTION in request.memory:
            return (said,)
        parts = tuple(part for part in _SEPARATOR.split(said) if part)
        sentences = [Sentence(part) for part in parts]
        if len(parts) < 2 or not all(self._sure(SkillTurn(s, now)) or wants_human(s) for s in sentences):
            return (said,)
        hand_overs = [sentence.raw for sentence in sentences if wants_human(sentence)]
        if not hand_overs:
            return parts
        # of several requests for a human, prefer one that names a department
        last = next((part for part in reversed(hand_overs) if self._departments.named_in(part)), hand_overs[-1])
        return (*(part for part in parts if part not in hand_overs), last)

    async def route(self, request: TurnRequest, now: datetime) -> Route:
        """Decide where a turn goes."""
        current: AgentType = request.agent_type or "general"
        said, sentence = request.transcript, Sentence(request.transcript)
        if early := self._before_the_domains(request, sentence, current):
            return early
        memory = {name: value for name, value in request.memory.items() if name != CALL_BACK}
        without_question = {name: value for name, value in memory.items() if name != QUESTION}
        claims = {name: domain.skill.claims(SkillTurn(sentence, now, memory)) for name, domain in self._domains.items()}
        strong = [name for name, claim in claims.items() if claim >= Claim.LIKELY]
        chat = small_talk(sentence, Moment(request.caller.user_name, now, self._all_domains))
        # "yes" and "cancel it" are small talk only without context; a hosted model's question is in the history only
        has_context = strong or QUESTION in memory or (self._hosted and request.history)
        if chat is not None and (sentence.answer is None or not has_context):
            return Route("small_talk", current, text=chat, memory=without_question)
        if len(strong) == 1 and claims[strong[0]] >= Claim.SURE:
            return self._to(strong[0])
        guess = await self._guess(sentence.cleaned)
        topics = guess.topics
        may_answer = QUESTION in memory and Claim.MAYBE in claims.values()
        guessed = self._by_guess(said, current, guess, without_question, claims, may_answer=may_answer)
        if strong:
            best = self._strongest(strong, claims, current, topics)
            leads = topics[best] + CURRENT_DOMAIN_BONUS * (self._type(best) == current) >= max(topics.values())
            vague = guessed is not None and guessed.kind != "domain" and max(topics.values()) < MIN_TOPIC_CHANGE
            if guessed is None or vague or leads or claims[best] >= Claim.SURE:
                return self._to(best)
        return guessed or self._unsure(
            claims, current, topics, without_question, trust_rules=may_answer or len(said.split()) <= MAX_SHORT_WORDS
        )

    def steer(self, request: TurnRequest, route: Route, call: ToolCall, *, has_read: bool) -> tuple[Route, str]:
        """Carry out a hosted model's call of a steering tool.

        `has_read` tells whether the model has read tool results in this turn. Those may quote anybody, so a hand-over
        or a call back then needs a request in the caller's own words. Returns the new route, and the tool's result for
        the model.
        """
        current = route.agent_type
        if call.name == GO_TO:
            topic = str(call.arguments.get("topic", ""))
            return (self._to(topic), "Go on.") if topic in self._domains else (route, f"There is no topic {topic}.")
        if call.name == ASK_CALL_BACK:
            if has_read and not _requested(request, mentions_call):
                return route, "The caller has not asked for a call back. Ask whether they want one."
            return self._call_back(request, current, call.arguments), "Asked."
        if refuses_human(request.transcript):
            return route, "The caller does not want to be transferred."
        if has_read and not _requested(request, mentions_person):
            return route, "The caller has not asked for a person. Ask whether they want one."
        hand_over = self._hand_over(str(call.arguments.get("department", "")), current, request.memory)
        return replace(hand_over, reason=str(call.arguments.get("reason", ""))), "Transferred."

    def _before_the_domains(self, request: TurnRequest, sentence: Sentence, current: AgentType) -> Route | None:
        """Route a sentence without asking the domains; None when they have to be asked."""
        said, memory = request.transcript, request.memory
        if len(said) > MAX_CHARACTERS or not is_latin(said):
            if self._hosted:
                return self._unsure({}, current, {}, memory)
            # rules and classifier know English only, unlike hosted models
            text = TOO_LONG if len(said) > MAX_CHARACTERS else ENGLISH_ONLY
            return Route("out_of_scope", current, text=text, memory=memory)
        if wants_repeat(sentence):
            return Route("small_talk", current, text=last_answer(request.history), memory=memory)
        dialogue = call_back.read_dialogue(memory.get(CALL_BACK, ""))
        if dialogue is not None and (reply := call_back.reply(sentence, dialogue, self._region)) is not None:
            return _call_back_route("small_talk", current, memory, reply)
        if wants_human(sentence):
            rest = {name: value for name, value in memory.items() if name not in (CALL_BACK, QUESTION)}
            return self._hand_over(said, current, rest)
        return None

    async def _guess(self, said: str) -> Guess:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._classifier.guess, said)

    def _strongest(
        self, strong: Sequence[str], claims: Mapping[str, Claim], current: AgentType, topics: Mapping[str, float]
    ) -> str:
        """Choose between domains that claim a sentence."""
        scores = {name: topics.get(name, 0.0) + CURRENT_DOMAIN_BONUS * (self._type(name) == current) for name in strong}
        asked = next((name for name in strong if claims[name] is Claim.ANSWER), None)
        others = [name for name in strong if name != asked and (not asked or scores[name] >= MIN_TOPIC_CHANGE)]
        return max(others, key=scores.__getitem__) if others else asked or strong[0]

    def _by_guess(
        self,
        said: str,
        current: AgentType,
        guess: Guess,
        memory: dict[str, str],
        claims: Mapping[str, Claim],
        *,
        may_answer: bool,
    ) -> Route | None:
        topic = max(guess.topics, key=guess.topics.__getitem__)
        sure = guess.topics[topic] >= MIN_TOPIC_CHANGE
        # a sentence that may answer a question, or continue a hosted model's topic, needs more to be something else
        if not sure and (guess.topics[topic] < MIN_GUESS or may_answer or (self._hosted and current != "general")):
            return None
        if topic == "hand_over":
            is_wanted = guess.topics[topic] >= MIN_HAND_OVER and mentions_person(said) and not refuses_human(said)
            return self._hand_over(said, current, memory) if is_wanted else None
        if topic in self._domains:
            return self._to(topic, guess.forms[topic])
        maybe = Claim.MAYBE in claims.values()
        # "delete it" and "milk" look like chatter to the classifier
        if self._hosted or (maybe and len(said.split()) <= MAX_SHORT_WORDS):
            return None
        if topic == "out_of_scope" and sure and not may_answer:
            return Route("out_of_scope", current, text=out_of_scope(self._all_domains), memory=memory)
        if topic == "small_talk" and (sure or not maybe) and " " in said.strip():
            return Route("small_talk", current, text=offer(self._all_domains), memory=memory)
        return None

    def _hand_over(self, said: str, current: AgentType, memory: dict[str, str]) -> Route:
        department = self._departments.for_sentence(said)
        text = f"I'll connect you to a person in {department.name} now."
        return Route("hand_over", current, text=text, memory=memory, department=department)

    def _call_back(self, request: TurnRequest, current: AgentType, args: Mapping[str, Any]) -> Route:
        """Begin the dialogue about a call back that a hosted model has requested; the rules ask for the number."""
        offered = call_back.read_dialogue(request.memory.get(CALL_BACK, ""))
        department = str(args.get("department", ""))
        if department not in self._departments.names:
            department = self._departments.fallback.name
        dialogue = offered or CallBackDialogue(department=department, reason=request.transcript)
        reply = call_back.accept(dialogue, find_phone(str(args.get("phone", "")), self._region), self._region)
        return _call_back_route("hand_over", current, request.memory, reply)

    def _unsure(
        self,
        claims: Mapping[str, Claim],
        current: AgentType,
        topics: Mapping[str, float],
        memory: dict[str, str],
        *,
        trust_rules: bool = False,
    ) -> Route:
        """Route a sentence that neither rules nor guess decided; `trust_rules` accepts a MAYBE against the guess."""
        if self._hosted:
            likely = [name for name in self._domains if self._type(name) == current]
            return self._to(max(likely, key=lambda name: topics.get(name, 0.0))) if likely else GENERAL
        maybe = [n for n, claim in claims.items() if claim is Claim.MAYBE and (trust_rules or topics[n] >= MIN_MAYBE)]
        if maybe:
            return self._to(max(maybe, key=lambda name: self._type(name) == current))
        return Route("out_of_scope", current, text=out_of_scope(self._all_domains), memory=memory)

    def _sure(self, turn: SkillTurn) -> bool:
        return any(domain.skill.claims(turn) >= Claim.LIKELY for domain in self._domains.values())

    def _type(self, domain: str) -> AgentType:
        return self._domains[domain].agent_type

    def _to(self, domain: str, suggested_form: str | None = None) -> Route:
        return Route("domain", self._type(domain), domain, suggested_form=suggested_form)


def _requested(request: TurnRequest, mentions: Callable[[str], bool]) -> bool:
    """Return whether the caller mentions it, or says yes to an answer that did."""
    said = request.transcript
    return mentions(said) or (Sentence(said).answer == "yes" and mentions(last_answer(request.history)))


def _call_back_route(kind: Kind, current: AgentType, memory: Mapping[str, str], reply: call_back.Reply) -> Route:
    others = {name: value for name, value in memory.items() if name != CALL_BACK}
    return Route(kind, current, text=reply.text, memory=others | reply.memory, call_back=reply.call_back)


def example_sentences(domains: Sequence[Domain]) -> Mapping[str, tuple[str, ...]]:
    """Return the classifier's examples by label: "hanok.book", "small_talk"."""
    examples = dict(read_examples(resources.files("convonet.agents").joinpath("examples.txt").read_text("utf-8")))
    for domain in domains:
        examples |= {f"{domain.name}.{form}": sentences for form, sentences in domain.examples_by_form.items()}
    return examples


@lru_cache(maxsize=2)
def _fitted(examples: tuple[tuple[str, tuple[str, ...]], ...]) -> Classifier:
    """Fit the classifier, which takes a second, once for all routers of a process."""
    return Classifier(dict(examples))
