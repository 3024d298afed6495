"""The conversation that a session keeps."""

from convonet.agents.base import ChatMessage, Final
from convonet.core.ids import SessionId
from convonet.sessions.conversation import Conversation
from tests.sessions.doubles import CALLER

QUESTION, ANSWER = ChatMessage("user", "what is on my list"), ChatMessage("assistant", "Nothing.")
EARLY, LATE = ChatMessage("assistant", "an early offer"), ChatMessage("assistant", "a late offer")


def test_messages_from_before_and_during_the_agents_answer_are_kept_once():
    conversation = Conversation(session_id=SessionId("s-1"), caller=CALLER)
    conversation.add_outside_turn((EARLY,), {"early": "1", "late": "1"})
    conversation.mark_agent_asked()
    known = conversation.history
    conversation.add_outside_turn((LATE,), {"late": "2"})
    # the answer includes what the agent knew
    final = Final("Nothing.", "todo", "offline", "rules", (*known, QUESTION, ANSWER), {"todo": "3"})
    conversation.remember("u-1", QUESTION.content, final)
    assert conversation.history == (EARLY, QUESTION, ANSWER, LATE)
    assert conversation.memory == {"todo": "3", "late": "2"}
    assert Conversation.from_checkpoint(conversation.to_checkpoint()).history == conversation.history
