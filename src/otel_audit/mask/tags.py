"""The models that are configured: which of them take personal data as input."""

from __future__ import annotations

from dataclasses import dataclass

from otel_audit.errors import ConfigurationError

__all__ = ["ModelTag"]


@dataclass(frozen=True, slots=True)
class ModelTag:
    """A configured model.

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
