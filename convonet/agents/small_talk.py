"""Answers to small talk, without a model: greetings, thanks, "what can you do?". The router asks for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from convonet.agents.base import ChatMessage
from convonet.agents.domain import Domain
from convonet.language.sentences import Sentence, enumerated

MAX_EXAMPLES = 2


@dataclass(frozen=True, slots=True)
class Moment:
    """Values that an answer may mention."""

    user_name: str
    now: datetime
    domains: Sequence[Domain]


Answer = Callable[[Moment], str]


def small_talk(said: Sentence, moment: Moment) -> str | None:
    """Return the answer to small talk; None for any other sentence."""
    for pattern, reply in _REPLIES:
        if pattern.fullmatch(said.bare) or pattern.fullmatch(said.cleaned):
            return reply(moment)
    match said.answer:
        case "drop":
            return "Okay."
        case "yes":
            return "Okay. What can I do for you?"
        case "no":
            return "Okay. Just tell me when you need something."
    return None


def wants_repeat(said: Sentence) -> bool:
    """Return whether the caller asks for the last answer again."""
    return _REPEAT.fullmatch(said.cleaned) is not None


def last_answer(history: Sequence[ChatMessage]) -> str:
    """Return the last answer, to be said again."""
    last = next((message.content for message in reversed(history) if message.role == "assistant"), "")
    return last or "I haven't said anything yet. What can I do for you?"


def offer(domains: Sequence[Domain]) -> str:
    """Return a sentence that says what the agent can do, with as many examples as a caller can remember."""
    examples = [domain.examples[0] for domain in domains][-MAX_EXAMPLES:]
    can = enumerated([domain.about for domain in domains])
    return f"I can {can}. Say, for example: {enumerated(examples, 'or')}."


def out_of_scope(domains: Sequence[Domain]) -> str:
    """Answer a request that no domain can help with."""
    return f"Sorry, I didn't understand that, or I can't help with it. {offer(domains)}"


ENGLISH_ONLY = "Sorry, I understand only English here. 죄송합니다. 지금은 영어로만 도와드릴 수 있어요."
"""Answer to other languages without a hosted model."""


def _hello(moment: Moment) -> str:
    name = f" {moment.user_name}" if moment.user_name else ""
    return f"Hello{name}. What can I do for you?"


def _clock(moment: Moment) -> str:
    return f"It's {moment.now.hour % 12 or 12}:{moment.now:%M} {'pm' if moment.now.hour >= 12 else 'am'}."


def _day(moment: Moment) -> str:
    return f"Today is {moment.now:%A, %B} {moment.now.day}."


def _constant(text: str) -> Answer:
    return lambda moment: text


_REPEAT = re.compile(
    r"(?:say (?:that|it) again|repeat(?: that| it)?|come again|what did you say|pardon(?: me)?|one more time|again"
    r"|i (?:didn't|did not) (?:hear|catch|get) (?:that|you))(?: for me)?",
    re.IGNORECASE,
)
_GREETING = r"(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|greetings|howdy)"
_TABLE: tuple[tuple[str, Answer], ...] = (
    (rf"(?:{_GREETING}[,. ]*)+(?:there|again|convonet|everyone)?", _hello),
    (
        r"(?:no[, ]+)?(?:okay[, ]+|great[, ]+|perfect[, ]+)?(?:thanks|thank you|thank you very much|thanks a lot"
        r"|many thanks"
        r"|thank you so much|that's great|that is great|great|perfect|awesome|wonderful|nice|cool|good job|well done)"
        r"(?: for (?:your|the) help)?",
        _constant("You're welcome."),
    ),
    (
        r"(?:okay[, ]+)?(?:goodbye|good bye|bye|bye bye|see you(?: later| soon)?|have a (?:nice|good) (?:day|evening"
        r"|one)"
        r"|good night|talk to you later)(?:[, ]+(?:bye|convonet|thanks|thank you))*",
        _constant("Goodbye."),
    ),
    (
        r"(?:no[, ]+)?(?:thanks?(?: you)?[, ]+)?(?:that's|that is|that will be|that'll be) (?:all|it|everything)"
        r"(?: for now| for today)?(?:[, ]+(?:thanks|thank you|bye|goodbye))*",
        _constant("All right. Goodbye."),
    ),
    (
        r"(?:what (?:can|do|else can) (?:you|i) (?:do|say|ask)(?: for me| here| with you)?|what are you (?:for"
        r"|able to do)"
        r"|how (?:can|do) (?:you help(?: me)?|i use (?:you|this)|this works|does this work)|how does this work"
        r"|help(?: me)?"
        r"|i need (?:some )?help|i don't know what to say|what are (?:my|the) options|i'm lost|i am lost)",
        lambda moment: offer(moment.domains),
    ),
    (
        r"how are you(?: doing| today| doing today)?|how is it going|how's it going",
        _constant("I'm fine, thank you. What can I do for you?"),
    ),
    (
        r"(?:who|what) are you|what(?:'s| is) your name|are you (?:a )?(?:robot|human|real|machine|computer|person|bot)"
        r"(?: person)?|am i talking to a (?:robot|machine|human|computer|person)",
        _constant("I'm Convonet, an automated voice assistant."),
    ),
    (
        r"(?:can you hear me|are you (?:still )?there|is anybody there|testing|test|one two three)",
        _constant("Yes, I can hear you. What can I do for you?"),
    ),
    (r"what(?:'s| is) the time|what time is it(?: now)?", _clock),
    (r"what(?:'s| is) (?:the date|today's date|the date today|today)|what day is (?:it|today|it today)", _day),
)  # fmt: skip
_REPLIES = [(re.compile(pattern, re.IGNORECASE), reply) for pattern, reply in _TABLE]
