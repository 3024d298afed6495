"""The documentation names files and functions that exist, links that lead somewhere, and has one line width."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

FOLDERS = "actors|bench|convonet|deployments|evals|k8s|monitoring|scripts|tests|ui"
REFERENCE = re.compile(rf"(?<![\w./:@-])(?:{FOLDERS})/[\w./-]*[\w/]")
FUNCTION = re.compile(r"([\w/]+\.py)::([\w.]+)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

NO_FILES = {
    "convonet/secrets-version",  # an annotation in cluster.yaml
    "convonet/convonet",  # an image in a registry
    "bench/.venv",  # made by `make bench`
}

WIDTH = 120
"""Columns of a line of prose; tables and code are as wide as they must be."""


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    titles = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {match.group().rstrip("/") for match in REFERENCE.finditer(page.read_text())} - NO_FILES
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_that_a_page_names_is_defined_in_its_file(page: Path) -> None:
    missing = []
    for file, name in FUNCTION.findall(page.read_text()):
        path = ROOT / file
        text = path.read_text() if path.exists() else ""
        if not all(re.search(rf"^\s*(?:class|(?:async )?def) {part}\b", text, re.M) for part in name.split(".")):
            missing.append(f"{file}::{name}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_documentation_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_of_prose_have_one_width(page: Path) -> None:
    prose = CODE.sub(lambda code: "\n" * code.group().count("\n"), page.read_text())
    lines = enumerate(prose.splitlines(), start=1)
    assert [number for number, line in lines if len(line) > WIDTH and not line.startswith("|")] == []
