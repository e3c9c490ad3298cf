"""What an update changed: two states become a list of ``{path, before, after}``.

Paths are JSON Pointers (RFC 6901): ``/limits/per_minute``, with ``~1`` for a slash and ``~0`` for a tilde within a
name; the empty one stands for the whole. What was added has no ``before``, what was removed no ``after``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from otel_audit.errors import InputError

__all__ = ["changes_between", "checked_changes"]

_DEEPEST: Final = 16
"""Levels below which two values are told as a whole."""

_MOST: Final = 1_000
"""Changes; an update of more is told as a whole, which is no longer than that."""

_MEMBERS: Final = frozenset({"path", "before", "after"})


def changes_between(before: object, after: object) -> list[dict[str, object]]:
    """What differs between two states of a thing.

    Objects are compared member by member, and lists of one length item by item; a list that has grown or shrunk is
    told as a whole. Of nothing that is equal is anything told.

    Args:
        before: as it was: mappings, sequences and scalars.
        after: as it is.

    Returns:
        ``[{"path": "/threshold", "before": 0.5, "after": 0.7}]``, in the order of ``before``, then of what is new.
    """
    found: list[dict[str, object]] = []
    for change in _differences(before, after, "", 0):
        found.append(change)
        if len(found) > _MOST:
            return [{"path": "", "before": before, "after": after}]
    return found


def checked_changes(given: object) -> list[dict[str, object]]:
    """What ``emit(changes=…)`` was given, as the list that is recorded.

    Args:
        given: such a list, or a mapping of ``before`` and ``after``.

    Raises:
        InputError: it is neither.
    """
    if isinstance(given, Mapping):
        if set(given) != {"before", "after"}:
            raise InputError("changes as a mapping has two keys, before and after: two states to be compared")
        return changes_between(given["before"], given["after"])
    if not _is_list(given):
        raise InputError(
            'changes is a list of {"path": …, "before": …, "after": …}, or {"before": …, "after": …}'
        )
    return [_checked(change) for change in given]  # type: ignore[attr-defined]  # a sequence


def _checked(change: object) -> dict[str, object]:
    if not isinstance(change, Mapping) or not {"path"} < set(change) <= _MEMBERS:
        raise InputError("each of changes has a path, and before or after or both, and nothing else")
    path = change["path"]
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise InputError(
            'the path of a change is a JSON Pointer such as /limits/per_minute, or "" for the whole'
        )
    return dict(change)


def _differences(before: Any, after: Any, path: str, depth: int) -> Iterator[dict[str, object]]:
    if depth < _DEEPEST and isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            below = f"{path}/{_escaped(key)}"
            if key in after:
                yield from _differences(value, after[key], below, depth + 1)
            else:
                yield {"path": below, "before": value}
        for key in after:
            if key not in before:
                yield {"path": f"{path}/{_escaped(key)}", "after": after[key]}
    elif depth < _DEEPEST and _is_list(before) and _is_list(after) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}/{index}", depth + 1)
    elif not _is_same(before, after):
        yield {"path": path, "before": before, "after": after}


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _is_same(before: Any, after: Any) -> bool:
    # True is 1 in Python, and another value in JSON.
    if isinstance(before, bool) is not isinstance(after, bool):
        return False
    if isinstance(before, float) and isinstance(after, float) and math.isnan(before) and math.isnan(after):
        return True
    try:
        return bool(before == after)
    except Exception:  # noqa: BLE001  (values of an application compare as they like; then both are told)
        return False


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
