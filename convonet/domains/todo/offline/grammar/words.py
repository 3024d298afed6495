"""The vocabulary of the todo grammar: names of the list and its items, places, priorities, verbs."""

from __future__ import annotations

import re
from datetime import datetime

from convonet.domains.todo.enums import Priority
from convonet.domains.todo.offline.intents import Fields, Target
from convonet.language.clock import NUMBER, number_of
from convonet.language.when import due_at_end

TODO = r"(?:to[ -]?do|two do|too do|todo|task|shopping|grocery|groceries|reminder|chore)"
LIST = (
    rf"(?:(?:my|the|our|your|this) (?:whole |entire )?)?(?:{TODO}(?:'?s)? list|list|to[ -]?do'?s|todos|tasks|reminders)"
)
ITEM = r"(?:to[ -]?do(?: item)?|todo(?: item)?|task|reminder|item|entry|note|list item|thing to do)"
ITEMS = r"(?:to[ -]?do'?s|todos|tasks|reminders|items|things(?: to do)?|entries)"

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PLACE = re.compile(
    rf"(?:the )?(?P<ordinal>{'|'.join(_ORDINALS)}|last|latest|most recent|top)(?: (?:one|{ITEM}))?"
    rf"(?: (?:on|in|from|of) {LIST})?"
    rf"|(?:the )?(?:{ITEM} )?(?:number|item|no\.?) (?P<number>{NUMBER})",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    rf"(?:it|that|this|them|(?:that|this) (?:one|{ITEM})|the (?:one|{ITEM})(?: i (?:just )?(?:added|made|created))?)",
    re.IGNORECASE,
)
_ALL_DONE = re.compile(
    rf"(?:all )?(?:of )?(?:the |my )*(?:completed|finished|done|old)(?: {ITEMS}| ones| {TODO} list)?"
    r"|(?:everything|all)(?: that| which)?(?: i(?:'ve| have)?| is| are)? (?:done|completed|finished)",
    re.IGNORECASE,
)
_ALL = re.compile(
    rf"(?:everything|all|both|all of (?:them|it)|them all|both of them|(?:all |all of )?(?:of )?{LIST}"
    rf"|(?:all )?(?:of )?(?:my|the|these|those) (?:whole |entire )?(?:{ITEMS}|list))(?: (?:on|in|from) {LIST})?",
    re.IGNORECASE,
)
_WRAPPED = re.compile(
    rf"(?:the |my |a )?(?:{ITEM})(?: (?:called|named|titled|about|for|to|that says|saying))? (?P<words>.+)"
    rf"|(?:the|my) (?P<one>.+?) (?:one|{ITEM})"
    r"|(?:the |that )?one (?:called|named|about|for|with|to|from) (?P<other>.+)",
    re.IGNORECASE,
)
_FROM_LIST = re.compile(rf"[ ,]+(?:(?:from|off(?: of)?|on|in|out of) {LIST})$", re.IGNORECASE)

_LEVELS = {
    "low": Priority.LOW,
    "lowest": Priority.LOW,
    "unimportant": Priority.LOW,
    "not urgent": Priority.LOW,
    "medium": Priority.MEDIUM,
    "normal": Priority.MEDIUM,
    "regular": Priority.MEDIUM,
    "high": Priority.HIGH,
    "higher": Priority.HIGH,
    "top": Priority.HIGH,
    "important": Priority.HIGH,
    "urgent": Priority.URGENT,
    "highest": Priority.URGENT,
    "critical": Priority.URGENT,
}
LEVEL = rf"(?:{'|'.join(sorted(_LEVELS, key=len, reverse=True))})"
PRIORITY = rf"(?:(?:an? )?(?:very )?(?P<level>{LEVEL})(?:[ -]priority)?|priority (?P<level2>{LEVEL}))"
_PRIORITY_AT_END = re.compile(
    rf"(?:,|\band)?\s*(?:(?:with|as|at|of|and|it's|it is|which is|that's|marked)\s+)?(?:an?\s+)?"
    rf"(?:(?P<level>{LEVEL})[ -]priority|priority (?P<level2>{LEVEL})"
    rf"|(?<=,)\s*(?P<level3>{LEVEL})|(?:as|it's|it is|marked) (?P<level4>{LEVEL}))$",
    re.IGNORECASE,
)
_LIST_AT_END = re.compile(rf"(?:^|[ ,]+)(?:(?:to|on|onto|in|into) {LIST}|to it)$", re.IGNORECASE)
_NOT_A_TITLE = re.compile(
    r"^(?:(?:that )?(?:i|we) (?:need|have|want|ought|got) to |to (?=\w)|about |that |for |:\s*)", re.IGNORECASE
)

