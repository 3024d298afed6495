"""`make run`: starts the whole product on this machine, waits until it answers, and stops all of it on Ctrl-C."""

from __future__ import annotations

import signal
import socket
import tempfile
from pathlib import Path

import typer

from convonet.core.errors import ConvonetError
from convonet.settings import Settings
from deployments.launch.deploy import DASHBOARD_HOST
from deployments.launch.errors import LaunchError
from deployments.launch.lock import only_instance
from deployments.launch.processes import adopt_orphans
from deployments.launch.product import Product, say
from deployments.launch.staff_links import StaffLinks
from deployments.launch.steps import ROOT, result_of

PAGE = ROOT / "ui" / "dist" / "voice" / "index.html"

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Start, wait, serve until Ctrl-C. Exits with 1 and one clear sentence when something is in the way."""
    try:
        settings = Settings.load()
        with only_instance(settings.storage.data_dir):
            _launch(settings)
    except ConvonetError as error:
        typer.secho(f"Convonet can't start: {error}", fg="red", err=True)
        raise SystemExit(1) from None


def _launch(settings: Settings) -> None:
    _require_free_port(settings.server.host, settings.server.port, "CONVONET_PORT")
    if settings.server.metrics_port is not None:
        _require_free_port(settings.server.host, settings.server.metrics_port, "CONVONET_METRICS_PORT")
    if settings.server.dashboard_port is not None:
        _require_free_port(DASHBOARD_HOST, settings.server.dashboard_port, "CONVONET_DASHBOARD_PORT")
    if not PAGE.exists():
        raise LaunchError("the pages in ui/ are not built; run `make run`, or `npm ci && npm run build` in ui/")
    with tempfile.TemporaryDirectory(prefix="convonet-") as scratch:
        product = Product(settings, Path(scratch))
        try:
            # meanwhile Ray starts; it takes ten seconds until a tool could use the database
            say("Preparing the database")
            links = StaffLinks.from_json(result_of("preparation", product.url))
            product.wait_until_ready()
            _print_addresses(settings, product, links)
            product.wait()
        except KeyboardInterrupt:
            pass
        finally:
            # a second Ctrl-C must not leave processes behind
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            say("Stopping")
            product.stop()


def _require_free_port(host: str, port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LaunchError(
                f"{host}:{port} can't be used ({error.strerror}); stop what uses it or set {name} to another port"
            ) from None


def _print_addresses(settings: Settings, product: Product, links: StaffLinks) -> None:
    url = product.url
    typer.echo()
    typer.secho(f"  Convonet answers at  {url}/voice_assistant", bold=True)
    if settings.demo_pin is not None:
        typer.secho(f"  PIN                  {settings.demo_pin}", bold=True)
    elif settings.login.pin_required:
        typer.echo("  PIN                  users_anthropic.voice_pin of your database")
    typer.echo(f"  Restaurant           {url}/hanok")
    typer.echo(f"  Call center          {url}/call-center")
    typer.echo(f"  Agent Monitor        {url}/agent-monitor")
    typer.echo(f"  Staff, once          {links.owner or '`convonet staff link <name>` logs you in'}")
    if links.demo_desk is not None:
        typer.echo(f"  Demo desk, once      {links.demo_desk}")
        typer.echo("                       open this link in a second window to be the human, within 15 minutes")
    typer.echo(f"  Metrics              {product.metrics_url}")
    if product.dashboard_url is not None:
        typer.echo(f"  Ray dashboard        {product.dashboard_url}")
        typer.echo(f"  Its token            {product.dashboard_token() or 'none is asked for'}")
    else:
        typer.echo("  Ray dashboard        off; CONVONET_DASHBOARD_PORT=8265 starts it")
    typer.echo("  Stop                 Ctrl-C")
    typer.echo()


if __name__ == "__main__":
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    adopt_orphans()
    main()
