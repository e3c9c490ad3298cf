"""Changes are judged by what they are changes of: ``{"path": "/user/ssn", "before": …}`` names its value in its path.

Before masking each value is put under the names of its path, so that a password is withheld and bare digits are
known for what they are; afterwards it is taken out again. ``masking.fields`` names the place with these names:
``changes[0].before.user.ssn``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from otel_audit.mask.arrow import Column, replaced
from otel_audit.mask.credentials import is_credential_name
from otel_audit.mask.json_values import dump, load

__all__ = ["COLUMN", "NamedChanges"]

COLUMN: Final = "changes"

_STATES: Final = ("before", "after")

_WORDS: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_IDENTIFIER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")

_MOST: Final = 8
"""Names of a path that are kept, the last ones: what a value is stands at the end."""


class NamedChanges:
    """The changes of one batch, with each value under the names of its path.

    Args:
        column: JSON texts, as they came.

    Attributes:
        column: what is to be masked.
    """

    def __init__(self, column: Column) -> None:
        self._levels: dict[int, list[int]] = {}
        self._escaped: dict[int, dict[int, str]] = {}
        self.column = column
        if column.null_count < len(column):
            self.column = _replaced(column, self._name)

    def unnamed(self, masked: Column) -> Column:
        """The masked column with each value where it was."""
        return _replaced(masked, self._take_out) if self._levels else masked

    def _name(self, row: int, changes: list[Any]) -> bool:
        levels = []
        for number, change in enumerate(changes):
            names = _names(change)
            path = change.get("path") if type(change) is dict else None
            if type(path) is str and "~" in path:
                # As RFC 6901 escapes them; a date may be written with slashes.
                self._escaped.setdefault(row, {})[number] = path
                change["path"] = _unescaped(path)
            for state in _STATES if names else ():
                if change.get(state) is not None:
                    for name in reversed(names):
                        change[state] = {name: change[state]}
            levels.append(len(names))
        if not any(levels) and row not in self._escaped:
            return False
        self._levels[row] = levels
        return True

    def _take_out(self, row: int, changes: list[Any]) -> bool:
        escaped = self._escaped.get(row, {})
        for number, (change, levels) in enumerate(zip(changes, self._levels.get(row, ()), strict=False)):
            path = escaped.get(number)
            if path is not None and type(change) is dict and change.get("path") == _unescaped(path):
                change["path"] = path
            for state in _STATES if type(change) is dict else ():
                value = change.get(state)
                for _ in range(levels):
                    # A name may be masked, too; a value that was withheld has taken the names below with it.
                    if type(value) is dict and len(value) == 1:
                        (value,) = value.values()
                if state in change:
                    change[state] = value
        return row in self._levels


def _replaced(column: Column, act: Callable[[int, list[Any]], bool]) -> Column:
    new: dict[int, str] = {}
    for row, text in enumerate(column.to_pylist()):
        if text is None:
            continue
        try:
            changes = load(text)
        except ValueError:
            continue  # what is no JSON is withheld as a whole
        if type(changes) is list and act(row, changes):
            new[row] = dump(changes)
    return replaced(column, new)


def _names(change: Any) -> list[str]:
    """The names in the JSON Pointer of a change. What is no plain name is left out: it may be what must be masked,
    and in pieces it could not be known for that.
    """
    path = change.get("path") if type(change) is dict else None
    if type(path) is not str:
        return []
    return [part for part in path.split("/") if _is_name(part)][-_MOST:]


def _unescaped(path: str) -> str:
    return path.replace("~1", "/").replace("~0", "~")


def _is_name(part: str) -> bool:
    return _WORDS.fullmatch(part) is not None or (
        _IDENTIFIER.fullmatch(part) is not None and is_credential_name(part)
    )
