"""The models that are known: which of them take personal data as input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel_audit.errors import ConfigurationError

__all__ = ["UNREAD", "ModelTag", "RegisteredTags"]


@dataclass(frozen=True, slots=True)
class ModelTag:
    """A model.

    Attributes:
        name: as in requests; ``*`` is any text.
        version: None for all versions.
        endpoint: HTTP route or path that is this model, ``*`` is any text; may start with a host or a URL.
        pii: whether its input holds personal data that must not be written.
    """

    name: str
    version: str | None = None
    endpoint: str | None = None
    pii: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("models.name: a name")


@dataclass(frozen=True, slots=True)
class RegisteredTags:
    """What registries of models say, beside what is configured.

    Attributes:
        tags: of registered models, as they were deployed.
        is_trusted: whether they win over a configured tag; otherwise they can only add one.
        is_read: False while nobody knows what is registered: then any model may have the tag.
    """

    tags: tuple[ModelTag, ...] = ()
    is_trusted: bool = False
    is_read: bool = True


UNREAD: Final = RegisteredTags(is_read=False)
