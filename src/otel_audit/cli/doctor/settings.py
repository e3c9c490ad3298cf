"""The settings in force, without their secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from otel_audit.cli.doctor.finding import Finding
from otel_audit.config import Settings
from otel_audit.store.url import redact

_URLS = frozenset({"destination", "url", "mlflow_tracking_uri"})
"""Names of settings that hold URLs."""


def findings(settings: Settings) -> Iterator[Finding]:
    """Every setting, as a file would name it."""
    for name, value in _leaves(settings, ""):
        yield Finding("note", f"{name.removeprefix('log.')} = {value}")


def _leaves(table: Any, path: str) -> Iterator[tuple[str, str]]:
    for entry in dataclasses.fields(table):
        value = getattr(table, entry.name)
        name = path + (entry.metadata.get("key") or entry.name)
        if "section" in entry.metadata:
            yield from _leaves(value, f"{name}.")
        elif "tables" in entry.metadata:
            for index, item in enumerate(value):
                yield from _leaves(item, f"{name}[{index}].")
        else:
            yield name, _shown(entry.name, value)


def _shown(name: str, value: object) -> str:
    if value is None or value == ():
        return "(not set)"
    if name in _URLS:
        return redact(str(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    # A secret's text is *** whoever asks.
    return str(value)
