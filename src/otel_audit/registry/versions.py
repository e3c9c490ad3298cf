"""One version of the registry: one change, as it is kept beside the log.

::

    {"actor":{"id":"u8472","type":"user"},"at":"2026-11-22T02:10:04.000000000Z","change":"set-pii",
     "model":{"endpoint":"/v1/models/churn:predict","name":"churn","pii":true,"version":"3"},
     "number":2,"previous":"sha256:…","registryVersion":1}

Canonical: keys sorted, minified, UTF-8, nothing that is null, which makes it RFC 8785. ``model`` is the model as it is
after the change; ``previous`` is the SHA-256 of the bytes of the version before, missing in the first.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final, Literal

import msgspec

from otel_audit.errors import InputError, IntegrityError
from otel_audit.seal.times import unix_nano
from otel_audit.shapes import ready_to_read
from otel_audit.store.layout import RegistryFile

__all__ = [
    "FORMAT",
    "Actor",
    "Change",
    "RegisteredModel",
    "RegistryVersion",
    "check",
    "digest",
    "parse",
    "serialise",
]

FORMAT: Final = 1

_LONGEST: Final = {"name": 256, "version": 128, "endpoint": 1024, "actor": 256}
"""Characters; all of them stand in records of the log."""


class Change(StrEnum):
    """What a version changes."""

    REGISTER = "register"
    """A model is made known, or its endpoint changes."""
    SET_PII = "set-pii"
    """Its tag changes; an endpoint that is deployed keeps the one it has."""
    DEPLOY = "deploy"
    """Its endpoint takes over the model as it is registered now, with its tag."""


class RegisteredModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model as it is registered.

    Attributes:
        name: as in requests; ``*`` is any text.
        pii: whether its input holds personal data that must not be written.
        version: None for a model without versions.
        endpoint: HTTP route or path that is this model; may start with a host or a URL.
    """

    name: str
    pii: bool
    version: str | None = None
    endpoint: str | None = None


class Actor(msgspec.Struct, frozen=True):
    """Who makes a change.

    Attributes:
        id: as the application or the operating system knows them.
        type: what they are.
    """

    id: str
    type: Literal["user", "service", "system"] = "user"


@ready_to_read
class RegistryVersion(msgspec.Struct, frozen=True, omit_defaults=True, rename={"format": "registryVersion"}):
    """One change.

    Attributes:
        number: from 1.
        at: RFC 3339, UTC, nine digits.
        actor: who made it.
        change: what it is.
        model: as it is afterwards.
        format: of this text.
        previous: ``sha256:<hex>`` of the version before; None in the first.
    """

    number: int
    at: str
    actor: Actor
    change: Change
    model: RegisteredModel
    format: int
    previous: str | None = None


def check(model: RegisteredModel, actor: Actor) -> None:
    """Raise InputError where a text is empty, too long, or holds what no name does."""
    texts = {"name": model.name, "version": model.version, "endpoint": model.endpoint, "actor": actor.id}
    for what, text in texts.items():
        if text is None and what in ("version", "endpoint"):
            continue
        if (
            not isinstance(text, str)
            or not text.strip()
            or not text.isprintable()
            or len(text) > _LONGEST[what]
        ):
            raise InputError(f"{what} is a text of 1 to {_LONGEST[what]} printable characters")
    if model.pii not in (True, False) or actor.type not in ("user", "service", "system"):
        raise InputError("pii is True or False; an actor is a user, a service or the system")


def serialise(version: RegistryVersion) -> bytes:
    """The bytes that are kept."""
    return msgspec.json.encode(version, order="sorted")


def digest(content: bytes) -> str:
    """``sha256:<hex>`` of a version's bytes, as the next one names it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def parse(content: bytes, number: int, previous: str | None) -> RegistryVersion:
    """Read a version and check its place in the chain.

    Args:
        content: its bytes.
        number: the one that it must have.
        previous: digest of the one before, None for the first.

    Raises:
        IntegrityError: it is none, of a format that is not known here, or does not follow the one before.
    """
    path = RegistryFile(number).path
    try:
        version = msgspec.json.decode(content, type=RegistryVersion)
        unix_nano(version.at)
    except (msgspec.DecodeError, ValueError) as error:
        raise IntegrityError("is no version of the registry of models", path=path) from error
    if version.format != FORMAT:
        raise IntegrityError("is of a format that this release does not know", path=path)
    if version.number != number or version.previous != previous:
        raise IntegrityError("does not follow the version before it", path=path)
    return version
