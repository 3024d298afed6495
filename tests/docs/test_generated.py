"""Generated files match their sources."""

import re
import subprocess
from pathlib import Path

from convonet.agents import phrase_file
from convonet.agents.embeddings import example_key, stored_embeddings
from convonet.cli import DASHBOARD, PHRASES, all_example_lines, domains_page, settings_page
from convonet.core.errors import ErrorCode
from convonet.metrics.dashboard import dashboard
from convonet.metrics.page import metrics_page
from convonet.wire_schema import render

ROOT = Path(__file__).parents[2]


def test_the_wire_schema_in_docs_is_the_models_own():
    assert (ROOT / "docs/protocol.schema.json").read_text() == render(), "run `make protocol`"


def test_the_pages_types_are_generated_from_that_schema(tmp_path):
    types = ROOT / "ui/src/protocol.generated.ts"
    before = types.read_text()
    try:
        subprocess.run(["npm", "run", "--silent", "protocol"], cwd=ROOT / "ui", check=True, timeout=120)
        assert types.read_text() == before, "run `make protocol`"
    finally:
        types.write_text(before)


def test_every_error_code_is_documented_and_no_other():
    table = (ROOT / "docs/protocol.md").read_text().split("## Error codes")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(ErrorCode)


def test_the_page_of_settings_is_generated_from_the_settings():
    assert (ROOT / "docs/settings.md").read_text() == settings_page(), "run `convonet settings`"


def test_the_page_of_metrics_and_the_dashboard_are_generated_from_the_definitions():
    assert (ROOT / "docs/metrics.md").read_text() == metrics_page(), "run `convonet metrics`"
    assert DASHBOARD.read_text() == dashboard(), "run `convonet metrics`"


def test_the_meaning_of_every_example_line_is_known():
    assert {example_key(line) for line in all_example_lines()} <= stored_embeddings().keys(), "run `convonet lines`"


def test_the_recognizer_expects_the_example_lines():
    assert PHRASES.read_text() == phrase_file.render(all_example_lines()), "run `convonet lines`"


def test_the_page_of_domains_is_generated_from_the_tools():
    assert (ROOT / "docs/domains.md").read_text() == domains_page(), "run `convonet domains`"
