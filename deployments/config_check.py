"""Strict parsing of serve_config.yaml for `make run` and `make check`, since Ray ignores keys that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from ray.serve.schema import ServeDeploySchema

from convonet.core.errors import SettingsError


def read_config(path: Path) -> dict[str, Any]:
    """Read a serve config. Raises `SettingsError`, which names every key that Ray's schema does not know."""
    try:
        text = path.read_text()
    except OSError as error:
        raise SettingsError(f"{path.name}: {error}") from None
    return parse_config(text, path.name)


def parse_config(text: str, name: str) -> dict[str, Any]:
    """Parse a serve config that is part of another file; errors call it `name`."""
    try:
        content = yaml.safe_load(text)
        ServeDeploySchema.model_validate(content)
    except (yaml.YAMLError, ValidationError) as error:
        raise SettingsError(f"{name}: {error}") from None
    unknown = list(_unknown_keys(content, ServeDeploySchema, ""))
    if unknown:
        raise SettingsError(f"{name}: unknown key {', '.join(unknown)}")
    return dict(content)


def _unknown_keys(content: Any, model: type[BaseModel], path: str) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, value in content.items():
        where = f"{path}{key}"
        if key not in fields:
            yield where
        elif (inner := _model_in(fields[key].annotation)) is not None:
            items = value if isinstance(value, list) else [value]
            for index, item in enumerate(items):
                label = f"{where}[{index}]." if isinstance(value, list) else f"{where}."
                if isinstance(item, dict):
                    yield from _unknown_keys(item, inner, label)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the pydantic model in an annotation such as `list[Model] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if (model := _model_in(part)) is not None:
            return model
    return None
