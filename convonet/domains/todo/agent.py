"""The todo domain as the agent knows it; `convonet.domains.discovery` finds it by the name of this file."""

from convonet.agents.domain import Domain, examples_of
from convonet.agents.forms.skill import FormSkill
from convonet.domains.todo.offline.forms import CHANGE, CREATE, LIST, MORE, read_sentence
from convonet.domains.todo.offline.speech import NOT_UNDERSTOOD

DOMAIN = Domain(
    name="todo",
    agent_type="todo",
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
        "create_team_todo": "Adding to the team's list",
        "create_reminder": "Noting a reminder",
        "get_reminders": "Looking at the reminders",
        "update_reminder": "Changing a reminder",
        "delete_reminder": "Deleting a reminder",
        "create_calendar_event": "Writing into the calendar",
        "get_calendar_events": "Looking at the calendar",
        "update_calendar_event": "Changing the calendar",
        "delete_calendar_event": "Deleting from the calendar",
        "get_teams": "Looking at the teams",
        "get_team_members": "Looking at the team",
        "create_team": "Making a team",
        "add_team_member": "Adding to the team",
        "remove_team_member": "Taking out of the team",
        "change_member_role": "Changing a role",
        "search_users": "Looking for people",
    },
    skill=FormSkill(
        "todo",
        (CREATE, LIST, MORE, CHANGE),
        own_words=(r"(?:my|the|our|shopping) lists?|to-?dos?|to do list|tasks?|remind|reminders?|forget|remember to"),
        not_understood=NOT_UNDERSTOOD,
        grammar=read_sentence,
    ),
    examples_by_form=examples_of("convonet.domains.todo"),
)
