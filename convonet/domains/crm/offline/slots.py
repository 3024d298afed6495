"""The slots of the CRM's forms: names, dates of birth, appointments, complaints and urgency."""

from __future__ import annotations

import re
from datetime import datetime, time

from convonet.agents.forms import readers
from convonet.agents.forms.form import Found, Slot, find_nothing
from convonet.agents.forms.readers import capitalized, without
from convonet.domains.crm.backends.base import Priority
from convonet.language.numbers import with_digits
from convonet.language.when import day_and_time_in

UNKNOWN = "unknown"
"""The date of birth when the caller does not give one."""

_OPENS = time(7)
"""No practice is open earlier, so "at three" is in the afternoon."""

_NO_NAME_WORDS = """
    a an the her him he she it them they his their that this these those who whom which what my me i us our we you
    your same other another new next last today tomorrow tonight monday tuesday wednesday thursday friday saturday
    sunday at in on to and or but for of with about by from as has have had is are was were be being not no yes all
    appointment appointments patient patients case cases note notes call calls summary visit slot number phone number's
    date birth born name named called please there here somebody someone anybody rash fever cough pain headache nausea
    dizziness asthma eczema flu cold allergies migraine vomiting depression anxiety diabetes physical therapy
    surgery labs refill medication prescription insurance check half noon midnight morning afternoon evening urgent
    staff doctor nurse desk yet again also record records file register do does conversation database practice son
    daughter child kid baby mother father mom dad wife husband family
"""
_NO_NAMES = "|".join(sorted(_NO_NAME_WORDS.split(), key=len, reverse=True))
_WORD = rf"(?!(?:{_NO_NAMES})\b)[a-z][a-z'-]+"
_ENDS = (
    r"(?=$|,|\.| (?:on|at|and|that|who|who's|because|she|he|they|with|as|about|is|has|born|by|please|from|for|in)\b)"
)
_ABOUT = (
    r"(?:^|\b(?:book|it|a|an|the|note|case|ticket|intake|summary|record|appointment|slot|visit|call|patient|one) )"
    r"(?:for|about|of|with|on)"
)
_WHO = re.compile(
    rf"(?:{_ABOUT} (?:the |our |my )?(?:patient )?|(?<!the )\bpatient (?:named |called )?"
    r"|\bthe patient (?:named |called ))"
    rf"(?P<name>{_WORD}(?: {_WORD}){{0,2}}?){_ENDS}",
    re.IGNORECASE,
)
_OF = re.compile(r"(?:^| )(?:for|about|of|with|on)(?: (?:the|our|my))?(?: patient)?$", re.IGNORECASE)
_WHOSE = re.compile(rf"\b(?P<name>{_WORD}(?: {_WORD})?)'s\b", re.IGNORECASE)
_NEW = re.compile(
    r"(?:\b(?:patient|contact|somebody|someone)(?:,| named| called|:| with the name| by the name of| is)*"
    r"|\b(?:register|onboard|enroll|add|create|sign up)) "
    rf"(?P<name>{_WORD}(?: {_WORD}){{1,2}}){_ENDS}",
    re.IGNORECASE,
)
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_YEAR_IN_TWO = re.compile(
    rf"(\b(?:{_MONTH})[a-z]*\.?(?: the)?(?: \d{{1,2}}(?:st|nd|rd|th)?)?,?(?: in)?) (19|20) (?:oh |o )?(\d\d?)\b"
)
"""Of "May third nineteen ninety" only "19 90" becomes digits."""
_DATE_ALONE = re.compile(r"(\d\d?)[ /](\d\d?)[ /](19|20) ?(\d\d)")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_UNTOLD = re.compile(
    r"no|skip(?: it| that)?|none|unknown|(?:i |we )?(?:do not|don't) (?:know|have)(?: it| that)?|(?:i'm )?not sure"
    r"|leave it (?:out|empty|blank)|without(?: it)?",
    re.IGNORECASE,
)
_KINDS = {
    "check-up": "check ?-?ups?",
    "follow-up": "follow ?-?ups?",
    "annual physical": "annual physical(?: exam)?|yearly physical|physical(?: exam)?(?! therapy)",
    "physical therapy": "physical therapy|physio(?:therapy)?",
    "consultation": "consultations?|consult",
    "vaccination": "vaccinations?|vaccine|(?:flu )?shots?|immuni[sz]ation",
    "blood test": "blood (?:test|work|draw)|lab (?:test|work)",
    "pediatric": "p(?:a)?ediatric(?: check(?: ?-?up)?)?",
    "dental": "dental(?: cleaning)?|dentist",
    "telehealth": "telehealth|video|virtual",
}
_KIND_WORDS = re.compile(
    r"\bfor an? (?!patient\b|child\b|moment\b)(?P<kind>[a-z][a-z -]{2,40}?)"
    r"(?=$|,| (?:on|at|next|tomorrow|today|this|for|with|in)\b)",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"(?:\b(?:for|lasting|of)(?: about)? )?(?<!in )"
    r"\b(?:(?P<minutes>\d{1,3})[ -]minutes?|(?P<half>half an hour|half hour)|(?P<more>an hour and a half)"
    r"|(?P<one>an hour|one hour|1 hour)|(?P<two>2 hours))\b(?: long)?"
)
_AS = (
    r"(?:,? ?\b(?:and )?(?:it's|it is|this is|that's|mark it|make it|treat it|with|as|at)"
    r"(?: (?:an?|very|quite|really))? )?"
)
_URGENCY = (
    (
        Priority.P3,
        r"not (?:very |really |so |that )?urgent|no (?:hurry|rush)|routine|p ?(?:3|three)"
        r"|priority (?:3|three|low|normal)|(?:normal|low|regular) (?:priority|urgency)",
        r"normal|low|regular",
    ),
    (
        Priority.P1,
        r"urgent(?:ly)?(?: priority)?|emergency|right away|immediately|as soon as possible|asap|p ?(?:1|one)"
        r"|priority (?:1|one)|(?:top|highest) priority",
        r"top|highest|very",
    ),
    (Priority.P2, r"(?:high|higher) (?:priority|urgency)|priority (?:2|two|high)|p ?(?:2|two)", r"high|important|soon"),
)
_PRIORITIES = [(value, re.compile(rf"{_AS}\b(?:{heard})\b", re.IGNORECASE)) for value, heard, _ in _URGENCY]
_URGENT_ALONE = [(value, re.compile(rf"\b(?:{alone})\b", re.IGNORECASE)) for value, _, alone in _URGENCY]
_SYMPTOMS = re.compile(
    r"(?:\b(?:she|he|they|patient|who|it(?='s| is\b))(?:'s|'ve| is| are| has| have| had| feels?| with)?"
    r"(?: had| got| been| having| complaining| suffering| suffers| complains| reports| reporting)*(?: from| of| about)?"
    r"|\bsymptoms?(?: are| is|:)?"
    r"|\b(?:case|intake)(?: for (?:her|him|them))? (?:for|about|because of|with)(?! (?:\w+ )?patient\b| (?:her|him)$))"
    r" (?P<words>\S.*)$",
    re.IGNORECASE,
)
_IN_FILE = r"(?: (?:in|to|on|into) (?:(?:her|his|their|the patient's) )?(?:file|record|chart|notes))"
_NOTE = re.compile(
    rf"(?:\bnotes?(?: for (?:her|him|them))?(?: down)?{_IN_FILE}?(?: that| saying|:|,| to say)"
    rf"|\b(?:write|jot|put|add|record|note)(?: it)?(?: down)?{_IN_FILE}?(?: that|:)) (?P<words>\S.*)$",
    re.IGNORECASE,
)
_NOTE_OF = re.compile(
    rf"^.{{0,25}}?\bnote (?:for|about|on) (?:the )?(?:patient )?{_WORD}|^.{{0,30}}?\b{_WORD}'s (?:file|record|chart)\b",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    rf"(?:\b(?:call|conversation|summary|recap|log|it|this){_IN_FILE}?(?: that|:|,| saying| as:)) (?P<words>\S.*)$",
    re.IGNORECASE,
)


