"""Rules for values that are examples as shipped; an operator has to set them before the manifests are applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployments.cluster.tree import Tree

EXAMPLES = {
    "PROJECT": "the project and region of your registry",
    "example.com": "the host name of your callers",
    "example.internal": "the address of your Redis",
    "203.0.113.": "the address of your load balancer",
    "REPLACE-ME": "a value of your own",
}
"""Text in an example, and the value that belongs in its place."""


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each example that is left, except in Secrets, whose real values are in the cluster only."""
    for one in tree.manifests.all:
        if one.kind == "Secret":
            continue
        for path, value in _texts(one.body, ""):
            for example, meaning in EXAMPLES.items():
                if example in value:
                    yield f"{one}: {path} is {value}, an example; write {meaning} there."


def _texts(content: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _texts(value, f"{path}.{key}" if path else str(key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from _texts(value, f"{path}.{index}")
    elif isinstance(content, str):
        yield path, content
