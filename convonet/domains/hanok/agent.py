"""The restaurant's description for the agent, found by its file name (`convonet.domains.discovery`)."""

from convonet.agents.domain import Domain, examples_of
from convonet.agents.forms.skill import FormSkill
from convonet.domains.hanok.offline.forms import (
    AVAILABILITY,
    BOOK,
    BY_CODE,
    CANCEL,
    CHANGE,
    CONFIRM,
    HOURS,
    MENU,
    MINE,
    OWN_CODE,
)

DOMAIN = Domain(
    name="hanok",
    agent_type="hanok_table",
    about="book a table at the Hanok restaurant",
    prompt=(
        "You look after the guests of Hanok, a Korean restaurant: its menu, free tables, reservations with dishes "
        "ordered ahead, changes and cancellations, all with the tools. Times are the restaurant's own. To book you "
        "need the number of people, day, time, name and phone number; ask for what is missing, one thing at a time, "
        "and read day and time back before you book. Find a reservation's id with get_reservation before you change "
        "or cancel it, and ask for a yes before you cancel. Say confirmation codes letter by letter. Answer in Korean "
        "when the caller speaks Korean."
    ),
    examples=("book a table for four on friday at seven", "what's on the menu"),
    labels={
        "list_menu_items": "Looking at the menu",
        "get_reservation": "Looking for the reservation",
        "get_reservation_by_code": "Looking for the reservation",
        "search_seating_availability": "Looking for free tables",
        "create_reservation": "Booking the table",
        "update_reservation_details": "Changing the reservation",
        "set_reservation_status": "Confirming the reservation",
        "cancel_reservation": "Cancelling the reservation",
    },
    skill=FormSkill(
        "hanok",
        (CANCEL, CONFIRM, CHANGE, OWN_CODE, BY_CODE, MINE, MENU, HOURS, AVAILABILITY, BOOK),
        own_words=(
            r"hanok|reservations?|bookings?|(?:book|reserve|get|have|need|want|make) (?:me |us )?an? (?:\w+ )?table"
            r"|(?:a|the|my|our) (?:table|booth) (?:for|on|at|free)|menu|bulgogi|galbi|mandu|japchae|bibimbap|kimchi"
            r"|pajeon|feast|waitlist|waiting list|confirmation code"
        ),
        not_understood=(
            "About the Hanok restaurant I can book a table, change or cancel a reservation, and tell you the menu."
        ),
    ),
    examples_by_form=examples_of("convonet.domains.hanok"),
)