def phone(ask: str | None = None) -> Slot:
    """The patient's phone number, digits."""
    return readers.phone("phone", ask, "Please say it digit by digit, with the area code.")


def who() -> Slot:
    """The patient by name: "for Ana Diaz", "Ana's"."""

    def find(text: str, now: datetime) -> Found | None:
        found = _WHO.search(text) or _WHOSE.search(text)
        if found is None:
            return None
        before = _OF.sub("", text[: found.start("name")].strip())
        return Found(capitalized(found["name"]), f"{before} {text[found.end() :].strip()}".strip())

    return Slot("who", find)


def new_name(ask: str) -> Slot:
    """The name of a patient to register."""
    plain = readers.person("name", ask, "First and last name, please.")

    def find(text: str, now: datetime) -> Found | None:
        if found := _NEW.search(text):
            return Found(capitalized(found["name"]), without(text, found))
        return plain.find(text, now)

    return Slot("name", find, plain.value_in, ask, hint=plain.hint)


def name_part(name: str, called: str) -> Slot:
    """The first or the last name alone, as in a correction: "the last name is Diaz"."""
    plain = readers.person(name, None)
    pattern = re.compile(rf"\b(?:{called}) ?name(?: is|'s|:)? (?P<name>{_WORD})", re.IGNORECASE)

    def find(text: str, now: datetime) -> Found | None:
        found = pattern.search(text)
        return Found(capitalized(found["name"]), without(text, found)) if found else None

    return Slot(name, find, plain.value_in)


