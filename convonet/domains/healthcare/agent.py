"""The health plan's description for the agent, found by its file name (`convonet.domains.discovery`)."""

from convonet.agents.domain import Domain, examples_of
from convonet.agents.forms.skill import FormSkill
from convonet.domains.healthcare.authorizations.offline.forms import AUTHORIZATION, AUTHORIZATIONS, NEEDED, REQUEST
from convonet.domains.healthcare.claims.offline.forms import APPEAL, CLAIMS, DETAILS, EXPLANATION, STATUS
from convonet.domains.healthcare.coverage.offline.forms import (
    BENEFIT,
    BENEFITS,
    COPAY,
    DATES,
    DEDUCTIBLE,
    ELIGIBILITY,
    OUT_OF_POCKET,
    PREVENTIVE,
)
from convonet.domains.healthcare.programs.offline.forms import ENROLL, PROGRAMS
from convonet.domains.healthcare.providers.offline.forms import DOCTOR, DOCTORS, NETWORK

DOMAIN = Domain(
    name="healthcare",
    agent_type="healthcare",
    about="answer questions about your health plan",
    prompt=(
        "You help the caller with their health plan: coverage, benefits, costs, claims and appeals, prior "
        "authorizations, doctors in the network and care programs, all with the tools. Find numbers of claims, "
        "authorizations, doctors and programs with the tools that list them before you ask about one; never ask the "
        "caller for such a number. Ask for a yes before you appeal, request an authorization or enroll. Give no "
        "medical advice; a life in danger must call 911."
    ),
    examples=("what's my copay for a specialist", "is my last claim paid"),
    labels={
        "check_eligibility": "Checking the coverage",
        "get_coverage_dates": "Looking at the coverage dates",
        "get_benefits_summary": "Looking at the benefits",
        "check_benefit_coverage": "Checking the benefits",
        "get_copay_info": "Looking up the copay",
        "get_deductible_status": "Adding up the deductible",
        "get_out_of_pocket_status": "Adding up what you paid",
        "get_preventive_care": "Looking at preventive care",
        "search_claims": "Looking for claims",
        "get_claim_status": "Looking at the claim",
        "get_claim_details": "Looking at the claim",
        "get_eob": "Looking at the explanation of benefits",
        "file_claim_appeal": "Filing the appeal",
        "check_prior_auth_required": "Checking the rules",
        "submit_prior_auth": "Sending the request",
        "get_prior_auth_status": "Looking at the authorization",
        "list_prior_auths": "Looking for authorizations",
        "search_providers": "Looking for doctors",
        "check_provider_network": "Checking the network",
        "get_provider_details": "Looking up the doctor",
        "get_care_programs": "Looking at care programs",
        "enroll_care_program": "Enrolling you",
    },
    skill=FormSkill(
        "healthcare",
        (
            APPEAL,
            EXPLANATION,
            DETAILS,
            CLAIMS,
            STATUS,
            AUTHORIZATIONS,
            AUTHORIZATION,
            REQUEST,
            NEEDED,
            DEDUCTIBLE,
            OUT_OF_POCKET,
            PREVENTIVE,
            COPAY,
            NETWORK,
            DOCTORS,
            DOCTOR,
            ENROLL,
            PROGRAMS,
            ELIGIBILITY,
            BENEFITS,
            BENEFIT,
            DATES,
        ),
        own_words=(
            r"co-?pays?|co-?payments?|co-?insurance|deductible|out[- ]of[- ]pocket|claims?|(?:pre)?authori[sz]ations?"
            r"|prior auths?|insurance|health plan|my plan|coverage|covered|insured|in[- ]network|my network|eob"
            r"|benefits|\w+ologists?|preventive|screenings|care programs?|appeal"
        ),
        not_understood=(
            "About your health plan I can check coverage and copays, claims and appeals, prior authorizations, "
            "and find doctors."
        ),
    ),
    examples_by_form=examples_of("convonet.domains.healthcare"),
)
