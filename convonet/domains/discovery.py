"""Finds what every domain brings: a domain is a folder here, and adding one needs no edit elsewhere.

`agent.py` of a domain holds `DOMAIN`, what the agent must know of it; `tools.py` holds `server(database, settings)`,
its MCP server; `seed.py`, if there, holds `seed(session, user_id, now)`, which adds demo data that is not there yet.
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
    """Every domain of this installation, in the order of their folders' names."""
    return tuple(module.DOMAIN for _, module in _modules("agent"))


def all_servers(database: Database, settings: Settings) -> dict[str, DomainServer]:
    """The MCP server of every domain by the domain's name."""
    return {name: module.server(database, settings) for name, module in _modules("tools")}


async def seed_all(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Add every domain's demo data for one caller, relative to `now`; what is there already stays as it is."""
    for _, module in _modules("seed"):
        await module.seed(session, user_id, now)


def _modules(part: str) -> Iterator[tuple[str, ModuleType]]:
    for domain in pkgutil.iter_modules(convonet.domains.__path__):
        name = f"convonet.domains.{domain.name}.{part}"
        if domain.ispkg and find_spec(name):
            yield domain.name, import_module(name)
