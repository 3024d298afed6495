"""Sentences that finish, reopen or delete todos."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from convonet.domains.todo.offline.grammar.rules import Build, Found, rules
from convonet.domains.todo.offline.grammar.words import DONE_VERB, ITEM, LIST, base_form, target_of
from convonet.domains.todo.offline.intents import Change, Intent, Target

_DONE = r"(?:done|complete|completed|finished)"
_I_HAVE = r"i(?:'ve| have| am|'m)? (?:just |already |now |finally |also )*"
_NOT_A_QUESTION = r"(?!(?:what|which|that's|how|when|who|it's|that is)\b)"
_OFF = rf"off(?: (?:of |from )?{LIST})?"
_EVERYTHING = rf"{LIST}|(?:all )?(?:of )?(?:my |the )*(?:completed|finished|done)(?: .+)?|everything|all .+"
_ONE = rf"(?:the |that |this |my )?(?:{ITEM}\b.*|.+ (?:one|{ITEM}))|that one"


def _to(action: Literal["complete", "reopen", "delete"]) -> Build:
    def build(found: Found, now: datetime) -> Intent:
        return Change(action=action, target=target_of(found["target"] or ""))

    return build


def _past_tense(found: Found, now: datetime) -> Intent:
    return Change(action="complete", target=Target(words=f"{base_form(found['verb'])} {found['target']}"))


FINISHING = (
    # "not done" before "done"
    *rules(
        _to("reopen"),
        rf"(?:mark|set) (?P<target>.+?) (?:as )?(?:not |un-?|in)(?:{_DONE})(?: yet)?",
        r"(?:uncheck|unmark|reopen|re-open|untick|restore) (?P<target>.+)",
        rf"i (?:did not|didn't|have not|haven't) (?:actually )?(?:do|finish|complete|{_DONE}) (?P<target>.+?)(?: yet)?",
        rf"{_NOT_A_QUESTION}(?P<target>.+?) (?:is not|isn't|was not|wasn't) {_DONE}(?: yet)?",
    ),
    *rules(
        _to("delete"),
        rf"(?:clear|empty|wipe|clean up|erase|reset)(?: out)? (?P<target>{_EVERYTHING})",
        r"(?:delete|remove|erase|trash)(?: (?P<target>.+))?",
        rf"(?:take|strike|get|drop|throw|cancel|discard|get rid of) (?P<target>.+?) (?:off|from|out of|off of) {LIST}",
        rf"(?:drop|get rid of) (?P<target>{_ONE})",
        r"(?:cancel|forget)(?: about)? (?P<target>.+)",
        r"i (?:don't|do not|no longer) (?:need|have|want) (?:to )?(?P<target>.+?)(?: any ?more| any longer)?",
    ),
    *rules(
        _to("complete"),
        rf"(?:mark|set|flag|marked)(?: off)? (?P<target>.+?) (?:as |is |to |has )?{_DONE}",
        r"(?:check|tick|cross|scratch|strike|mark) (?:off|out) (?P<target>.+?)",
        rf"(?:check|tick|cross|scratch|strike|mark) (?P<target>.+?) {_OFF}",
        r"(?:complete|finish) (?P<target>.+)",
        rf"{_I_HAVE}(?:finished|completed|done|did|through)(?: with| doing)? (?P<target>.+?)(?: already| now| today)?",
        r"(?:done|finished|all done) with (?P<target>.+)",
        rf"{_I_HAVE}(?:took|taken) care of (?P<target>.+)",
    ),
    *rules(_past_tense, rf"{_I_HAVE}(?P<verb>{DONE_VERB}) (?P<target>.+?)(?: already| now| today| yesterday)?"),
    *rules(
        _to("complete"),
        rf"{_NOT_A_QUESTION}(?P<target>.+?) (?:is|are|has been|have been|was|were)(?: all| now| already)? {_DONE}"
        r"(?: now)?",
        rf"{_NOT_A_QUESTION}(?!get\b|have\b|i\b)(?P<target>.+?) {_DONE}",
    ),
)
