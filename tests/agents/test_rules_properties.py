"""Properties of the rules in any conversation: answers in words, known tools only, deletions after a yes only."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.agents.base import ChatMessage, TurnRequest
from convonet.agents.departments import Department, Departments
from convonet.agents.router import Router
from convonet.agents.skill import Outcome, Say, SkillTurn
from convonet.core.caller import Caller
from convonet.core.ids import DEMO_USER_ID, SessionId, TurnId
from convonet.domains.discovery import all_domains
from convonet.language.sentences import Sentence
from convonet.speech.local.phrases import Phrases

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=ZoneInfo("America/New_York"))
MAX_STEPS = 4

SENTENCES = sorted(set(Phrases.load().sentences(2)))
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
SAID = st.one_of(
    st.sampled_from(SENTENCES),
    st.sampled_from(
        ["yes", "no", "the second one", "the last one", "all of them", "delete it", "never mind", "delete all"]
    ),
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
    st.text(max_size=40),
)

(TODO,) = [domain for domain in all_domains() if domain.name == "todo"]
ROUTER = Router([TODO], Departments(Department("support", "2001")))


class Tools:
    """The todo tools as a list in memory."""

    def __init__(self, titles):
        self.todos = [_todo(f"id-{n}", title) for n, title in enumerate(titles)]

    def call(self, call):
        assert call.tool in TODO.labels
        if call.tool == "get_todos":
            wanted = call.arguments.get("completed")
            found = [todo for todo in self.todos if wanted is None or todo["completed"] == wanted]
            return Outcome(call.tool, True, "Here they are.", {"todos": found})
        if call.tool == "create_todo":
            todo = _todo(f"id-{len(self.todos) + 100}", call.arguments["title"])
            self.todos.append(todo)
        else:
            todo = next(todo for todo in self.todos if todo["id"] == call.arguments["id"])
            if call.tool == "delete_todo":
                self.todos.remove(todo)
            else:
                todo["completed"] = call.arguments.get("completed", call.tool == "complete_todo")
        return Outcome(call.tool, True, "Done.", {"todo": todo})


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(SAID, min_size=1, max_size=6), titles=st.lists(st.sampled_from(["buy milk", "buy bread", "call"]))
)
def test_any_conversation_gets_answers_and_deletes_after_a_yes_only(lines, titles):
    tools, memory, history = Tools(titles), {}, ()
    for said in lines:
        request = TurnRequest(SessionId("s"), TurnId("t"), Caller(DEMO_USER_ID, "Ann"), said, history, "todo", memory)
        route = asyncio.run(ROUTER.route(request, NOW))
        before = len(tools.todos)
        text, memory = (
            (route.text, route.memory) if route.kind != "domain" else _turn(said, memory, tools, route.suggested_form)
        )
        history += (ChatMessage("user", said), ChatMessage("assistant", text))
        assert text.strip()
        assert all(isinstance(value, str) for value in memory.values())
        assert len(tools.todos) >= before or Sentence(said).answer == "yes"


def _turn(said, memory, tools, suggested):
    outcomes = ()
    for _ in range(MAX_STEPS):
        step = TODO.skill.step(SkillTurn(Sentence(said), NOW, memory, outcomes, suggested))
        if isinstance(step, Say):
            return step.text, step.memory
        outcomes += tuple(tools.call(call) for call in step.calls)
    raise AssertionError(f"no answer to {said!r} after {MAX_STEPS} steps")


def _todo(todo_id, title):
    return {
        "id": todo_id,
        "title": title,
        "description": None,
        "completed": False,
        "priority": "medium",
        "due_date": None,
    }
