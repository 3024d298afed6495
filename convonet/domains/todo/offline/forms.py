"""The forms of to-do lists, one for each kind of intent that the grammar reads."""

from __future__ import annotations

from datetime import datetime

from convonet.agents.forms.form import Form, Parsed, Values
from convonet.agents.skill import Claim
from convonet.domains.todo.offline import slots, speech
from convonet.domains.todo.offline.actions import add, change, read_list, read_on
from convonet.domains.todo.offline.grammar import parse
from convonet.domains.todo.offline.intents import Change, Create, More

CREATE = Form(name="create", act=add, slots=(slots.title(),), drop_text="Okay, I won't add anything.")
LIST = Form(name="list", act=read_list)
MORE = Form(name="more", act=read_on)
CHANGE = Form(name="change", act=change, slots=(slots.which(), slots.meant(), slots.value()), drop_text=speech.LEFT)


def read_sentence(text: str, now: datetime, focus: Values) -> Parsed | None:
    """Read a sentence by the grammar; the values of each form are the intent that it carries out."""
    claim = None
    match intent := parse(text, now):
        case None:
            return None
        case More():
            claim = Claim.SURE if focus.get("listed", "[]") != "[]" else Claim.NONE
        case Create(certain=False):
            claim = Claim.MAYBE
        case Change(target=target) if target.it:
            # "change it" may be about another domain when no todo was talked about
            claim = Claim.SURE if focus.get("last", "[]") != "[]" else Claim.MAYBE
    return Parsed(intent.kind, {"intent": intent.model_dump_json()}, claim)