def born(ask: str) -> Slot:
    """The date of birth, ISO, or `UNKNOWN`."""

    def find(text: str, now: datetime) -> Found | None:
        said = _YEAR_IN_TWO.sub(lambda m: f"{m[1]} {m[2]}{m[3]:0>2}", with_digits(text))
        said = re.sub(rf"^{_DATE_ALONE.pattern}$", r"\1/\2/\3\4", said)
        found = day_and_time_in(said, now) if _YEAR.search(said) else None
        day = found[1].day if found else None
        return Found(day.isoformat(), found[0]) if found and day else None

    def read(text: str, now: datetime) -> str | None:
        if found := find(text, now):
            return found.value
        return UNKNOWN if _UNTOLD.fullmatch(text) else None

    # early, and before the phone number, which would take a date of birth in digits for one
    return Slot("born", find, read, ask, early=True, hint="For example: May third, 1990. Or say skip.", nothing=UNKNOWN)


def kind() -> Slot:
    """The purpose of an appointment; the tool takes any words."""
    known = readers.choice("kind", None, _KINDS)

    def find(text: str, now: datetime) -> Found | None:
        if found := known.find(text, now):
            return found
        said = _KIND_WORDS.search(text)
        return Found(said["kind"], without(text, said)) if said else None

    return Slot("kind", find, known.value_in)


def duration() -> Slot:
    """The length of an appointment, in minutes."""

    def find(text: str, now: datetime) -> Found | None:
        said = with_digits(text)
        found = _DURATION.search(said)
        if found is None:
            return None
        named = {"half": 30, "more": 90, "one": 60, "two": 120}
        minutes = found["minutes"] or str(named[found.lastgroup or "half"])
        return Found(minutes, without(said, found))

    return Slot("duration", find, early=True)


def day(ask: str | None = None) -> Slot:
    """The day, ISO."""
    return readers.day("day", ask, "For example: next Tuesday.")


def clock(ask: str | None = None) -> Slot:
    """The time of an appointment, "10:30"."""
    return readers.clock("time", ask, "For example: half past ten.", likely=_in_the_day)


def priority(ask: str) -> Slot:
    """The urgency of a case: P1, P2 or P3."""

    def find(text: str, now: datetime) -> Found | None:
        return next(
            (Found(value, without(text, m).strip(" ,")) for value, p in _PRIORITIES if (m := p.search(text))), None
        )

    def read(text: str, now: datetime) -> str | None:
        if found := find(text, now):
            return found.value
        return next((value for value, pattern in _URGENT_ALONE if pattern.search(text)), None)

    return Slot("priority", find, read, ask, hint="Say urgent, high or normal.")


def symptoms(ask: str) -> Slot:
    """The patient's symptoms, in the caller's words."""
    return _text("symptoms", ask, _SYMPTOMS)


def note(ask: str) -> Slot:
    """The text of a note."""
    return _text("note", ask, _NOTE)


def summary() -> Slot:
    """The summary of a call; asked for when nothing was done in it."""
    return _text("summary", None, _SUMMARY)


def about_case() -> Slot:
    """Present when the appointment is about the case that was opened before."""
    return readers.choice("about_case", None, {"yes": "(?:about|for|because of) (?:that|this|the|her|his) case"})


def note_of() -> Slot:
    """The patient of a note, named before its text, which may name others."""
    named = who()

    def find(text: str, now: datetime) -> Found | None:
        return named.find(text, now) if _NOTE_OF.match(text) else None

    return Slot("who", find, named.value_in)


def chosen(name: str) -> Slot:
    """A choice among several; it comes only from options that were read out, or from earlier turns."""
    return Slot(name, find_nothing)


def _text(name: str, ask: str | None, pattern: re.Pattern[str]) -> Slot:
    def find(text: str, now: datetime) -> Found | None:
        found = pattern.search(text)
        return (
            Found(found["words"][: readers.MAX_TEXT_CHARACTERS].strip(" ,"), text[: found.start()].strip())
            if found
            else None
        )

    def read(text: str, now: datetime) -> str | None:
        found = find(text, now)
        return found.value if found else text[: readers.MAX_TEXT_CHARACTERS] or None

    return Slot(name, find, read, ask)


def _in_the_day(said: time) -> time:
    return said.replace(hour=said.hour + 12) if 0 < said.hour < _OPENS.hour else said
