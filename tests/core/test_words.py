"""The words of the code: names of the field, docstrings that start with a statement, one spelling."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = ("convonet", "actors", "deployments")

MODULE_DOCSTRING = re.compile(r'\A(?:#.*\n|\s)*"""((?:What|Who|Whose|Which|Whether|How|Where|When)\b.*)')
LIMIT = re.compile(r"\b_?(?:MOST|LONGEST|SHORTEST)_[A-Z]\w*")

VERBS = (
    "apolog|author|capital|categor|custom|emphas|final|general|initial|memor|minim|normal|optim|organ|priorit|real"
    "|recogn|sanit|serial|special|standard|summar|synchron|synthes|token|util|visual"
)
NOUNS = "behaviour|centre|colour|defence|favour|flavour|honour|licence|neighbour"
DOUBLED = r"modell(?:ed|ing)|labelled(?!by)|signalling|travell(?:ed|er|ing)"
BRITISH = re.compile(rf"(?:{VERBS})is(?:e|ing|ation)|(?:{NOUNS})|{DOUBLED}|analys(?:e[sd]?\b|ing)", re.IGNORECASE)
STEMS = (
    *(f"{verb}is" for verb in VERBS.split("|")),
    *NOUNS.split("|"),
    *("analys", "labell", "modell", "signall", "travell"),
)
"""One of these is in every text that `BRITISH` matches: most files need no search for the pattern."""

SPELLED = {
    "py": ("convonet", "actors", "deployments", "tests", "bench"),
    "md": ("README.md", "docs"),
    "ts": ("ui/src", "ui/tests"),
    "html": ("ui/src",),
    "css": ("ui/src",),
}
"""Where American spelling is checked, by the ending of a file's name."""

SPANS = ("recognise", "synthesise")
"""Names of spans, which dashboards of traces know."""

ALLOWED = {
    "convonet/speech/deepgram/answer.py": SPANS,
    "convonet/speech/deepgram/speech.py": SPANS,
    "convonet/speech/requests.py": SPANS,
    "convonet/tracing/spans.py": SPANS,
    "docs/operations.md": SPANS,
    "tests/core/test_words.py": (*SPANS, *NOUNS.split("|"), "labelled", "signalling"),
    "tests/e2e/test_traces.py": SPANS,
    "tests/tracing/test_processes.py": SPANS,
}
"""British words that stay, by file: names on the wire, vendors' words, texts that callers hear or say."""


@cache
def files(folder: str, ending: str) -> list[tuple[str, str]]:
    """Each file below `folder` as its path from the root and its text; `folder` may be a file."""
    start = ROOT / folder
    paths = [start] if start.is_file() else sorted(start.rglob(f"*.{ending}"))
    # the benchmark's peers have an environment of their own below it
    return [(str(file.relative_to(ROOT)), file.read_text()) for file in paths if ".venv" not in file.parts]


def has_stem(text: str) -> bool:
    """Whether the lower-case text may have a British word."""
    return any(stem in text for stem in STEMS)


def found(pattern: re.Pattern[str], path: str, text: str) -> list[str]:
    """Each match as `file:line: word`."""
    allowed = {word.lower() for word in ALLOWED.get(path, ())}
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for match in pattern.finditer(text)
        if match.group().lower() not in allowed
    ]


@pytest.mark.parametrize("package", PRODUCTION)
def test_no_module_docstring_begins_with_a_question_word(package: str) -> None:
    starts = {path: MODULE_DOCSTRING.match(text) for path, text in files(package, "py")}
    assert [f"{path}: {start.group(1)}" for path, start in starts.items() if start] == []


@pytest.mark.parametrize(("folder", "ending"), [*((name, "py") for name in PRODUCTION), ("ui/src", "ts")])
def test_limits_are_named_max_and_min(folder: str, ending: str) -> None:
    assert [name for path, text in files(folder, ending) for name in found(LIMIT, path, text)] == []


@pytest.mark.parametrize(("ending", "folders"), SPELLED.items())
def test_the_spelling_is_american(ending: str, folders: tuple[str, ...]) -> None:
    texts = [file for folder in folders for file in files(folder, ending)]
    suspects = [(path, text) for path, text in texts if has_stem(text.lower())]
    assert [word for path, text in suspects for word in found(BRITISH, path, text)] == []
