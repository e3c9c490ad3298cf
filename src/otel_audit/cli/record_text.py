"""One record in full, for a person: every field that has a value, in the order of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from otel_audit.cli.text import visible

_INDENT: Final = "  "
_NAME_STYLE: Final = "cyan"
_MASKED_STYLE: Final = "yellow"
_MASK: Final = r"\[[A-Z][A-Z_]*(?::[a-z0-9]+)*\]"
"""What masking leaves in the place of what it took: [EMAIL], [EMAIL:k1:5dqk…]."""

_LAST: Final = ("salts", "digests", "erased", "writer", "sequence")
"""What proves the record stands below what it says."""


def print_record(line: str, console: Console) -> None:
    """Print a record given as its NDJSON line.

    Values show control and invisible characters as escapes; line feeds within a text begin a new line.
    """
    record: dict[str, Any] = json.loads(line)
    ordered = {
        name: record[name] for name in (*(n for n in record if n not in _LAST), *_LAST) if name in record
    }
    for text in _lines(ordered, 0):
        text.highlight_regex(_MASK, _MASKED_STYLE)
        console.print(text, soft_wrap=True)


def print_hash(text: str, console: Console) -> None:
    """Print the hash of the record that was printed before."""
    console.print(
        Text("recordHash", style=_NAME_STYLE).append(f"         {text}", style="default"), soft_wrap=True
    )


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[Text]:
    width = max((len(name) for name in value), default=0) if depth == 0 else 0
    for name, inner in value.items():
        head = Text(_INDENT * depth).append(visible(name), style=_NAME_STYLE)
        if isinstance(inner, Mapping) and inner:
            yield head
            yield from _lines(inner, depth + 1)
        elif isinstance(inner, list) and inner and not _is_flat(inner):
            yield head
            for item in inner:
                yield from _item(item, depth + 1)
        else:
            yield from _leaf(head.append(" " * (width - len(name) + 2) if depth == 0 else ": "), inner, depth)


def _item(item: Any, depth: int) -> Iterator[Text]:
    """An entry of a list: its first line gets a dash."""
    mark = _INDENT * depth + "- "
    if isinstance(item, Mapping) and item:
        for index, text in enumerate(_lines(item, depth + 1)):
            yield Text(mark).append_text(text[len(mark) :]) if index == 0 else text
    elif isinstance(item, list) and item and not _is_flat(item):
        yield Text(mark.rstrip())
        for inner in item:
            yield from _item(inner, depth + 1)
    else:
        yield from _leaf(Text(mark), item, depth)


def _leaf(head: Text, value: Any, depth: int) -> Iterator[Text]:
    if isinstance(value, str):
        first, *rest = value.split("\n")
        yield head.append(visible(first))
        for line in rest:
            yield Text(_INDENT * (depth + 2)).append(visible(line))
    else:
        yield head.append(visible(json.dumps(value, ensure_ascii=False)))


def _is_flat(items: Sequence[Any]) -> bool:
    """Whether a list reads well on one line."""
    return all(not isinstance(item, (Mapping, list)) for item in items) and len(json.dumps(items)) <= 100
