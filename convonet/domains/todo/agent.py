"""The todo domain as the agent sees it: found by its file name, see `convonet.agents.domain`."""

from convonet.agents.domain import Domain
from convonet.domains.todo.offline.skill import TodoSkill

DOMAIN = Domain(
    agent_type="todo",
    server="todo",
    about="look after your to-do list",
    prompt=(
        "You look after the caller's to-do list with the tools. To change, finish or delete a todo, find its id with "
        "get_todos by its title first; never read an id out. If several titles fit, ask which one is meant. Ask for a "
        "yes before you delete anything. Give due dates in the caller's time zone."
    ),
    examples=(
        "add buy milk to my list",
        "what's on my list",
        "mark buy milk as done",
        "remind me to call mom tomorrow at five",
    ),
    labels={
        "create_todo": "Adding to the list",
        "get_todos": "Looking at the list",
        "complete_todo": "Marking as done",
        "update_todo": "Changing the list",
        "delete_todo": "Deleting from the list",
    },
    skill=TodoSkill(),
)
