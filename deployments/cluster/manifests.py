"""The manifests of a source tree, as `kubectl apply -k .` would send them, and the pods that KubeRay makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from convonet.core.errors import SettingsError

CLUSTER = "cluster.yaml"
NAME = "convonet"
"""Name of the RayService that serves the calls."""

SERVE_SERVICE_SUFFIX = "-serve-svc"

Object = dict[str, Any]
"""A part of a manifest, as YAML has it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object and its file."""

    file: str
    body: Object

    @property
    def kind(self) -> str:
        return str(self.body.get("kind"))

    @property
    def name(self) -> str:
        metadata = self.body.get("metadata", {})
        return str(metadata.get("name") or metadata.get("generateName"))

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template and the labels of its pods. `group` is a Ray group, and empty for a Job."""

    owner: Manifest
    group: str
    template: Object
    start_params: Mapping[str, str]

    @property
    def spec(self) -> Object:
        return dict(self.template.get("spec", {}))

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", ()), *self.spec.get("containers", ())]

    @property
    def ray_container(self) -> Object:
        """The container in which Ray runs, which is the first."""
        return dict(self.spec["containers"][0])

    @property
    def labels(self) -> dict[str, str]:
        """The template's labels and those that KubeRay adds, except `ray.io/cluster`, which is new for each cluster."""
        own = dict(self.template.get("metadata", {}).get("labels", {}))
        if not self.group:
            return own
        is_head = self.group == HEAD
        return own | {
            "app.kubernetes.io/created-by": "kuberay-operator",
            "app.kubernetes.io/name": "kuberay",
            "ray.io/group": self.group,
            "ray.io/is-ray-node": "yes",
            "ray.io/node-type": "head" if is_head else "worker",
            "ray.io/serve": "false" if is_head else "true",
        }

    def __str__(self) -> str:
        return f"{self.owner}{f', group {self.group}' if self.group else ''}"


HEAD = "headgroup"
"""KubeRay's name of the head's group."""


class Manifests:
    """All objects: `applied` by the kustomization, and `others`, which are examples and jobs started by hand."""

    def __init__(self, applied: list[Manifest], others: list[Manifest]) -> None:
        self.applied = applied
        self.others = others

    @property
    def all(self) -> list[Manifest]:
        return [*self.applied, *self.others]

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Return the applied objects of these kinds."""
        return [one for one in self.applied if one.kind in kinds]

    @property
    def product(self) -> Manifest:
        """The RayService that serves the calls. Raises `SettingsError` when there is none."""
        found = [one for one in self.of_kind("RayService") if one.name == NAME]
        if len(found) != 1:
            raise SettingsError(f"{CLUSTER} must have one RayService called {NAME}: it has {len(found)}")
        return found[0]

    def pods(self) -> Iterator[Pod]:
        """Yield the pod templates of all objects."""
        for one in self.all:
            if one.kind == "RayService":
                yield from ray_pods(one)
            elif one.kind in {"Job", "Deployment"}:
                yield Pod(one, "", one.body["spec"]["template"], {})


def ray_pods(service: Manifest) -> Iterator[Pod]:
    """Yield the head's template, then those of the worker groups."""
    cluster = service.body["spec"]["rayClusterConfig"]
    head = cluster["headGroupSpec"]
    yield Pod(service, HEAD, head["template"], head.get("rayStartParams", {}))
    for group in cluster.get("workerGroupSpecs", ()):
        yield Pod(service, str(group["groupName"]), group["template"], group.get("rayStartParams", {}))


def serve_service_of(service: Manifest) -> str:
    """Return the name of the Service in front of a RayService."""
    given = service.body["spec"].get("serveService", {}).get("metadata", {}).get("name")
    return str(given or service.name + SERVE_SERVICE_SUFFIX)


def read_manifests(root: Path, components: tuple[str, ...] = ()) -> Manifests:
    """Read the kustomization at `root`, the examples and the jobs.

    Args:
        root: the source tree.
        components: folders of kustomize components to switch on in addition to those that the kustomization names.

    Raises:
        SettingsError: a file can't be read, is not YAML, or uses a feature of kustomize that is not supported here.
    """
    applied = _Kustomization(root).read(root, components)
    files = sorted([*root.glob("k8s/*.example.yaml"), *root.glob("k8s/jobs/*.yaml")])
    return Manifests(applied, [one for file in files for one in read_file(file, root)])


def read_file(path: Path, root: Path) -> list[Manifest]:
    """Read the objects of a file. Raises `SettingsError`."""
    name = str(path.relative_to(root))
    try:
        documents = [body for body in yaml.load_all(path.read_text(), yaml.CSafeLoader) if body is not None]
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"{name}: {error}") from None
    return [Manifest(name, body) for body in documents]


class _Kustomization:
    """The features of kustomize that our files use: resources, components, and JSON patches of components."""

    KEYS = frozenset({"apiVersion", "kind", "resources", "components", "patches"})

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, folder: Path, components: tuple[str, ...] = ()) -> list[Manifest]:
        (file,) = read_file(folder / "kustomization.yaml", self._root)
        if unknown := file.body.keys() - self.KEYS:
            raise SettingsError(f"{file.file}: {', '.join(sorted(unknown))} is not understood by `make check`")
        found = [one for name in file.body.get("resources", ()) for one in self._resource(folder / name)]
        for name in dict.fromkeys((*file.body.get("components", ()), *components)):
            self._add_component(folder / name, found)
        return found

    def _resource(self, path: Path) -> list[Manifest]:
        return self.read(path) if path.is_dir() else read_file(path, self._root)

    def _add_component(self, folder: Path, found: list[Manifest]) -> None:
        (file,) = read_file(folder / "kustomization.yaml", self._root)
        found += [one for name in file.body.get("resources", ()) for one in self._resource(folder / name)]
        for patch in file.body.get("patches", ()):
            operations = yaml.safe_load((folder / patch["path"]).read_text())
            target = patch["target"]
            targets = [i for i, one in enumerate(found) if (one.kind, one.name) == (target["kind"], target["name"])]
            if not targets:
                raise SettingsError(f"{file.file}: nothing is called {target['kind']} {target['name']}")
            for index in targets:
                found[index] = Manifest(found[index].file, _patched(found[index].body, operations, file.file))


def _patched(body: Object, operations: list[Object], file: str) -> Object:
    """Apply the additions of a JSON patch (RFC 6902)."""
    body = deepcopy(body)
    for operation in operations:
        if operation["op"] != "add":
            raise SettingsError(f"{file}: the operation {operation['op']} is not understood by `make check`")
        *parents, last = operation["path"].lstrip("/").split("/")
        place: Any = body
        try:
            for step in parents:
                place = place[int(step)] if isinstance(place, list) else place[step]
        except (KeyError, IndexError, ValueError):
            raise SettingsError(f"{file}: there is no {operation['path']} to add to") from None
        if isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), operation["value"])
        else:
            place[last] = operation["value"]
    return body
