"""What stands beside a value in its column, its list or its text makes no difference to whether it is found."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from leaks.artefacts import texts_of_row
from leaks.oracle import Oracle
from leaks.places import PLACES
from leaks.sentences import SENTENCES
from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.schema import SCHEMA

_MASKER = Masker(MaskPolicy(field_timeout_s=3600))
_READ = [name for name in SCHEMA.names if name not in ("digests", "salts", "recordId")]


def readable(rows: list[dict[str, Any]]) -> list[str]:
    records = _MASKER.mask(unmasked(*rows)).records.select(_READ).to_pylist()
    oracle = Oracle()
    return [
        str(leak)
        for at, record in enumerate(records)
        for leak in oracle.leaks(texts_of_row(f"row {at}", record))
    ]


_NEIGHBOURS: dict[str, list[str | None]] = {
    "nothing": [None],
    "nothing twice": [None, None],
    "nothing, once something": ["x", None],
    "a digit": ["4"],
    "an empty text": [""],
    "an empty text and nothing": ["", None],
    "letters and nothing": ["abcdef", None, None],
    "a number that is harmless": ["2026-11-21", None, "12.50"],
    "an escape": ["x \\u0041 y"],
    "an escape and nothing": ["\\u0041", None],
}


@pytest.mark.parametrize("neighbours", _NEIGHBOURS)
@pytest.mark.parametrize(
    "place", ["errorMessage", "target", "request header", "tools", "event", "body text", "extra"]
)
def test_rows_before_and_behind(place: str, neighbours: str) -> None:
    """Columns are searched as one text: rows that are null or empty must not shift what is found where."""
    between = [{} if text is None else PLACES[place](text) for text in _NEIGHBOURS[neighbours]]
    values = [value for planted, sentence in SENTENCES.items() for value in (sentence, planted.text)
              if planted.kind != "secret" or value == sentence]  # fmt: skip
    rows = [row for value in values for row in (PLACES[place](value), *between)]
    assert readable(rows) == []
    assert readable([*between, *rows]) == []
    assert readable(list(reversed(rows))) == []


@pytest.mark.parametrize("glue", [" ", ", ", "\n", "; ", " | ", " and then "])
def test_two_values_in_one_text(glue: str) -> None:
    rows = []
    for first, second in itertools.product(SENTENCES.values(), repeat=2):
        text = f"{first}{glue}{second}"
        rows += [{"errorMessage": text}, {"attributes": json.dumps({"note": [text, {"n": text}]})}]
    assert readable(rows) == []


@pytest.mark.parametrize(
    "text",
    [
        "session: http://h/cb?token=s3cr3t",
        "see session:http://h/cb?password=hunter2",
        "a session: x=1?password=hunter2",
        "to DE89370400440532013000 today/to DE89370400440532013000 today",
        "DE89370400440532013000 DE89370400440532013000 DE89370400440532013000",
    ],
)
def test_a_match_hides_nothing_behind_it(text: str) -> None:
    key, _, value = text.partition(": ")
    assert readable([{"errorMessage": text}, {"attributes": json.dumps({key: value, "note": text})}]) == []
