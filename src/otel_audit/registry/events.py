"""What the log says of a change to the registry: ``audit.model.tag``."""

from __future__ import annotations

from typing import Final

from otel_audit.convert.own_events import own_event
from otel_audit.convert.spans import Attributes, LogData, ResourceData, Value
from otel_audit.registry.registry import Changed
from otel_audit.registry.state import RegistryState, place
from otel_audit.registry.versions import Actor, Change, RegistryVersion, digest
from otel_audit.seal.times import unix_nano

__all__ = ["MODEL_EVENT", "change_event", "failure_event"]

MODEL_EVENT: Final = "audit.model.tag"

_ACTIONS: Final = {Change.REGISTER: "REGISTER", Change.SET_PII: "UPDATE", Change.DEPLOY: "DEPLOY"}


def change_event(made: Changed, version: RegistryVersion, resource: ResourceData) -> LogData:
    """The event of a change that was made.

    Args:
        made: what it did.
        version: that it made.
        resource: of whoever makes it.
    """
    model = version.model
    attributes: Attributes = {
        "audit.outcome": "success",
        "audit.changes": _changes(made.before, version),
        "audit.model.registry.number": version.number,
        "audit.model.registry.digest": digest(made.after.contents[version.number - 1]),
        "audit.model.pii": model.pii,
    }
    if model.version is not None:
        attributes["audit.model.version"] = model.version
    if model.endpoint is not None:
        attributes["audit.model.endpoint"] = model.endpoint
    attributes |= _named(version.change, model.name, version.actor)
    return _event(attributes, unix_nano(version.at), resource)


def failure_event(
    change: Change, name: str, actor: Actor, *, cause: str, at_unix_nano: int, resource: ResourceData
) -> LogData:
    """The event of a change that could not be made, or is not known to be.

    Args:
        change: what was to be done.
        name: of the model.
        actor: who wanted it.
        cause: from a closed set.
        at_unix_nano: when it was tried.
        resource: as above.
    """
    attributes: Attributes = {"audit.outcome": "failure", "audit.model.failure": cause}
    return _event(attributes | _named(change, name, actor), at_unix_nano, resource)


def _named(change: Change, name: str, actor: Actor) -> Attributes:
    return {
        "audit.action": _ACTIONS[change],
        "audit.actor.id": actor.id,
        "audit.actor.type": actor.type,
        "audit.target.id": name,
        "audit.target.type": "model",
    }


def _event(attributes: Attributes, at_unix_nano: int, resource: ResourceData) -> LogData:
    return own_event(MODEL_EVENT, attributes, at_unix_nano=at_unix_nano, resource=resource)


def _changes(before: RegistryState, version: RegistryVersion) -> list[Value]:
    model = version.model
    if version.change is Change.DEPLOY:
        was = before.deployed.get(place(model))
        prefix = "deployed."
    else:
        was = before.models.get((model.name, model.version))
        prefix = ""
    changes: list[Value] = []
    for name in ("version", "endpoint", "pii"):
        old, new = None if was is None else getattr(was, name), getattr(model, name)
        if old != new:
            changes.append({"path": f"{prefix}{name}", "before": old, "after": new})
    return changes
