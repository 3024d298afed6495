"""docs/domains.md: what every domain can do, from the tools themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_types import Tool

from convonet.mcp.server import DomainServer

HEAD = """# Domains

Each domain is a folder in `convonet/domains/` and an MCP server at `/mcp/<domain>` (streamable HTTP). Any MCP client
can use it with a caller token as its bearer token (`convonet token`); for whom a call acts is in the token and nowhere
else.
This page is generated from the tools (`convonet domains`). A `?` marks an argument that may be left out.
"""


async def catalogue_page(servers: Mapping[str, DomainServer]) -> str:
    """The page, as Markdown."""
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
