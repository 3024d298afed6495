"""The forms of an application: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from convonet.agents.forms.form import Form, sentence
from convonet.agents.forms.readers import choice
from convonet.domains.mortgage.applications.offline.actions import (
    apply,
    cancel,
    help_with,
    note_figures,
    show_figure,
    show_status,
)
from convonet.domains.mortgage.offline.shared import ours
from convonet.domains.mortgage.offline.slots import another, figures, wish
from convonet.language.sentences import enumerated

_LOAN = r"(?:mortgage|home loan|house loan)"
_AMOUNT = r"(?:thousand|hundred|grand|million|\d{3,}|\d+ ?k\b)"

_FIGURE = (
    r"(?:credit score|credit rating|fico(?: score)?|income|salary|down payment|closing costs?|(?:loan|mortgage) amount"
    r"|(?:property|home|house) value|purchase price|monthly debts?|debt payments?)"
)
_PUT = r"(?:(?:and )?(?:i|we)(?:'ll|'d| can| could| will| would| plan to| want to)* )?(?:put|putting)"

APPLY = Form(
    name="apply",
    act=apply,
    patterns=ours(
        rf"(?:apply|applying|sign up|register) for (?:a|an|another|the|my)?\b.*\b{_LOAN}\b",
        rf".*\b(?:start|begin|open|create|submit|make|file|fill out|do)\b (?:a|an|another|the|my|one more)\b.*"
        rf"\b(?:{_LOAN}|loan) application\b",
        r"(?:start|begin|open|create|fill out) (?:a|an|another|my|the|one more|a second|a new) (?:new )?application$",
        rf"(?:i(?:'d| would)? (?:want|need|like)|get|take out|we(?:'d| would)? (?:want|need|like)|give me|need)"
        rf"(?: to (?:get|take out|have))? (?:a|another) (?:new )?{_LOAN}\b(?!.*\b(?:payment|rate|estimate|calculat))",
        rf".*\b(?:want|like|ready|going|how do i|how can i|can i|could i|here) to apply for\b.*\b{_LOAN}\b",
        rf"how (?:do|can|could|would) (?:i|we) (?:get|take out|apply for)\b.*\b{_LOAN}\b",
        rf"(?:set up|arrange|finance|refinance) (?:a|an|my|our) (?:new )?(?:{_LOAN}|house|home|condo)\b",
    ),
    slots=(wish(), another(), *figures()),
    corrected_by="figures",
    handles_failure=True,
)

FIGURES = Form(
    name="figures",
    act=note_figures,
    patterns=ours(
        rf"(?:and |but |well )*(?:my|our|the) (?:monthly |annual |yearly |gross |total |new |estimated )*"
        rf"(?:{_FIGURE}|debts?|savings|bills)\b(?!.*\bratio\b).*"
        r"\b(?:is|are|was|(?:would|will) be|went|comes?|changed)\b",
        rf"(?:and |but )?(?:i|we)(?: both| together)? (?:make|earn|bring home|bring in|get paid|gross)\b.*\b{_AMOUNT}",
        rf"(?:and |but )?(?:i|we|my wife and i|my husband and i)(?: have|'ve)? (?:have|got|saved)\b.*\b{_AMOUNT}\b.*"
        r"\b(?:saved|savings|in the bank|down payment|to put down|for closing)\b",
        rf"{_PUT} .*{_AMOUNT}.* down\b",
        rf"{_PUT} down .*{_AMOUNT}",
        rf"(?:and )?(?:i|we) pay\b.*{_AMOUNT}.*\b(?:all (?:my|our) (?:debts?|loans)|(?:in|for|on) debts?)\b",
        rf"(?:(?:and )?(?:i|we)(?:'d| would)? (?:want|need|like) to )?borrow\b.*{_AMOUNT}",
        rf"(?:the|our|my) (?:house|home|property|condo|place|apartment)(?: i want| we want| i like| we like)?"
        rf" (?:costs?|is|'s)\b.*{_AMOUNT}",
        rf"(?:change|update|set|correct|note|record|raise|lower|increase|put|make|write down)\b.*\b{_FIGURE}\b",
        r"(?:change|update|correct|note|add|give you|complete|fill in)\b.*\bmy (?:financials?|figures)\b",
        r"(?:i|we)(?: have|'ve| don't have| do not have)(?: got)? (?:no|any)(?: other| monthly)? debts?\b",
        r"(?:i'm|i am|we're|we are) debt[- ]free\b",
        r"(?:continue|go on|carry on|resume|proceed)\b.*\b(?:my|the) (?:mortgage |loan )?application\b",
    ),
    slots=figures(),
    corrected_by="figures",
    handles_failure=True,
)

APPLICATION_STATUS = Form(
    name="status",
    act=show_status,
    aside=True,
    patterns=ours(
        rf"(?:what|what's|how|how's|where|when|is|has|did|do|check|tell me|give me|look|any|show|read|get)\b.*"
        rf"\b(?:my|our|the|a) (?:(?:{_LOAN}|loan) )?application\b(?!.*\b(?:documents?|papers?|debts?|need|say)\b)",
        r"(?:the )?status of (?:my|our) (?:mortgage|application|loan)\b",
        rf"(?:how|where) (?:is|are|far|does)\b.*\b(?:my|our) {_LOAN}\b",
        rf"(?:how's|what's happening with|what's going on with|has|is|was) (?:my|our) {_LOAN}\b(?: \w+)*"
        r"(?: going| coming| doing| approved| along| through| ready)?$",
        rf"(?:any (?:news|word|update)|has|did|when)\b.*\b(?:my|our) {_LOAN}\b(?!.*\b(?:payment|due)\b)",
        r"(?:what|which) (?:other |more )?(?:figures|numbers|information|info|details)\b.*\b(?:missing|need|left)\b",
    ),
    corrected_by="figures",
    handles_failure=True,
)

ON_FILE = Form(
    name="on_file",
    act=show_figure,
    aside=True,
    patterns=ours(
        rf"(?:what(?:'s| is| was| are)|how (?:much|high) (?:is|was|are)|tell me) (?:my|our) "
        rf"(?:monthly |annual |gross )?{_FIGURE}(?!.*\b(?:ratio|need|should|have to|be)\b)",
        rf"(?:what|what's|which|how (?:much|high)|tell me)\b.*\b(?:{_FIGURE}|savings|loan)\b.*"
        r"\b(?:did i (?:tell|give|say)|do you have|on file|noted|on (?:my|the) application)\b",
    ),
    slots=(
        choice(
            "figure",
            f"Which figure: {enumerated(['your credit score', 'your income', 'the loan', 'the down payment'], 'or')}?",
            {
                "credit_score": "credit score|credit rating|credit",
                "monthly_income": "income|salary",
                "monthly_debt": "debts?",
                "down_payment_amount": "down payment",
                "closing_costs_estimate": "closing costs?",
                "total_savings": "savings",
                "property_value": "property value|home value|value|property|house",
                "loan_amount": "loan|mortgage",
            },
        ),
    ),
    handles_failure=True,
)

HELP = Form(
    name="help",
    act=help_with,
    aside=True,
    patterns=ours(
        rf".*\bhelp\b.*\b(?:mortgages?|{_LOAN}|loan application)$",
        r"what (?:can|do) you (?:do|tell me|offer|know)\b.*\b(?:mortgages?|home loans?)\b",
        r"(?:tell me|i have a question|i have questions|explain|i'd like to know more) about"
        r" (?:the |my |your )?(?:mortgages?|home loans?)$",
    ),
)

CANCEL = Form(
    name="cancel",
    act=cancel,
    patterns=ours(
        r"(?:cancel|withdraw|delete|drop|stop|call off|give up|scrap|end|close|abandon)\b (?:on )?(?:my|our|the|this)"
        rf" (?:(?:whole|open|current) )?(?:(?:{_LOAN}|loan)(?! (?:payment|debt|officer))"
        rf"|(?:(?:{_LOAN}|loan) )?application)\b",
        rf"(?:i|we)(?: really)? (?:don't|do not|no longer) (?:want|need)\b.*\b(?:{_LOAN}|(?:loan )?application)\b",
        rf"(?:i|we)(?:'ve| have)? changed (?:my|our) minds? about the (?:{_LOAN}|application)\b",
    ),
    about_it=sentence(r"^(?:cancel|withdraw|delete|drop|call off) (?:it|that|this|the application)(?: one| again)?$"),
    handles_failure=True,
)
