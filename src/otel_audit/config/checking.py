"""Checking what a source of settings says against the table of settings."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from otel_audit.config.settings import Settings
from otel_audit.config.values import secret
from otel_audit.errors import ConfigurationError

__all__ = ["checked", "did_you_mean", "key_of", "parsed"]

T = TypeVar("T")


def checked(
    table: Mapping[str, Any],
    *,
    source: str,
    literal_secrets: bool,
    kind: type = Settings,
    path: str = "",
    listed: str | None = None,
) -> dict[str, Any]:
    """The table with every key known and every leaf parsed.

    Args:
        table: as it was given.
        source: file or kind of source, for errors.
        literal_secrets: whether a secret itself may stand in it.
        kind: dataclass that says which settings there are.
        path: of the table within the settings, with a dot at its end.
        listed: name of a section that may be given as a list of tables, too.

    Raises:
        ConfigurationError: an unknown key, or a value that is not accepted.
    """
    known = {key_of(entry): entry for entry in dataclasses.fields(kind)}
    result: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{path}{key}"
        entry = known.get(key)
        if entry is None:
            raise ConfigurationError(
                f"{source}: unknown setting {name}{did_you_mean(key, known)}; accepted here: {', '.join(known)}"
                + (f"; or a list of tables ([[{listed}]])" if listed else "")
            )
        if "section" in entry.metadata:
            inner = entry.metadata["list"]
            if inner is not None and isinstance(value, list | tuple):
                items = _field(entry.metadata["section"], inner)
                result[key] = {inner: _items(items, value, source, name, literal_secrets=literal_secrets)}
                continue
            if not isinstance(value, Mapping):
                raise ConfigurationError(f"{source}: {name} is a table, not a single value")
            result[key] = checked(
                value,
                source=source,
                literal_secrets=literal_secrets,
                kind=entry.metadata["section"],
                path=f"{name}.",
                listed=None if inner is None else name,
            )
        elif "tables" in entry.metadata:
            result[key] = _items(entry, value, source, name, literal_secrets=literal_secrets)
        else:
            result[key] = parsed(entry, value, source=source, name=name, literal_secrets=literal_secrets)
    return result


def _items(
    entry: dataclasses.Field[Any], value: object, source: str, name: str, *, literal_secrets: bool
) -> tuple[object, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise ConfigurationError(f"{source}: {name} is a list of tables ([[{name}]])")
    kind = entry.metadata["tables"]
    return tuple(
        _item(kind, item, source=source, literal_secrets=literal_secrets, path=f"{name}[{index}].")
        for index, item in enumerate(value)
    )


def _field(kind: type, key: str) -> dataclasses.Field[Any]:
    return next(entry for entry in dataclasses.fields(kind) if key_of(entry) == key)


def _item(kind: type[T], table: Mapping[str, Any], *, source: str, literal_secrets: bool, path: str) -> T:
    item = checked(table, source=source, literal_secrets=literal_secrets, kind=kind, path=path)
    first = dataclasses.fields(kind)[0]  # type: ignore[arg-type]
    if item.get(key_of(first)) is None:
        raise ConfigurationError(f"{source}: {path}{key_of(first)} is missing ({first.metadata['meaning']})")
    return kind(**item)


def parsed(
    entry: dataclasses.Field[Any], value: object, *, source: str, name: str, literal_secrets: bool
) -> object:
    """The value of a leaf. Raises ConfigurationError, which quotes no secret and no URL."""
    try:
        if entry.metadata.get("secret"):
            return secret(value, literal=literal_secrets)
        return entry.metadata["parse"](value)
    except ValueError as error:
        shown = (
            "" if entry.metadata.get("secret") or "url" in name or "destination" in name else f" = {value!r}"
        )
        raise ConfigurationError(f"{source}: {name}{shown} is not accepted; give {error}") from None


def key_of(entry: dataclasses.Field[Any]) -> str:
    """How a setting is called in its table."""
    return entry.metadata.get("key") or entry.name


def did_you_mean(word: str, known: Mapping[str, object]) -> str:
    """The nearest known key, as the end of a sentence; empty where none is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
