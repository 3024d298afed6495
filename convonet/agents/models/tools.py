"""Converts tools for requests: a plain JSON Schema, and each vendor's JSON, made once for each toolset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from convonet.agents.models.base import Tool, Toolset


class PreparedTools:
    """Caches a vendor's JSON of each toolset: some 10 KB, the same in every request of a domain."""

    def __init__(self, convert: Callable[[Tool], Mapping[str, Any]]) -> None:
        self._convert = convert
        self._prepared: dict[str, orjson.Fragment] = {}

    def json_of(self, toolset: Toolset) -> orjson.Fragment:
        """Return the list of tools as JSON, to be put into a request as it is."""
        if toolset.name not in self._prepared:
            written = orjson.dumps([self._convert(tool) for tool in toolset.tools])
            self._prepared[toolset.name] = orjson.Fragment(written)
        return self._prepared[toolset.name]


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema without references, which not every vendor follows, and without pydantic's titles.

    Raises:
        KeyError: a reference has no definition.
    """
    definitions = schema.get("$defs", {})
    plain: dict[str, Any] = _plain({name: value for name, value in schema.items() if name != "$defs"}, definitions)
    return plain


def _plain(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_plain(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        schema = {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    plain = {}
    for key, value in schema.items():
        if key == "properties":
            plain[key] = {name: _plain(part, definitions) for name, part in value.items()}
        elif key != "title":
            plain[key] = _plain(value, definitions)
    return plain
