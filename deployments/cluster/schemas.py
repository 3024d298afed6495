"""Rules for fields: each must exist in its kind of object, with the right type. A misspelled one would do nothing."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from convonet.core.errors import SettingsError
from deployments.cluster.manifests import Manifest, Manifests, Object

KUBERNETES = "1.34"
"""The release whose core kinds are checked; GKE's regular channel has it."""

SCHEMAS = "k8s/schemas"
CUSTOM = {
    "Gateway": "gateway",
    "GCPBackendPolicy": "gcpbackendpolicy",
    "GCPGatewayPolicy": "gcpgatewaypolicy",
    "HealthCheckPolicy": "healthcheckpolicy",
    "HTTPRoute": "httproute",
    "PodMonitoring": "podmonitoring",
    "RayService": "rayservice",
}
"""Kinds that are not part of Kubernetes, each with its file in k8s/schemas."""


def faults(manifests: Manifests, root: Path) -> Iterator[str]:
    """Yield a sentence for each field that is wrong."""
    for one in manifests.all:
        if (name := CUSTOM.get(one.kind)) is None:
            yield from _core_faults(one, one.body, "")
            continue
        schema = json.loads((root / SCHEMAS / f"{name}.schema.json").read_text())
        yield from (_sentence(one, error, "") for error in Draft202012Validator(schema).iter_errors(one.body))
        for kind, where, part in _core_parts(schema, one.body, ""):
            yield from _core_faults(one, _as_object(kind, part), where)


def _core_parts(schema: Object, content: Any, where: str) -> Iterator[tuple[str, str, Object]]:
    """Yield the parts of a custom object that have a core type: the type's name, the path, the part."""
    if (kind := schema.get("x-core")) is not None and isinstance(content, dict):
        yield kind, where, content
    elif isinstance(content, dict):
        for key, inner in schema.get("properties", {}).items():
            if key in content:
                yield from _core_parts(inner, content[key], f"{where}{key}.")
    elif isinstance(content, list):
        for index, item in enumerate(content):
            yield from _core_parts(schema.get("items", {}), item, f"{where}{index}.")


def _as_object(core_type: str, part: Object) -> Object:
    """Wrap a part of a core type in an object that can be checked by itself."""
    if core_type == "PodTemplateSpec":
        return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": part}
    return {"apiVersion": "v1", "kind": core_type, **part}


def _core_faults(one: Manifest, body: Object, where: str) -> Iterator[str]:
    try:
        error = _core_error(json.dumps(body))
    except LookupError:
        raise SettingsError(f"{one}: no schema of this kind is known; add one to {SCHEMAS}") from None
    if error is not None:
        yield _sentence(one, error, where)


@cache
def _core_error(body: str) -> ValidationError | None:
    """Validate an object of a core kind, given as JSON. Raises `LookupError` for other kinds."""
    # a development dependency of 22 MB, which the product itself lacks
    import kubernetes_validate

    try:
        kubernetes_validate.validate(json.loads(body), KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        raise LookupError(error.message) from None
    except kubernetes_validate.ValidationError as error:
        found: ValidationError = error
        return found
    return None


def _sentence(one: Manifest, error: ValidationError, where: str) -> str:
    path = where + ".".join(str(step) for step in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        wrong = sorted(set(error.instance) - set(known))
        near = difflib.get_close_matches(wrong[0], known, n=1) if wrong else []
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(known))}."
        return f"{one}: {path or 'the object'} has no field {' or '.join(wrong)}; {hint}"
    return f"{one}: {path or 'the object'} is wrong: {error.message[:300]}."
