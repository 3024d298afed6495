"""The page docs/domains.md, made from the tools of all domains for `convonet domains`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_types import Tool

from convonet.mcp.server import DomainServer

HEAD = """# Domains

Each domain is a folder in `convonet/domains/` and an MCP server at `/mcp/<domain>` (streamable HTTP). Any MCP client
can use it with a caller token as its bearer token (`convonet token`). A tool acts for the caller in the token and for
nobody else.

All domains have the same files. A larger one has them again in a folder for each feature:

| file | content |
| --- | --- |
| `agent.py` | what the agent knows of the domain: prompt, labels of its tools, offline skill |
| `tools.py` | the MCP tools |
| `service.py` | the rules; a call is one transaction |
| `repository.py`, `models.py` | the SQL and the tables |
| `schemas.py`, `enums.py` | data as tools and HTTP show and take it, closed sets and status changes |
| `errors.py`, `speech.py` | refusals, and answers as they are said aloud |
| `examples.txt` | sentences that callers say, by form |
| `seed.py` | demo data |
| `http.py` | an HTTP API, if there is one |
| `offline/` | `forms.py`, `actions.py` and `slots.py` of the offline model |

This page is generated from the tools (`convonet domains`). A `?` marks an argument that may be left out.
"""


async def catalog_page(servers: Mapping[str, DomainServer]) -> str:
    """Render the page as Markdown."""
    parts = [HEAD]
    for name, server in servers.items():
        rows = [_row(tool) for tool in await server.list_tools()]
        parts.append(f"## {name}\n\n{server.instructions}\n\n| tool | arguments | what it does |\n| --- | --- | --- |")
        parts[-1] += "\n" + "\n".join(rows) + "\n"
    return "\n".join(parts)


def _row(tool: Tool) -> str:
    required = set(tool.input_schema.get("required", ()))
    named = tool.input_schema.get("$defs", {})
    arguments = (
        f"`{name}{'' if name in required else '?'}` {_type(schema, named)}"
        for name, schema in tool.input_schema.get("properties", {}).items()
    )
    first_sentence = " ".join((tool.description or "").split("\n\n")[0].split())
    return f"| `{tool.name}` | {', '.join(arguments)} | {_cell(first_sentence)} |"


def _type(schema: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _type(named[schema["$ref"].rsplit("/", 1)[-1]], named)
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(option, named) for option in schema["anyOf"] if option.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}), named)}"
    return str(schema.get("format") or schema.get("type") or "value")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
