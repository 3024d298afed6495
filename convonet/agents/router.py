"""Decides what a sentence is about: the open question first, then rules that are sure, then the classifier.

Rules come from the domains' skills and from here; the classifier learns from the domains' example lines. A hand-over
needs a rule, or a confident guess and a word for a person: nobody is transferred by mistake.

Where a hosted model thinks, it decides what the classifier is unsure of: it gets the sentence in the domain of the
conversation so far, or in none, and may go to another one.
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
from convonet.agents.base import CallBackWish, TurnRequest
from convonet.agents.call_back import CALL_BACK, CallBackTalk, names_a_call
from convonet.agents.classifier import Classifier, Guess
from convonet.agents.departments import Department, Departments
from convonet.agents.domain import Domain, read_examples
from convonet.agents.hand_over import NO_HUMAN_YET, names_a_person, refuses_a_human, wants_a_human
from convonet.agents.models.base import ToolCall
from convonet.agents.skill import QUESTION, Claim, SkillTurn
from convonet.agents.small_talk import (
    ENGLISH_ONLY,
    Moment,
    last_answer,
    offer,
    out_of_scope,
    small_talk,
    wants_a_repeat,
)
from convonet.agents.steering import ASK_CALL_BACK, GO_TO
from convonet.core.caller import AgentType
from convonet.language.phones import find_phone
from convonet.language.sentences import MAX_CHARACTERS, TOO_LONG, Sentence, is_latin

CONFIDENT = 0.38
"""From here a guess decides where no rule does; of the example lines, each left out in turn, 97 % of such are right."""

CHANGES_TOPIC = 0.6
"""From here a guess takes a sentence away from the domain whose question it might answer."""

HANDS_OVER = 0.7
"""From here a guess that a person is wanted counts: a wrong hand-over costs two people's time."""

FEW_WORDS = 2
"""The classifier has learned from sentences."""

POSSIBLE = 0.15
"""Below this no domain gets a longer sentence that its rules only may take."""

STICKY = 0.3
"""What the domain of the conversation has ahead when several are sure."""

Kind = Literal["domain", "small_talk", "hand_over", "out_of_scope"]

