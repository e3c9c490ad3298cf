"""The changes that can be made to the registry; each is decided by what it holds at that moment."""

from __future__ import annotations

import msgspec

from otel_audit.errors import InputError
from otel_audit.registry.registry import Decision
from otel_audit.registry.state import RegistryState, place
from otel_audit.registry.versions import Change, RegisteredModel

__all__ = ["deploy", "register", "set_pii", "the_model"]


def register(name: str, version: str | None, endpoint: str | None, pii: bool | None = None) -> Decision:
    """Make a model known. Nothing to change if it is known like this.

    Args:
        name: of the model.
        version: None for a model without versions.
        endpoint: None leaves the one it has.
        pii: None leaves the tag it has. A new version begins with that of the version changed last.
    """

    def decide(state: RegistryState) -> tuple[Change, RegisteredModel] | None:
        known = state.models.get((name, version))
        before = known or next(reversed(state.named(name)), None)
        tag = pii if pii is not None else before is not None and before.pii
        where = endpoint or (None if known is None else known.endpoint)
        model = RegisteredModel(name, tag, version, where)
        return None if model == known else (Change.REGISTER, model)

    return decide


def set_pii(name: str, version: str | None, pii: bool) -> Decision:
    """Tag a model, or take its tag away. Nothing to change if it is so.

    Raises (when it is decided):
        InputError: it is not registered, or several versions are and none is named.
    """

    def decide(state: RegistryState) -> tuple[Change, RegisteredModel] | None:
        model = the_model(state, name, version)
        return None if model.pii == pii else (Change.SET_PII, msgspec.structs.replace(model, pii=pii))

    return decide


def deploy(name: str, version: str | None) -> Decision:
    """Let a model's endpoint serve it as it is registered now. Nothing to change if it does.

    Raises (when it is decided):
        InputError: as :func:`set_pii`.
    """

    def decide(state: RegistryState) -> tuple[Change, RegisteredModel] | None:
        model = the_model(state, name, version)
        return None if state.deployed.get(place(model)) == model else (Change.DEPLOY, model)

    return decide


def the_model(state: RegistryState, name: str, version: str | None) -> RegisteredModel:
    """The one model that is meant.

    Raises:
        InputError: it is not registered, or several versions are and none is named.
    """
    exact = state.models.get((name, version))
    if exact is not None:
        return exact
    found = state.named(name)
    if not found or version is not None:
        raise InputError("no such model is registered" if not found else "no such version is registered")
    if len(found) > 1:
        raise InputError(f"{len(found)} versions are registered: say which")
    return found[0]
