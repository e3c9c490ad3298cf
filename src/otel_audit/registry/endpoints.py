"""Registered endpoints beside configured ones: HTTP routes that conversion takes for models."""

from __future__ import annotations

from collections.abc import Sequence

from otel_audit.convert.options import ModelEndpoint
from otel_audit.mask.model_names import normal_path
from otel_audit.registry.versions import RegisteredModel

__all__ = ["with_registered"]


def with_registered(
    configured: Sequence[ModelEndpoint], registered: Sequence[RegisteredModel]
) -> tuple[ModelEndpoint, ...]:
    """Both; where the two name one endpoint of one model, the registered one, which knows the version.

    Args:
        configured: the first that matches a route wins.
        registered: models in force, those that changed last at the end.
    """
    found = [
        ModelEndpoint(model.endpoint, model.name, model.version)
        for model in reversed(registered)
        if model.endpoint is not None
    ]
    known = {(normal_path(one.pattern), one.name) for one in found}
    return (
        *(one for one in configured if (normal_path(one.pattern), one.name) not in known),
        *found,
    )
