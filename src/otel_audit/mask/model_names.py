"""Spellings of models' names and endpoints that mean the same."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["named", "normal_path", "spellings"]

# Dates and revisions that providers append: -2024-07-18, -20241022, @20240620, -2026-08, -v2:0, :latest
_SUFFIX: Final = re.compile(
    r"(?:[-@:](?:\d{4}-\d{2}(?:-\d{2})?|\d{8}|\d{4}|\d{2}-\d{2}|latest|v\d+(?:[.:]\d+)*|v?\d+:\d+(?::\w+)?))+$"
)
_PREFIX: Final = re.compile(r"^(?:.*/|(?:[a-z]{2,6}\.)?[a-z][a-z0-9-]*\.(?=[a-z]))")

# models:/churn/3, models:/churn@champion, models:/churn/Production, models://profile@databricks/churn/3:
# https://mlflow.org/docs/latest/ml/model-registry/ ("Fetching an MLflow Model from the Model Registry")
_MLFLOW: Final = re.compile(
    r"(?i)models:/{1,3}(?:[^/]+@[^/]+/)?(?P<name>[^/@]+)(?:/(?P<version>\d+)|/[^/]*|@[^/]*)?"
)


def named(name: str, version: str | None) -> tuple[str, str | None]:
    """Name and version of a model; those that MLflow's ``models:/`` URI names, where the name is one.

    A stage or an alias may stand for any version.
    """
    found = _MLFLOW.fullmatch(name.strip())
    return (found["name"], found["version"] or version) if found else (name, version)


def _plain(name: str) -> str:
    """A model's name without case, provider prefix and date suffix."""
    name = name.strip().casefold()
    name = _SUFFIX.sub("", name)
    return _PREFIX.sub("", name) or name


@lru_cache(maxsize=4096)
def spellings(name: str) -> tuple[str, ...]:
    """A name without case, and without provider prefix, date suffix and both."""
    folded = name.strip().casefold()
    return tuple(dict.fromkeys((folded, _SUFFIX.sub("", folded), _PREFIX.sub("", folded), _plain(name))))


def normal_path(path: str) -> str:
    """Without case, scheme, query, trailing slash; with a leading one unless it starts with a host."""
    path = path.strip().casefold().partition("?")[0]
    scheme, separator, rest = path.partition("://")
    if separator and "/" not in scheme:
        return rest.rstrip("/")
    path = path.rstrip("/") or "/"
    first = path.partition("/")[0]
    return path if path.startswith(("/", "*")) or "." in first else f"/{path}"
