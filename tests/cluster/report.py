"""`python -m tests.cluster.report`: what `make test-cluster` has measured, as the table of docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster.outcome import Outcome, read_report

COLUMNS = (
    "loss",
    "runs",
    "callers",
    "turns",
    "calls lost, turns lost, done twice",
    "connections that ended (asked to)",
    "resumed after, s, middle / worst",
    "answered after, s, middle / worst",
    "heard meanwhile",
)


def table(outcomes: Sequence[Outcome]) -> str:
    """One row for each kind of loss, over all its runs."""
    rows = []
    for loss in dict.fromkeys(outcome.loss for outcome in outcomes):
        runs = [outcome for outcome in outcomes if outcome.loss == loss]
        lost = [sum(len(getattr(run, what)) for run in runs) for what in ("calls_lost", "turns_lost", "done_twice")]
        moved = f"{sum(run.moved for run in runs)} ({sum(run.asked_to_move for run in runs)})"
        heard = sorted({word for run in runs for word in run.heard}) or ["nothing"]
        cells = [
            loss,
            len(runs),
            runs[-1].callers,
            sum(run.turns for run in runs),
            ", ".join(map(str, lost)),
            moved,
            _spread([value for run in runs for value in run.resumed_s]),
            _spread([value for run in runs for value in run.waited_s]),
            "; ".join(heard),
        ]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    head = ["| " + " | ".join(COLUMNS) + " |", "| " + " | ".join(["---"] * len(COLUMNS)) + " |"]
    return "\n".join([*head, *rows])


def _spread(values: list[float]) -> str:
    values = sorted(values)
    return f"{values[len(values) // 2]:.1f} / {values[-1]:.1f}" if values else "-"


if __name__ == "__main__":
    print(table(read_report()))  # noqa: T201 -- this is its output