_PAST = {
    "bought": "buy", "paid": "pay", "sent": "send", "wrote": "write", "got": "get", "made": "make", "fed": "feed",
    "took": "take", "went": "go", "did": "do", "read": "read", "found": "find", "sold": "sell", "built": "build",
    "met": "meet", "had": "have", "gave": "give", "brought": "bring", "told": "tell", "spoke": "speak",
    "swept": "sweep",
    "hung": "hang", "saw": "see", "ran": "run", "ate": "eat", "drove": "drive", "taught": "teach", "cut": "cut",
    "set": "set", "put": "put", "rang": "ring", "began": "begin", "chose": "choose", "left": "leave",
}  # fmt: skip
_REGULAR_VERBS = (
    "call clean fix wash book order return pick cook water walk email mail phone text visit renew cancel schedule pack "
    "submit repair replace finish file print review prepare plan organize drop collect mow vacuum iron fold empty load "
    "plant paint study practice watch charge update install check change answer reply sign confirm arrange"
)
_REGULAR = _REGULAR_VERBS.split()
_DOUBLED = {"submit": "submitted", "plan": "planned", "drop": "dropped", "mop": "mopped"}
_DONE_VERBS = _PAST | {
    _DOUBLED.get(verb)
    or (verb[:-1] + "ied" if verb[-2:] in {"py", "ly", "dy", "ry"} else verb.removesuffix("e") + "ed"): verb
    for verb in _REGULAR
}
DONE_VERB = rf"(?:{'|'.join(sorted(_DONE_VERBS, key=len, reverse=True))})"

_TASK_VERBS = """
    accept adopt answer apply arrange ask assemble back bake bathe book bring brush build buy call cash charge
    check choose clean collect compare configure confirm cook cut decide declutter decorate deliver deploy
    deposit design discuss do donate drink drop dust eat edit email empty exercise feed figure file fill find
    finish fix fold follow get give go groom hang have install invite iron learn listen load look lose mail make
    measure meditate meet memorize message mop mow order organize pack paint pay phone pick plan plant play
    polish practice prepare print proofread pull quit rake read register remind renew rent repair reply research
    reserve respond rest restart return review run save schedule scrub see sell send sew sharpen ship shovel
    shred sign sort start stop study sweep swim take talk tell test text think thank tidy train trim unclog
    unplug upgrade upload vacuum visit vote walk wash watch water weed wish work wrap write
"""
TASK_VERBS = frozenset(_TASK_VERBS.split())
"""First words of sentences that name a task."""


def base_form(verb: str) -> str:
    """Return the base form: "buy" for "bought"."""
    return _DONE_VERBS[verb.lower()]


def target_of(text: str) -> Target:
    """Return the todo that these words mean; without words, the one talked about last."""
    words = _FROM_LIST.sub("", text).strip(" ,.\"'")
    if not words or _PRONOUN.fullmatch(words):
        return Target(it=True)
    if place := _PLACE.fullmatch(words):
        return Target(place=_place(place))
    if _ALL_DONE.fullmatch(words):
        return Target(all_of="done")
    if _ALL.fullmatch(words):
        return Target(all_of="any")
    if wrapped := _WRAPPED.fullmatch(words):
        words = next(words for words in wrapped.groups() if words)
    return Target(words=words)


def priority_of(text: str) -> Priority | None:
    """Return the priority that `text` as a whole names."""
    found = re.fullmatch(PRIORITY, text.strip(), re.IGNORECASE)
    return _level(found) if found else None


def fields_of(text: str, now: datetime) -> Fields:
    """Read a title, and take the list's name, a due date and a priority off its end in any order."""
    title, due, priority = text.strip(), None, None
    before = None
    while title != before:
        before = title
        title = _LIST_AT_END.sub("", title).strip(" ,")
        if due is None:
            title, due = due_at_end(title, now)
        if priority is None and (found := _PRIORITY_AT_END.search(title)):
            title, priority = title[: found.start()].strip(" ,"), _level(found)
    title = _NOT_A_TITLE.sub("", title).strip(" ,.:\"'")
    return Fields(title=title or None, due=str(due) if due else None, priority=priority)


def _place(found: re.Match[str]) -> int:
    if found["number"]:
        return number_of(found["number"]) - 1
    word = found["ordinal"].lower()
    if word in {"last", "latest", "most recent"}:
        return -1
    return 0 if word == "top" else _ORDINALS.index(word)


def _level(found: re.Match[str]) -> Priority:
    return _LEVELS[next(value for value in found.groupdict().values() if value).lower()]
