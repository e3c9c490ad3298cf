"""Routes that a user names: those that are models, and those whose verb the HTTP method does not say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Generic, TypeVar

__all__ = ["RouteTable"]

_Target = TypeVar("_Target")


class RouteTable(Generic[_Target]):
    """Finds what a route or path is configured as; the first pattern that matches wins.

    Patterns are compared in full, ``*`` stands for any text, and a leading slash may be missing on either
    side, since Django's routes have none. A pattern with a host before its first slash is compared with
    host and path.

    Args:
        entries: pattern and what it stands for.
    """

    def __init__(self, entries: Sequence[tuple[str, _Target]]) -> None:
        self._entries = [(_compile(pattern), target) for pattern, target in entries]

    def __bool__(self) -> bool:
        return bool(self._entries)

    def find(self, *, route: object, path: object, host: object) -> _Target | None:
        """Returns what the first matching pattern stands for.

        Args:
            route: route template, or anything else where there is none.
            path: path of the request, likewise.
            host: called server, likewise.
        """
        names = [name.lstrip("/") for name in (route, path) if isinstance(name, str) and name]
        if isinstance(host, str) and isinstance(path, str):
            names.append(f"{host.lower()}/{path.lstrip('/')}")
        for pattern, target in self._entries:
            if any(pattern.fullmatch(name) for name in names):
                return target
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in pattern.lstrip("/").split("*"))
    return re.compile(".*".join(parts), re.DOTALL)
