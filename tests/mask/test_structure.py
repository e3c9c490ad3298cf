"""What only the structure of a JSON text shows: texts cut within it, and values over several short items."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

MASKER = Masker(MaskPolicy())


def masked(column: str, value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    batch = MASKER.mask(unmasked({column: text}, {"attributes": '{"a":"b"}'}))
    written: str = batch.records.column(column)[0].as_py()
    json.loads(written)
    return written


@pytest.mark.parametrize(
    "half",
    ["of 123-45-678", "my mail is jane.doe", "charged card 4111 1111", "charged card 4111 1111 1111 1"],
)
def test_the_open_leaf_of_a_cut_text_is_withheld(half):
    nested = json.dumps([{"parts": [{"content": half}]}])[: -len('"}]}]')]
    written = masked("attributes", {"gen_ai.input.messages": nested})
    assert half not in written
    assert half.split()[-1] not in written


@pytest.mark.parametrize(
    "items",
    [["4111", "1111", "1111", "1111"], ["4111 ", "1111 ", "1111 ", "1111"], ["123-", "45-6", "789"]],
)
def test_a_value_over_short_items_is_found(items):
    for value in (
        {"a": items},
        {"messages": [{"parts": [{"type": "text", "content": item} for item in items]}]},
    ):
        written = masked("request", value)
        for item in items:
            assert f'"{item}"' not in written
