"""Rules for versions: one release of Ray in the lock file, the images and the RayServices."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployments.cluster.manifests import NAME
from deployments.cluster.tree import Tree


def faults(tree: Tree) -> Iterator[str]:
    """Yield a sentence for each version that differs."""
    lock = (tree.root / "requirements.lock").read_text()
    found = re.search(r"^ray==([0-9.]+)$", lock, re.MULTILINE)
    locked = found[1] if found else "none"
    for one in tree.manifests.of_kind("RayService"):
        if (version := one.body["spec"]["rayClusterConfig"].get("rayVersion")) != locked:
            yield f"{one}: rayVersion is {version} and requirements.lock has {locked}; make them the same."
    images: set[str] = set()
    for pod in tree.manifests.pods():
        for image in (container["image"] for container in pod.containers):
            tag = image.rpartition(":")[2]
            if (named := re.search(r"ray([0-9]+\.[0-9]+\.[0-9]+)$", tag)) is None or named[1] != locked:
                yield f"{pod}: the image's tag must end with ray{locked}, the Ray that is in it; it is {tag}."
            if pod.owner.kind != "RayService" or pod.owner.name == NAME:
                images.add(image)
    if len(images) > 1:
        listed = ", ".join(sorted(images))
        yield f"cluster.yaml and k8s/jobs: head, workers and jobs must have one image; they have {listed}."
