"""The `convonet` command: what an operator does besides running the product."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from convonet.demo import seed_demo
from convonet.errors import ConvonetError
from convonet.protocol.schema import render
from convonet.settings import Settings, get_settings
from convonet.storage.database import migrate

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Operate Convonet.")

DOCS = Path(__file__).parents[1] / "docs"


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema; safe to repeat."""
    asyncio.run(migrate(get_settings().database_url))
    typer.echo("The database is up to date.")


@app.command()
def seed() -> None:
    """Add the demo caller and what every domain knows of them, relative to today; safe to repeat.

    With DB_URI too: the demo caller has no PIN there, so nobody can call as them until you set one.
    """
    asyncio.run(seed_demo(get_settings().database_url))
    typer.echo("The demo caller and their data are there.")


@app.command()
def protocol() -> None:
    """Write docs/protocol.schema.json, from which the pages' types are generated."""
    (DOCS / "protocol.schema.json").write_text(render())


@app.command("settings")
def settings_command() -> None:
    """Write docs/settings.md from the settings themselves."""
    (DOCS / "settings.md").write_text(settings_page())


def settings_page() -> str:
    """The table of all settings, as Markdown."""
    rows = []
    for field in Settings.model_fields.values():
        default = "" if field.default is None else str(field.default)
        rows.append(f"| `{field.alias}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "All settings are environment variables, read once at start by `convonet/settings.py`, from which this",
            "page is generated (`convonet settings`). An unknown name that looks like ours, a malformed value or two",
            "settings that contradict each other stop the start with a sentence that names them.",
            "",
            "| variable | default | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Entry point: our own errors end in one sentence, not in a stack trace."""
    try:
        app()
    except ConvonetError as error:
        typer.secho(str(error), fg="red", err=True)
        raise SystemExit(1) from None
