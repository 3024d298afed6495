"""Discovery of the domains: a domain is a folder here, and adding one needs no edit elsewhere.

A domain's `agent.py` holds `DOMAIN`, its description for the agent; `tools.py` holds `server(database, settings)`,
which makes its MCP server; `seed.py`, if there, holds `seed(session, user_id, now)`, which adds missing demo data.
"""

from __future__ import annotations

import pkgutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from sqlalchemy.ext.asyncio import AsyncSession

import convonet.domains
from convonet.agents.domain import Domain
from convonet.mcp.server import DomainServer
from convonet.settings import Settings
from convonet.storage.database import Database


def all_domains() -> tuple[Domain, ...]:
    """All domains, in the order of their folders' names."""
    return tuple(module.DOMAIN for _, module in _modules("agent"))


def all_servers(database: Database, settings: Settings) -> dict[str, DomainServer]:
    """Make the MCP server of each domain, by the domain's name."""
    return {name: module.server(database, settings) for name, module in _modules("tools")}


async def seed_all(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Add the demo data of all domains for one caller, relative to `now`; existing rows stay as they are."""
    for _, module in _modules("seed"):
        await module.seed(session, user_id, now)


def _modules(part: str) -> Iterator[tuple[str, ModuleType]]:
    for domain in pkgutil.iter_modules(convonet.domains.__path__):
        name = f"convonet.domains.{domain.name}.{part}"
        if domain.ispkg and find_spec(name):
            yield domain.name, import_module(name)
