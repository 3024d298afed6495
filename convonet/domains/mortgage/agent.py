"""The mortgage domain's description for the agent, found by its file name (`convonet.domains.discovery`)."""

from convonet.agents.domain import Domain, examples_of
from convonet.agents.forms.skill import FormSkill
from convonet.domains.mortgage.applications.offline.actions import HELP_TEXT
from convonet.domains.mortgage.applications.offline.forms import (
    APPLICATION_STATUS,
    APPLY,
    CANCEL,
    FIGURES,
    HELP,
    ON_FILE,
)
from convonet.domains.mortgage.debts.offline.forms import DEBT, DEBTS
from convonet.domains.mortgage.documents.offline.forms import DOCUMENT, DOCUMENTS, MISSING, REQUIRED
from convonet.domains.mortgage.estimates.offline.forms import AFFORD, PAYMENT, PREAPPROVAL, RATIO, WHAT_IF

DOMAIN = Domain(
    name="mortgage",
    agent_type="mortgage",
    about="help with a mortgage application",
    prompt=(
        "You help the caller with a mortgage application: its figures, debts and documents, debt to income, "
        "pre-approval, payments and what they can afford, all with the tools. Look with "
        "get_mortgage_application_status before you start a new application. Ask for what is missing, one figure at a "
        "time, and note with update_mortgage_financial_info only what the caller named; amounts are dollars, incomes "
        "and debts are a month's. A single debt belongs into add_mortgage_debt. Ask for a yes before you cancel an "
        "application. Estimates are no offers: only the lender decides. Never read an id out."
    ),
    examples=("how much house can i afford", "i'd like to apply for a mortgage"),
    labels={
        "create_mortgage_application": "Starting the application",
        "get_mortgage_application_status": "Looking at the application",
        "update_mortgage_financial_info": "Noting the figures",
        "cancel_mortgage_application": "Cancelling the application",
        "add_mortgage_debt": "Adding the debt",
        "get_mortgage_debts": "Looking at the debts",
        "upload_mortgage_document": "Noting the document",
        "get_mortgage_documents": "Looking at the documents",
        "get_required_documents": "Looking up what is needed",
        "get_missing_documents": "Looking for what is missing",
        "calculate_dti_ratio": "Working out debt to income",
        "check_preapproval": "Checking pre-approval",
        "estimate_payment": "Estimating the payment",
        "estimate_affordability": "Estimating what is affordable",
    },
    skill=FormSkill(
        "mortgage",
        (
            CANCEL,
            HELP,
            RATIO,
            PREAPPROVAL,
            DOCUMENT,
            MISSING,
            DOCUMENTS,
            REQUIRED,
            AFFORD,
            PAYMENT,
            DEBT,
            DEBTS,
            FIGURES,
            ON_FILE,
            APPLY,
            APPLICATION_STATUS,
            WHAT_IF,
        ),
        own_words=(
            r"mortgages?|can (?:i|we) afford|(?:home|house|car|auto|student) loan|loan|pre-?approv\w*|down payment"
            r"|closing costs|debts?|debt[- ]to[- ]income|dti|credit score|my application|w-?2|pay ?stubs?|tax returns?"
            r"|bank statements?"
        ),
        not_understood=HELP_TEXT,
    ),
    examples_by_form=examples_of("convonet.domains.mortgage"),
)
