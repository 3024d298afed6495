"""Rules for the environment of the pods: the product's own settings read it, exactly as in a pod."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache

from convonet.settings import VARIABLES
from convonet.settings.unknown import OWN_PREFIXES
from deployments.cluster.manifests import NAME, Object, Pod
from deployments.cluster.ports import LOAD_BALANCER_NETWORKS
from deployments.cluster.tree import Tree

SETTINGS_MAP, SECRETS = "convonet-settings", "convonet-secrets"
TIME_ZONE = "CONVONET_TIMEZONE"
TIME_ZONE_PLACEHOLDER = "SET-YOUR-TIME-ZONE"
NEEDED_SECRETS = ("DB_URI", "REDIS_URL", "CONVONET_SIGNING_KEY")
"""Secrets without which each node would keep data of its own."""

READ = """
from convonet.core.errors import SettingsError
from convonet.settings import Settings
try:
    Settings.load()
except SettingsError as error:
    print(error)
"""


def faults(tree: Tree, *, is_example: bool) -> Iterator[str]:
    """Yield a sentence for each name or value that is missing, or that the product would refuse."""
    settings, secrets = _data(tree, "ConfigMap", SETTINGS_MAP), _data(tree, "Secret", SECRETS)
    zone = settings.get(TIME_ZONE, "")
    if not zone or (zone == TIME_ZONE_PLACEHOLDER and not is_example):
        yield f"k8s/settings.yaml: set {TIME_ZONE} to the time zone of your callers, as America/Los_Angeles."
    if zone == TIME_ZONE_PLACEHOLDER:
        settings[TIME_ZONE] = "UTC"
    for name in NEEDED_SECRETS:
        if name not in secrets:
            yield f"k8s/secrets.example.yaml: {SECRETS} must have {name}: the nodes share no folder."
    trusted = {network.strip() for network in settings.get("FORWARDED_ALLOW_IPS", "").split(",")}
    if not trusted >= LOAD_BALANCER_NETWORKS:
        networks = ",".join(sorted(LOAD_BALANCER_NETWORKS))
        yield f"k8s/settings.yaml: FORWARDED_ALLOW_IPS must have {networks}, or all callers are one to the limits."
    yield from _unknown_names(tree, settings, secrets)
    yield from _refused(settings | secrets | _own_variables(tree))
    for pod in product_pods(tree):
        yield from _pod_faults(pod, settings)


def product_pods(tree: Tree) -> list[Pod]:
    """Return head, workers and jobs of the product, but not of a self-hosted model, which has no such settings."""
    return [pod for pod in tree.manifests.pods() if pod.owner.kind != "RayService" or pod.owner.name == NAME]


def _data(tree: Tree, kind: str, name: str) -> dict[str, str]:
    for one in tree.manifests.all:
        if (one.kind, one.name) == (kind, name):
            values = {**one.body.get("data", {}), **one.body.get("stringData", {})}
            return {key: str(value) for key, value in values.items()}
    return {}


def _unknown_names(tree: Tree, settings: dict[str, str], secrets: dict[str, str]) -> Iterator[str]:
    """Yield a sentence for each name in settings, secrets or pods that is neither a setting nor a flag of Ray."""
    for where, names in (("k8s/settings.yaml", settings), ("k8s/secrets.example.yaml", secrets)):
        for name in names:
            # for names with our prefix, `_refused` suggests the right one
            if name not in VARIABLES and not name.startswith(OWN_PREFIXES):
                yield f"{where}: {name} is not a setting of the product; docs/settings.md lists them all."
    flags = tree.environment.keys() - settings.keys()
    for pod in product_pods(tree):
        for variable in (one for container in pod.containers for one in container.get("env", ())):
            name = variable["name"]
            if name not in VARIABLES and name not in flags and not name.startswith("RAY_"):
                yield f"{pod}: {name} is neither a setting of the product (docs/settings.md) nor a flag of Ray."


def _own_variables(tree: Tree) -> dict[str, str]:
    """Return the settings in the worker's template."""
    variables = tree.workers[0].ray_container.get("env", ())
    return {one["name"]: str(one["value"]) for one in variables if one["name"] in VARIABLES and "value" in one}


def _refused(environment: dict[str, str]) -> Iterator[str]:
    if error := _settings_error(tuple(sorted(environment.items()))):
        yield f"k8s/settings.yaml and k8s/secrets.example.yaml: a pod would not start: {error}."


@cache
def _settings_error(environment: tuple[tuple[str, str], ...]) -> str:
    """Load the settings in a process that has no other environment; return the error, or ""."""
    command = [sys.executable, "-c", READ]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    return done.stderr.strip()[-300:] if done.returncode else done.stdout.strip()


def _pod_faults(pod: Pod, settings: dict[str, str]) -> Iterator[str]:
    if pod.spec.get("enableServiceLinks") is not False:
        yield (
            f"{pod}: enableServiceLinks must be false, or Kubernetes adds variables such as CONVONET_SERVE_SVC_PORT, "
            "which the product refuses."
        )
    container = pod.ray_container
    folder = settings.get("CONVONET_DATA_DIR")
    if folder not in {mount["mountPath"] for mount in container.get("volumeMounts", ())}:
        yield f"{pod}: CONVONET_DATA_DIR is {folder}; mount a volume there that the product may write to."
    for kind, name in (("configMapRef", SETTINGS_MAP), ("secretRef", SECRETS)):
        if name not in _from(container, kind):
            yield f"{pod}: it has no {name}; add it to envFrom, head and workers need the same environment."


def _from(container: Object, kind: str) -> set[str]:
    return {source[kind]["name"] for source in container.get("envFrom", ()) if kind in source}