_BETWEEN = re.compile(r"(?:[,.;]| and| then)+ (?:(?:then|also|please|and) )*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a turn goes; `text` and `memory` are the whole answer when no domain is needed for it."""

    kind: Kind
    agent_type: AgentType
    domain: str = ""
    text: str = ""
    memory: dict[str, str] = field(default_factory=dict)
    suggested: str | None = None
    """The form for which the classifier takes the sentence."""
    department: Department | None = None
    """Where a caller is handed over to."""
    reason: str = ""
    """Why, where a hosted model said so."""
    call_back: CallBackWish | None = None


GENERAL = Route("domain", "general", general.NAME)


class Router:
    """Pure: the same request goes the same way."""

    def __init__(
        self, domains: Sequence[Domain], departments: Departments, *, hosted: bool = False, region: str = "US"
    ) -> None:
        """`region` is that of phone numbers without a country code."""
        self._departments = departments
        self._region = region
        self._hosted = hosted
        self._domains = {domain.name: domain for domain in domains}
        self._classifier = _fitted(tuple(sorted(example_lines(domains).items())))
        # one guess at a time, beside the event loop
        self._thread = ThreadPoolExecutor(1, "classifier")

    async def warm_up(self) -> None:
        """Let the classifier load what it needs."""
        await self._guess("hello")

    def parts(self, request: TurnRequest, now: datetime) -> tuple[str, ...]:
        """The sentences of a turn that wants several things, when each alone is surely one; else the one sentence."""
        said = request.transcript
        if len(said) > MAX_CHARACTERS or QUESTION in request.memory:
            return (said,)
        parts = tuple(part for part in _BETWEEN.split(said) if part)
        sentences = [Sentence(part) for part in parts]
        if len(parts) < 2 or not all(self._sure(SkillTurn(s, now)) or wants_a_human(s) for s in sentences):
            return (said,)
        wishes = [sentence.raw for sentence in sentences if wants_a_human(sentence)]
        if not wishes:
            return parts
        # at the end: who is handed over is not here any more for the rest; of several the one that says where to
        wish = next((wish for wish in reversed(wishes) if self._departments.named_in(wish)), wishes[-1])
        return (*(part for part in parts if part not in wishes), wish)

    async def route(self, request: TurnRequest, now: datetime) -> Route:
        """Where this turn goes."""
        so_far: AgentType = request.agent_type or "general"
        said, memory = request.transcript, request.memory
        sentence = Sentence(said)
        if len(said) > MAX_CHARACTERS:
            too_long = Route("out_of_scope", so_far, text=TOO_LONG, memory=memory)
            return self._unsure({}, so_far, {}, memory) if self._hosted else too_long
        if not is_latin(said):
            # neither rules nor classifier have learned it; a hosted model has
            return self._unsure({}, so_far, {}, memory) if self._hosted else _only_english(so_far, memory)
        if wants_a_repeat(sentence):
            return Route("small_talk", so_far, text=last_answer(request.history), memory=memory)
        if CALL_BACK in memory:
            memory = dict(memory)
            talk = call_back.talk_of(memory.pop(CALL_BACK))
            if talk is not None and (reply := call_back.reply(sentence, talk, self._region)) is not None:
                return _talked("small_talk", so_far, memory, reply)
        unasked = {name: value for name, value in memory.items() if name != QUESTION}
        if wants_a_human(sentence):
            return self._hand_over(said, so_far, unasked)
        claims = {name: domain.skill.claims(SkillTurn(sentence, now, memory)) for name, domain in self._domains.items()}
        strong = [name for name, claim in claims.items() if claim >= Claim.LIKELY]
        chat = small_talk(sentence, Moment(request.caller.user_name, now, tuple(self._domains.values())))
        # "yes" and "cancel it" are small talk only when nothing was asked or talked about; a hosted model's question is
        # in the conversation only
        asked_or_told = strong or QUESTION in memory or (self._hosted and request.history)
        if chat is not None and (sentence.answer is None or not asked_or_told):
            return Route("small_talk", so_far, text=chat, memory=unasked)
        if len(strong) == 1 and claims[strong[0]] >= Claim.SURE:
            return self._to(strong[0])
        guess = await self._guess(sentence.cleaned)
        topics = guess.topics
        asked = QUESTION in memory and Claim.MAYBE in claims.values()
        found = self._by_guess(said, so_far, guess, unasked, claims, asked=asked)
        if strong:
            best = self._strongest(strong, claims, so_far, topics)
            ahead = topics[best] + STICKY * (self._type(best) == so_far) >= max(topics.values())
            vague = found is not None and found.kind != "domain" and max(topics.values()) < CHANGES_TOPIC
            if found is None or vague or ahead or claims[best] >= Claim.SURE:
                return self._to(best)
        return found or self._unsure(claims, so_far, topics, unasked, known=asked or len(said.split()) <= FEW_WORDS)

    def steered(self, request: TurnRequest, route: Route, call: ToolCall, *, has_read: bool) -> tuple[Route, str]:
        """Where a hosted model's call of a steering tool leads, and what it is told of that.

        `has_read` is whether it has seen results of tools in this turn. They may hold anybody's words, so that only the
        caller's own transfer them then.
        """
        so_far = route.agent_type
        if call.name == GO_TO:
            topic = str(call.arguments.get("topic", ""))
            return (self._to(topic), "Go on.") if topic in self._domains else (route, f"There is no topic {topic}.")
        if call.name == ASK_CALL_BACK:
            if has_read and not _asked_for(request, names_a_call):
                return route, "The caller has not asked for a call back. Ask whether they want one."
            return self._call_back(request, so_far, call.arguments), "Asked."
        if refuses_a_human(request.transcript):
            return route, "The caller does not want to be transferred."
        if has_read and not _asked_for(request, names_a_person):
            return route, "The caller has not asked for a person. Ask whether they want one."
        over = self._hand_over(str(call.arguments.get("department", "")), so_far, request.memory)
        return replace(over, reason=str(call.arguments.get("reason", ""))), "Transferred."

    async def _guess(self, said: str) -> Guess:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._classifier.guess, said)

    def _strongest(
        self, strong: Sequence[str], claims: Mapping[str, Claim], so_far: AgentType, topics: Mapping[str, float]
    ) -> str:
        """Who gets a sentence that several claim."""
        likely = {name: topics.get(name, 0.0) + STICKY * (self._type(name) == so_far) for name in strong}
        asked = next((name for name in strong if claims[name] is Claim.ANSWER), None)
        others = [name for name in strong if name != asked and (not asked or likely[name] >= CHANGES_TOPIC)]
        return max(others, key=likely.__getitem__) if others else asked or strong[0]

    def _by_guess(
        self,
        said: str,
        so_far: AgentType,
        guess: Guess,
        memory: dict[str, str],
        claims: Mapping[str, Claim],
        *,
        asked: bool,
    ) -> Route | None:
        topic = max(guess.topics, key=guess.topics.__getitem__)
        sure = guess.topics[topic] >= CHANGES_TOPIC
        # what may answer a question, or go on with what a hosted model talks of, takes more to be something else
        if not sure and (guess.topics[topic] < CONFIDENT or asked or (self._hosted and so_far != "general")):
            return None
        if topic == "hand_over":
            wanted = guess.topics[topic] >= HANDS_OVER and names_a_person(said) and not refuses_a_human(said)
            return self._hand_over(said, so_far, memory) if wanted else None
        # "delete it" and "milk" look like chatter to the classifier
        if (
            topic in ("out_of_scope", "small_talk")
            and len(said.split()) <= FEW_WORDS
            and Claim.MAYBE in claims.values()
        ):
            return None
        if topic in ("out_of_scope", "small_talk") and self._hosted:
            return None
        if topic == "out_of_scope" and sure and not asked:
            return Route("out_of_scope", so_far, text=out_of_scope(tuple(self._domains.values())), memory=memory)
        if topic == "small_talk" and (sure or Claim.MAYBE not in claims.values()) and " " in said.strip():
            return Route("small_talk", so_far, text=offer(tuple(self._domains.values())), memory=memory)
        if topic not in self._domains:
            return None
        return self._to(topic, guess.forms[topic])

    def _hand_over(self, said: str, so_far: AgentType, memory: dict[str, str]) -> Route:
        department = self._departments.meant(said)
        if department is None:
            memory = memory | CallBackTalk(department=self._departments.fallback, reason=said).remembered()
            return Route("hand_over", so_far, text=NO_HUMAN_YET, memory=memory)
        text = f"I'll connect you to a person in {department.name} now."
        return Route("hand_over", so_far, text=text, memory=memory, department=department)

    def _call_back(self, request: TurnRequest, so_far: AgentType, args: Mapping[str, Any]) -> Route:
        """A hosted model has understood that the caller wants it; the number is our own business from here."""
        offered = call_back.talk_of(request.memory.get(CALL_BACK, ""))
        department = str(args.get("department", ""))
        if department not in self._departments.names:
            department = self._departments.fallback
        talk = offered or CallBackTalk(department=department, reason=request.transcript)
        reply = call_back.wanted(talk, find_phone(str(args.get("phone", "")), self._region), self._region)
        return _talked("hand_over", so_far, request.memory, reply)

    def _unsure(
        self,
        claims: Mapping[str, Claim],
        so_far: AgentType,
        topics: Mapping[str, float],
        memory: dict[str, str],
        *,
        known: bool = False,
    ) -> Route:
        """`known` is whether the domain's rules count although the classifier thinks little of them."""
        if self._hosted:
            likely = [name for name in self._domains if self._type(name) == so_far]
            return self._to(max(likely, key=lambda name: topics.get(name, 0.0))) if likely else GENERAL
        maybe = [n for n, claim in claims.items() if claim is Claim.MAYBE and (known or topics[n] >= POSSIBLE)]
        if maybe:
            return self._to(max(maybe, key=lambda name: self._type(name) == so_far))
        return Route("out_of_scope", so_far, text=out_of_scope(tuple(self._domains.values())), memory=memory)

    def _sure(self, turn: SkillTurn) -> bool:
        return any(domain.skill.claims(turn) >= Claim.LIKELY for domain in self._domains.values())

    def _type(self, domain: str) -> AgentType:
        return self._domains[domain].agent_type

    def _to(self, domain: str, suggested: str | None = None) -> Route:
        return Route("domain", self._type(domain), domain, suggested=suggested)


