"""Resource and scope: described once by a door, mapped once a batch, shared by every span that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opentelemetry.semconv._incubating.attributes.deployment_attributes import (
    DEPLOYMENT_ENVIRONMENT,
    DEPLOYMENT_ENVIRONMENT_NAME,
)
from opentelemetry.semconv._incubating.attributes.service_attributes import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
    SERVICE_VERSION,
)

from otel_audit.convert.rest import encode_object
from otel_audit.convert.spans import Attributes, ResourceData
from otel_audit.convert.values import clean_text

__all__ = ["ResourceFields", "describe", "map_resource"]

_SCOPE_PREFIX: Final = "otel.scope."
"""Where scope attributes go among those of the resource, as OpenTelemetry's exporters to formats without
scopes do with its name and version."""


def describe(
    attributes: Attributes, *, scope_name: str, scope_version: str, scope_attributes: Attributes
) -> ResourceData:
    """Returns one object for a resource and a scope, whose attributes join those of the resource."""
    for key, value in scope_attributes.items():
        attributes[_SCOPE_PREFIX + key] = value
    return ResourceData(attributes, scope_name, scope_version)


@dataclass(frozen=True, slots=True)
class ResourceFields:
    """What every record of one resource and scope has in common, by leaf of the record.

    Attributes:
        row: leaves such as ``service.name`` and ``resource``.
        service_name: ``""`` where missing; part of record ids.
        oddities: notes that each of the records takes over.
    """

    row: dict[str, object]
    service_name: str
    oddities: list[str]


_LEAVES: Final = (
    (SERVICE_NAME, "service.name"),
    (SERVICE_VERSION, "service.version"),
    (SERVICE_INSTANCE_ID, "service.instanceId"),
)


def map_resource(resource: ResourceData) -> ResourceFields:
    """Maps a resource; attributes that are not mapped become the JSON text ``resource``."""
    rest = dict(resource.attributes)
    oddities: list[str] = []
    row: dict[str, object] = {}
    for name, leaf in _LEAVES:
        if isinstance(value := rest.get(name), str):
            row[leaf] = clean_text(value, oddities)
            del rest[name]
    if "service.version" in row:
        row["versionId"] = row["service.version"]
    for name in (DEPLOYMENT_ENVIRONMENT_NAME, DEPLOYMENT_ENVIRONMENT, SERVICE_NAMESPACE):
        if isinstance(value := rest.get(name), str) and value:
            row["namespace"] = clean_text(value, oddities)
            del rest[name]
            break
    if resource.scope_name:
        row["scope.name"] = clean_text(resource.scope_name, oddities)
    if resource.scope_version:
        row["scope.version"] = clean_text(resource.scope_version, oddities)
    if rest:
        row["resource"] = encode_object(rest, oddities)
    if resource.sender is not None:
        row["sender.method"], row["sender.address"] = resource.sender.method, resource.sender.address
        if resource.sender.id is not None:
            row["sender.id"] = resource.sender.id
    return ResourceFields(row, str(row.get("service.name", "")), oddities)
