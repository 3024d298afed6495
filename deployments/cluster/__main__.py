"""`python -m deployments.cluster write|check [--site]`: `make cluster`, `make check` and `make cluster-check`."""

from __future__ import annotations

from typing import Annotated

import typer

from convonet.core.errors import SettingsError
from deployments.cluster import check as checks
from deployments.cluster import generated
from deployments.launch.steps import ROOT

app = typer.Typer(no_args_is_help=True, add_completion=False, help="cluster.yaml and k8s/.")


@app.command()
def write() -> None:
    """Write the generated parts of cluster.yaml and k8s/."""
    try:
        changed = generated.write(ROOT)
    except SettingsError as error:
        _fail([str(error)])
    typer.echo(f"Written: {', '.join(changed)}" if changed else "Nothing has changed.")


@app.command()
def check(
    site: Annotated[bool, typer.Option("--site", help="Also name every example that is still to be replaced.")] = False,
) -> None:
    """Check the manifests; exit with 1 and a sentence for each fault."""
    if faults := checks.find_faults(ROOT, is_example=not site):
        _fail(faults)


def _fail(faults: list[str]) -> None:
    for fault in faults:
        typer.secho(fault, fg="red", err=True)
    raise SystemExit(1)


if __name__ == "__main__":
    app()