def _asked_for(request: TurnRequest, names: Callable[[str], bool]) -> bool:
    """Whether the caller has named it, or says yes to an answer that did."""
    said = request.transcript
    return names(said) or (Sentence(said).answer == "yes" and names(last_answer(request.history)))


def _talked(kind: Kind, so_far: AgentType, memory: Mapping[str, str], reply: call_back.Reply) -> Route:
    """A step of the talk about a call back."""
    others = {name: value for name, value in memory.items() if name != CALL_BACK}
    return Route(kind, so_far, text=reply.text, memory=others | reply.memory, call_back=reply.wish)


def _only_english(so_far: AgentType, memory: dict[str, str]) -> Route:
    return Route("out_of_scope", so_far, text=ENGLISH_ONLY, memory=memory)


def example_lines(domains: Sequence[Domain]) -> Mapping[str, tuple[str, ...]]:
    """What the classifier learns from, by label: "hanok.book", "small_talk"."""
    lines = dict(read_examples(resources.files("convonet.agents").joinpath("examples.txt").read_text("utf-8")))
    for domain in domains:
        lines |= {f"{domain.name}.{form}": examples for form, examples in domain.examples_by_form.items()}
    return lines


@lru_cache(maxsize=2)
def _fitted(lines: tuple[tuple[str, tuple[str, ...]], ...]) -> Classifier:
    """A second of work, the same for all routers of a process."""
    return Classifier(dict(lines))
