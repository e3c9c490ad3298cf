"""Where masking itself fails, what it failed on is not written and not quoted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leaks.artefacts import texts_of_row
from leaks.oracle import Oracle
from leaks.places import PLACES
from leaks.planted import CARD, IBAN, JWT, OPENAI_KEY, PHONE, Planted
from leaks.sentences import SENTENCES
from leaks.written import everything_logged
from mask.batches import unmasked
from otel_audit.mask.judge import Finding, Judge
from otel_audit.mask.masker import Masker
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.policy import MaskPolicy

_POLICY = MaskPolicy(field_timeout_s=3600)


class _Failing(Judge):
    """Fails on every text, and quotes it, as an exception of a library may."""

    def __init__(self, kind: type[Exception]) -> None:
        super().__init__(structure=STRUCTURE_TRIGGERS)
        self.kind = kind

    def findings(self, text: bytes, *arguments: Any, **named: Any) -> list[Finding]:
        raise self.kind(text.decode())


def leaks_of(masker: Masker) -> list[str]:
    rows = [make(text) for text in SENTENCES.values() for make in PLACES.values()]
    with everything_logged() as said:
        records = (
            masker.mask(unmasked(*rows)).records.drop_columns(["salts", "digests", "recordId"]).to_pylist()
        )
    oracle = Oracle()
    texts = [text for number, row in enumerate(records) for text in texts_of_row(f"row {number}", row)]
    return [str(leak) for leak in oracle.leaks([*texts, *(("log", line) for line in said)])]


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, RecursionError, MemoryError])
def test_a_judge_that_fails(kind: type[Exception]) -> None:
    assert leaks_of(Masker(_POLICY, judge=_Failing(kind))) == []


def test_a_judge_out_of_time() -> None:
    assert leaks_of(Masker(MaskPolicy(field_timeout_s=-1))) == []


@pytest.mark.parametrize("depth", [5, 6, 9])
def test_json_deeper_than_is_looked_into(depth: int) -> None:
    rows = []
    for text in SENTENCES.values():
        nested = text
        for _ in range(depth):
            nested = json.dumps([nested])
        rows.append({"request": json.dumps({"a": nested})})
    records = Masker(_POLICY).mask(unmasked(*rows)).records.select(["request", "masking"]).to_pylist()
    assert [str(leak) for row in records for leak in Oracle().leaks(texts_of_row("", row))] == []


@pytest.mark.parametrize("planted", [CARD, PHONE, IBAN, JWT, OPENAI_KEY], ids=lambda planted: planted.name)
def test_json_that_was_cut_in_a_value(planted: Planted) -> None:
    """Half a value is written like none, so the open leaf goes."""
    text = SENTENCES[planted]
    whole = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])
    cut = whole[: whole.index(planted.text) + len(planted.text) - 1]
    rows = [{"request": json.dumps({"raw": cut})}, {"attributes": json.dumps({"gen_ai.input.messages": cut})}]
    records = (
        Masker(_POLICY).mask(unmasked(*rows)).records.select(["request", "attributes", "masking"]).to_pylist()
    )
    assert [str(leak) for row in records for leak in Oracle().leaks(texts_of_row("", row))] == []
