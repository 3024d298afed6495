"""The input of the rules: the manifests of a source tree and the serve config in them, each read once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployments.cluster.manifests import Manifests, Object, Pod, ray_pods, read_manifests, serve_service_of
from deployments.config_check import parse_config


@dataclass(frozen=True, slots=True)
class Tree:
    """A source tree to check."""

    root: Path
    manifests: Manifests
    serve_config: Object

    @classmethod
    def read(cls, root: Path, components: tuple[str, ...] = ()) -> Tree:
        """Read a source tree. Raises `SettingsError` when it can't be checked at all."""
        manifests = read_manifests(root, components)
        configs = {
            one.name: parse_config(str(one.body["spec"].get("serveConfigV2", "")), f"serveConfigV2 of {one.file}")
            for one in manifests.of_kind("RayService")
        }
        return cls(root, manifests, configs[manifests.product.name])

    @property
    def spec(self) -> Object:
        """The `spec` of the product's RayService."""
        return dict(self.manifests.product.body["spec"])

    @property
    def product_pods(self) -> list[Pod]:
        """The pod templates of the product, the head's first."""
        return list(ray_pods(self.manifests.product))

    @property
    def workers(self) -> list[Pod]:
        return self.product_pods[1:]

    @property
    def serve_service(self) -> str:
        """The name of the Service in front of the product."""
        return serve_service_of(self.manifests.product)

    @property
    def environment(self) -> dict[str, str]:
        """The part of the product's pods' environment that config maps set."""
        maps = {one.name: one.body.get("data", {}) for one in self.manifests.of_kind("ConfigMap")}
        return {
            str(name): str(value)
            for source in self.product_pods[0].ray_container.get("envFrom", ())
            for name, value in maps.get(source.get("configMapRef", {}).get("name"), {}).items()
        }
