"""What the versions of the registry amount to: each model as it is registered, each endpoint as it was deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from otel_audit.mask.model_names import normal_path
from otel_audit.mask.tags import ModelTag
from otel_audit.registry.versions import Change, RegisteredModel, RegistryVersion, digest, parse

__all__ = ["EMPTY", "Key", "RegistryState"]

Key: TypeAlias = "tuple[str, str | None]"
"""Name and version of a model."""


@dataclass(frozen=True, slots=True)
class RegistryState:
    """The registry after some version.

    Attributes:
        contents: bytes of every version, in order.
        models: as registered, by name and version; in the order in which they were changed last.
        deployed: as deployed, by endpoint in its normal form; a model without an endpoint by its key.
        last_changes: the version that last concerned a model.
    """

    contents: tuple[bytes, ...] = ()
    models: Mapping[Key, RegisteredModel] = field(default_factory=lambda: MappingProxyType({}))
    deployed: Mapping[str | Key, RegisteredModel] = field(default_factory=lambda: MappingProxyType({}))
    last_changes: Mapping[Key, RegistryVersion] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def number(self) -> int:
        """Of the last version; 0 if there is none."""
        return len(self.contents)

    @property
    def head(self) -> str | None:
        """Digest of the last version."""
        return digest(self.contents[-1]) if self.contents else None

    def after(self, content: bytes) -> RegistryState:
        """The registry after one more version.

        Raises:
            IntegrityError: it is none, or does not follow.
        """
        version = parse(content, self.number + 1, self.head)
        model = version.model
        key = (model.name, model.version)
        models, deployed = dict(self.models), dict(self.deployed)
        if version.change is Change.DEPLOY:
            deployed[place(model)] = model
        models.pop(key, None)
        models[key] = model
        return RegistryState(
            (*self.contents, content),
            MappingProxyType(models),
            MappingProxyType(deployed),
            MappingProxyType({**self.last_changes, key: version}),
        )

    def named(self, name: str) -> list[RegisteredModel]:
        """The versions of a model, that changed last at the end."""
        return [model for model in self.models.values() if model.name == name]

    def history(self, name: str) -> list[RegistryVersion]:
        """Every change to a model, in order."""
        found, previous = [], None
        for number, content in enumerate(self.contents, 1):
            version = parse(content, number, previous)
            previous = digest(content)
            if version.model.name == name:
                found.append(version)
        return found

    def deployments(self, model: RegisteredModel) -> list[RegisteredModel]:
        """A model as it is deployed now, once for each endpoint."""
        key = (model.name, model.version)
        return [one for one in self.deployed.values() if (one.name, one.version) == key]

    def tags(self) -> tuple[ModelTag, ...]:
        """The tags in force: of what is deployed as it was deployed, of everything else as it is registered."""
        return tuple(
            ModelTag(model.name, model.version, model.endpoint, model.pii) for model in self._in_force()
        )

    def endpoints(self) -> tuple[RegisteredModel, ...]:
        """The models in force that have an endpoint."""
        return tuple(model for model in self._in_force() if model.endpoint)

    def _in_force(self) -> Iterator[RegisteredModel]:
        for model in self.models.values():
            deployments = self.deployments(model)
            yield from deployments
            if place(model) not in self.deployed:
                yield model
            elif not deployments:
                # Its endpoint serves another model; only its name is its own.
                yield RegisteredModel(model.name, model.pii, model.version)


def place(model: RegisteredModel) -> str | Key:
    """Where a model is deployed."""
    return normal_path(model.endpoint) if model.endpoint else (model.name, model.version)


EMPTY: Final = RegistryState()
