"""All checks of cluster.yaml and k8s/; `make check` prints the sentences that they return."""

from __future__ import annotations

from pathlib import Path

from convonet.core.errors import SettingsError
from deployments.cluster import (
    capacity,
    choices,
    environment,
    generated,
    ports,
    references,
    schemas,
    site,
    timing,
    versions,
)
from deployments.cluster.manifests import read_manifests
from deployments.cluster.tree import Tree

COMPONENTS = ("k8s/llm",)
"""Components that are off as shipped, and checked as if they were on too."""


def find_faults(root: Path, *, is_example: bool = True) -> list[str]:
    """Check a source tree.

    Args:
        root: the tree.
        is_example: whether values that an operator has to set may still be those of the examples.

    Returns:
        A sentence for each fault.
    """
    try:
        found = list(schemas.faults(read_manifests(root, COMPONENTS), root))
        # the other rules rely on fields of the right type
        return found or _rule_faults(root, is_example=is_example)
    except SettingsError as error:
        return [str(error)]


def _rule_faults(root: Path, *, is_example: bool) -> list[str]:
    found = list(generated.stale(root))
    as_shipped, with_all = Tree.read(root), Tree.read(root, COMPONENTS)
    for tree in (as_shipped, with_all):
        for rules in (references, timing, ports, capacity, versions, choices):
            found += rules.faults(tree)
    found += environment.faults(with_all, is_example=is_example)
    if not is_example:
        found += site.faults(as_shipped)
    return list(dict.fromkeys(found))
