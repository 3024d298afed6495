"""The `convonet` command, for everything that an operator does besides running the product."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from sqlalchemy import select
from typer.core import TyperGroup

from convonet.agents import phrase_file
from convonet.agents.embeddings import EMBEDDINGS_FILE, write_example_embeddings
from convonet.agents.router import example_sentences
from convonet.auth.tokens import CallerClaims, mint_caller_token
from convonet.core.errors import ConvonetError, DomainError, SettingsError
from convonet.core.ids import TurnId, UserId
from convonet.demo import seed_demo
from convonet.domains.catalog import catalog_page
from convonet.domains.discovery import all_domains, all_servers
from convonet.metrics.dashboard import dashboard
from convonet.metrics.page import metrics_page
from convonet.settings import VARIABLES_BY_GROUP, Settings, get_settings
from convonet.settings.models import LLM_NAMES
from convonet.staff.accounts import Role, StaffAccounts, Telephone, sip_ha1
from convonet.staff.links import one_time_link, start_page_of
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from convonet.storage.users import DEMO_EMAIL, UserRow
from convonet.telephony.call_log import CallLog
from convonet.wire_schema import render

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Operate Convonet.")
staff_app = typer.Typer(no_args_is_help=True, help="Accounts of staff: agents at desks and supervisors.")
app.add_typer(staff_app, name="staff")
call_backs_app = typer.Typer(no_args_is_help=True, help="Callers who have asked to be called back.")
app.add_typer(call_backs_app, name="call-backs")


class _ChoiceGroup(TyperGroup):
    """Accepts `convonet model EMAIL PROVIDER`, as in earlier releases, for `convonet model choose EMAIL PROVIDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `click.Group.parse_args`."""
        names_none = args and args[0] not in self.commands and not args[0].startswith("-")
        return super().parse_args(ctx, ["choose", *args] if names_none else args)


model_app = typer.Typer(cls=_ChoiceGroup, no_args_is_help=True, help="Models that answer callers: choice and check.")
app.add_typer(model_app, name="model")

DOCS = Path(__file__).parents[1] / "docs"
LINES = Path(__file__).parent / "agents" / EMBEDDINGS_FILE
DASHBOARD = DOCS.parent / "monitoring" / "dashboard.json"
PHRASES = Path(__file__).parent / "speech" / "local" / "phrases" / phrase_file.NAME


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema; safe to repeat."""
    asyncio.run(migrate(get_settings().storage.database_url))
    typer.echo("The database is up to date.")


@app.command()
def seed() -> None:
    """Add the demo caller and their data in every domain, dated relative to today; safe to repeat.

    In a database (DB_URI) the demo caller has no PIN, so nobody can log in as them until you set one.
    """
    asyncio.run(seed_demo(get_settings().storage.database_url))
    typer.echo("The demo caller and their data are there.")


@staff_app.command("add")
def add_staff(
    username: Annotated[str, typer.Argument(help="Name with which they log in.")],
    name: Annotated[str, typer.Option(help="Name that colleagues and callers see.")],
    role: Annotated[Role, typer.Option(help="Role, which decides what they may see.")] = Role.AGENT,
    password: Annotated[
        str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for when left out.")
    ] = "",
) -> None:
    """Create an account for a person who works with the product."""

    async def work(accounts: StaffAccounts) -> None:
        await accounts.add_member(username, name, role, password)

    _with_accounts(work)
    typer.echo(f"{username} can log in now.")


@staff_app.command("telephone", hidden=True)
@staff_app.command("desk")
def staff_desk(
    username: Annotated[str, typer.Argument(help="Name with which they log in.")],
    extension: Annotated[str, typer.Option(help="Number of their desk, as in `2001`; at a PBX also their extension.")],
    departments: Annotated[str, typer.Option(help="Departments that they serve, comma-separated; default: all.")] = "",
    sip: Annotated[bool, typer.Option("--sip", help="Use the extension's SIP account at the PBX.")] = False,
    sip_password: Annotated[str, typer.Option(help="Its password, which --sip asks for otherwise.")] = "",
) -> None:
    """Give a person a desk, so that callers are handed over to them, or change their desk.

    Their page, /call-center, carries the calls itself. With --sip it is a telephone at the PBX too. What is left out
    gets its default: a desk that is changed without --sip has no SIP account any more.
    """
    settings = get_settings()
    if not re.fullmatch(r"\w{1,20}", extension):
        raise typer.BadParameter(f"{extension!r} is no extension: it has up to 20 digits or letters")
    names = tuple(name.strip() for name in departments.split(",") if name.strip())
    unknown = set(names) - set(settings.call_center.department_names)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: VOICE_AGENT_DEPARTMENTS has no such department")
    ha1 = None
    if sip or sip_password:
        if settings.telephony.sip_domain is None:
            raise typer.BadParameter("set FREEPBX_DOMAIN first: the PBX checks the password together with it")
        password = sip_password or typer.prompt("SIP password", hide_input=True)
        ha1 = sip_ha1(extension, settings.telephony.sip_domain, password)

    async def work(accounts: StaffAccounts) -> None:
        await accounts.set_telephone(username, Telephone(extension, names, ha1))

    _with_accounts(work)
    typer.echo(f"{username} takes calls at extension {extension} now{'' if ha1 else ', without a SIP account'}.")


@staff_app.command("link")
def staff_link(
    username: Annotated[str, typer.Argument(help="Name with which they log in.")],
    base_url: Annotated[str, typer.Option(help="Address of the product.")] = "http://127.0.0.1:8000",
) -> None:
    """Print a link that logs a person in once, within 15 minutes; also for somebody who forgot their password.

    It leads an agent with a desk to /call-center, and everybody else to /hanok/admin.
    """

    async def work(accounts: StaffAccounts) -> None:
        member = await accounts.find_member(username)
        if member is None:
            raise DomainError("staff account", spoken=f"There is no staff account {username}.")
        target = start_page_of(member)
        typer.echo(await one_time_link(accounts, username, target, base_url, secret=get_settings().signing_secret))

    _with_accounts(work)


@call_backs_app.command("list")
def list_call_backs() -> None:
    """Print the callers who wait to be called back, oldest request first."""

    async def work(call_log: CallLog) -> None:
        for one in await call_log.open_call_backs():
            phone = one.phone or "no number known"
            typer.echo(
                f"{one.id}  {one.asked_at:%Y-%m-%d %H:%M}  {one.department}  {one.caller_name}  {phone}  {one.reason}"
            )

    _with_call_log(work)


@call_backs_app.command("place")
def place_call_back(
    call_back_id: Annotated[uuid.UUID, typer.Argument(help="As `convonet call-backs list` prints it.")],
    extension: Annotated[str, typer.Option(help="Extension of the desk that talks with them.")],
) -> None:
    """Call a caller back: their telephone rings, then the desk's."""
    settings = get_settings()
    if not settings.telephony.is_configured:
        raise SettingsError("no telephone is set up: docs/telephony.md says what to set")

    async def work(call_log: CallLog) -> None:
        # a second of imports that no other command needs
        from convonet.telephony.twilio.carrier import TwilioCarrier

        one = next((one for one in await call_log.open_call_backs() if one.id == call_back_id), None)
        if one is None:
            raise DomainError("call back", spoken="Nobody of that number waits to be called back.")
        if not one.phone:
            raise DomainError("phone", spoken=f"No telephone number of {one.caller_name} is known.")
        carrier = TwilioCarrier(settings.telephony, ring_timeout_s=settings.call_center.ring_timeout_s)
        try:
            call_sid = await carrier.call_back(one.phone, extension)
        finally:
            await carrier.close()
        await call_log.complete_call_back(one.id, f"extension {extension}")
        typer.echo(f"Calling {one.caller_name} ({call_sid}).")

    _with_call_log(work)


def _with_call_log(work: Callable[[CallLog], Awaitable[None]]) -> None:
    async def run() -> None:
        database = Database(get_settings().storage.database_url)
        try:
            await work(CallLog(database))
        finally:
            await database.close()

    asyncio.run(run())


def _with_accounts(work: Callable[[StaffAccounts], Awaitable[None]]) -> None:
    async def run() -> None:
        database = Database(get_settings().storage.database_url)
        try:
            await work(StaffAccounts(database))
        finally:
            await database.close()

    asyncio.run(run())


@app.command()
def protocol() -> None:
    """Write docs/protocol.schema.json, from which the pages' types are generated."""
    (DOCS / "protocol.schema.json").write_text(render())


@app.command()
def lines() -> None:
    """Write what is derived from the example sentences: their embeddings and the recognizer's phrases."""
    write_example_embeddings(all_example_lines(), LINES)
    PHRASES.write_text(phrase_file.render(all_example_lines()))


def all_example_lines() -> list[str]:
    """Return the example sentences of all domains, from which the router's classifier learns."""
    return [line for examples in example_sentences(all_domains()).values() for line in examples]


@app.command("eval")
def evaluate(
    scenarios: Annotated[list[Path], typer.Argument(help="YAML files, or folders of them.")],
    only: Annotated[str, typer.Option(help="Only scenarios with this in their name.")] = "",
    junit: Annotated[Path | None, typer.Option(help="File to which the results are written as JUnit XML.")] = None,
) -> None:
    """Run the conversations of these scenarios with the model that LLM_PROVIDER names; exit with 1 if one fails.

    Each has a database of its own with the demo data; yours is not touched.
    """
    # half a second of imports that no other command needs
    from convonet.evals.report import print_table, write_junit
    from convonet.evals.runner import run_scenarios
    from convonet.evals.scenario import read_scenarios

    settings = get_settings()
    today = datetime.now(ZoneInfo(settings.callers.timezone)).date()
    wanted = [scenario for scenario in read_scenarios(scenarios, today) if only in scenario.name]
    results = asyncio.run(
        run_scenarios(wanted, settings, lambda result: typer.echo("x" if result.faults else ".", nl=False))
    )
    typer.echo()
    print_table(results, Console())
    if junit is not None:
        write_junit(results, junit)
    if not wanted or any(result.faults for result in results):
        raise typer.Exit(1)


@app.command()
def domains() -> None:
    """Write docs/domains.md from the definitions of the tools."""
    (DOCS / "domains.md").write_text(domains_page())


def domains_page() -> str:
    """Describe all tools of all domains as Markdown."""
    settings = Settings()
    # the database is not used: the tools only need one to be defined
    return asyncio.run(catalog_page(all_servers(Database(settings.storage.database_url), settings)))


@model_app.command("choose")
def choose_model(
    email: Annotated[str, typer.Argument(help="Email address of the caller.")],
    provider: Annotated[str, typer.Argument(help="A name as in LLM_PROVIDER, or `default`.")],
) -> None:
    """Choose the hosted model that answers a caller first; it takes effect with their next call."""
    if provider != "default" and LLM_NAMES.get(provider) is None:
        raise SettingsError(f"{provider} is none of {', '.join(LLM_NAMES)}, default")
    asyncio.run(_choose_model(email, LLM_NAMES.get(provider)))
    typer.echo(f"{email} is answered by {provider}.")


async def _choose_model(email: str, provider: str | None) -> None:
    async with _caller(email) as user:
        user.llm_provider = provider


@model_app.command("check")
def check_model(
    url: Annotated[str, typer.Option(help="The server's address with its /v1; default: LLM_BASE_URL.")] = "",
    model: Annotated[str, typer.Option(help="The model; default: LLM_MODEL, or the only one there.")] = "",
) -> None:
    """Check what a server of your own (vLLM, Ollama, llama.cpp) can do for callers.

    Exits with 1 if it can't serve them. A key is taken from LLM_API_KEY.
    """
    # a tenth of a second of imports that no other command needs
    from convonet.agents.models.server_check import Server, check_server

    models = get_settings().models
    address = url or str(models.compatible_base_url or "")
    if not address:
        raise SettingsError("name a server: --url http://127.0.0.1:11434/v1, or set LLM_BASE_URL and LLM_MODEL")
    # a model of the settings belongs to the server of the settings
    name = model or (None if url else models.compatible_model)
    key = models.compatible_api_key.get_secret_value() if models.compatible_api_key else None

    async def work() -> bool:
        serves = True
        async with aclosing(check_server(Server(address, name, key))) as findings:
            async for finding in findings:
                mark = "ok" if finding.ok else "NO" if finding.needed else "--"
                typer.echo(f"{mark:3}{finding.subject:11}{finding.says}")
                if not finding.ok and finding.advice:
                    typer.echo(f"{'':14}{finding.advice}")
                serves &= finding.ok or not finding.needed
        return serves

    if not asyncio.run(work()):
        typer.echo("It can't serve callers like this.")
        raise typer.Exit(1)
    typer.echo("It can serve callers: set LLM_BASE_URL and LLM_MODEL.")


@app.command()
def token(
    email: Annotated[str, typer.Argument(help="Email address of the caller whose data is used.")] = DEMO_EMAIL,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="Minutes for which it is valid.")] = 60,
) -> None:
    """Print a token with which an MCP client, such as MCP Inspector, may use the tools for a caller."""
    typer.echo(asyncio.run(_caller_token(email, minutes)))


async def _caller_token(email: str, minutes: int) -> str:
    settings = get_settings()
    async with _caller(email) as user:
        claims = CallerClaims(UserId(str(user.id)), user.first_name or "", settings.callers.timezone, TurnId(""))
    return mint_caller_token(claims, secret=settings.signing_secret, lifetime_s=60.0 * minutes)


@asynccontextmanager
async def _caller(email: str) -> AsyncGenerator[UserRow, None]:
    """Yield the caller's row and save what is changed in it. Raises `SettingsError` when there is none."""
    database = Database(get_settings().storage.database_url)
    try:
        async with database.transaction() as session:
            user = await session.scalar(select(UserRow).where(UserRow.email == email))
            if user is None:
                raise SettingsError(f"no user has the email {email}")
            yield user
    finally:
        await database.close()


@app.command("metrics")
def metrics_command() -> None:
    """Write docs/metrics.md and the dashboard from the metrics' definitions."""
    (DOCS / "metrics.md").write_text(metrics_page())
    DASHBOARD.write_text(dashboard())


@app.command("settings")
def settings_command() -> None:
    """Write docs/settings.md from the definitions of the settings."""
    (DOCS / "settings.md").write_text(settings_page())


def settings_page() -> str:
    """Describe all settings, by group, as Markdown."""
    rows = []
    for group, fields in VARIABLES_BY_GROUP.items():
        rows += ["", f"## {group.replace('_', ' ').capitalize()}", "", "| variable | default | meaning |"]
        rows.append("| --- | --- | --- |")
        for name, field in fields.items():
            default = "" if field.default is None else str(field.default)
            rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "All settings are environment variables, read once at start by `convonet/settings/`, from which this page",
            "is generated (`convonet settings`). An unknown name that looks like ours, a malformed value or two",
            "settings that contradict each other stop the start with a sentence that names them.",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Run the command; our own errors end in one sentence, not in a stack trace."""
    try:
        app()
    except ConvonetError as error:
        typer.secho(error.spoken if isinstance(error, DomainError) else str(error), fg="red", err=True)
        raise SystemExit(1) from None
