"""The rules pass every scenario in evals/, and a failing scenario is reported."""

from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from convonet.cli import app
from convonet.core.errors import SettingsError
from convonet.evals.scenario import holds, read_scenarios

EVALS = Path(__file__).parents[2] / "evals"
WEDNESDAY = date(2026, 11, 18)

WRONG = """
- name: everything is wrong
  turns:
    - say: add buy milk to my list
      domain: mortgage
      calls: [{tool: create_todo, with: {title: buy bread}}]
      says: bread
      never_says: milk
      hand_over: true
    - say: what's on my list
      calls: []
  rows: [{table: todos_anthropic, where: {title: buy bread}}]
  within_s: 0.000001
- name: nothing is wrong
  turns: [{say: hello, says: hello|hi}]
"""


def evaluate(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


@pytest.mark.parametrize("file", sorted(EVALS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_offline_model_passes(file):
    done = evaluate(file)
    assert done.exit_code == 0, done.output


def test_there_are_enough_scenarios():
    assert len(read_scenarios([EVALS], WEDNESDAY)) >= 80


def test_faults_are_printed_and_written_as_junit(tmp_path):
    file, junit = tmp_path / "wrong.yaml", tmp_path / "junit.xml"
    file.write_text(WRONG)
    done = evaluate(file, "--junit", junit)
    assert done.exit_code == 1
    assert "1 of 2 scenarios went as they must." in done.output
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    told = suite.find("testcase/failure").text
    for fault in (
        "went to todo, not mortgage",
        "called create_todo with",
        "did not say 'bread'",
        "said 'milk'",
        "did not hand over",
        "used ['get_todos']",
        "todos_anthropic has 0 rows",
        "took 0.",
    ):
        assert fault in told


@pytest.mark.parametrize("body", ["- name: no turns", "turns", "- {name: x, turns: [{say: hi, sayz: hi}]}", "{", "- 1"])
def test_a_file_without_scenarios_is_named(tmp_path, body):
    file = tmp_path / "bad.yaml"
    file.write_text(body)
    with pytest.raises(SettingsError, match=r"bad\.yaml"):
        read_scenarios([file], WEDNESDAY)


def test_days_are_those_to_come(tmp_path):
    file = tmp_path / "days.yaml"
    file.write_text("- {name: '{today} {tomorrow} {wednesday} {friday}', turns: [{say: yes}]}")
    (scenario,) = read_scenarios([file], WEDNESDAY)
    assert scenario.name == "2026-11-18 2026-11-19 2026-11-25 2026-11-20"
    assert scenario.turns[0].say == "yes"


@pytest.mark.parametrize(
    ("wanted", "there", "same"),
    [
        ({"title": "Buy milk"}, {"title": "buy milk", "id": 1}, True),
        ({"title": "milk"}, {"title": "buy milk"}, False),
        ({"due": "2026-11-20"}, {"due": "2026-11-20T19:00:00-08:00"}, True),
        ({"due": "2026-11-20t19:00"}, {"due": "2026-11-20 19:00:00"}, True),
        ({"due": "2026-11-20"}, {"due": "2026-11-21"}, False),
        ({"amount": 450000}, {"amount": "450000.00"}, True),
        ({"amount": 450000}, {"amount": None}, False),
        ({"done": True}, {"done": True}, True),
        ({"done": True}, {}, False),
    ],
)
def test_values_are_compared_as_people_would(wanted, there, same):
    assert holds(wanted, there) is same
