"""Values that were cut before they came here, at each character; and values among whatever else a text may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaks.artefacts import texts_of_row
from leaks.disguises import DISGUISES, RARE_DISGUISES
from leaks.oracle import Oracle
from leaks.places import PLACES
from leaks.samples import BY_NAME, SAMPLES, Sample
from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.record.schema import SCHEMA

_MASKER = Masker(MaskPolicy(field_timeout_s=3600))
_READ = [name for name in SCHEMA.names if name not in ("digests", "salts", "recordId")]
_DISGUISES = {**DISGUISES, **RARE_DISGUISES}


def _leaks(sample: Sample, rows: dict[str, dict[str, Any]]) -> list[str]:
    oracle = Oracle([sample.planted])
    records = _MASKER.mask(unmasked(*rows.values())).records.select(_READ).to_pylist()
    return [
        str(leak)
        for place, record in zip(rows, records, strict=True)
        for leak in oracle.leaks(texts_of_row(place, record))
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.recognizer)
def test_cut_at_every_character(sample: Sample) -> None:
    start = sample.text.index(sample.value)
    rows: dict[str, dict[str, Any]] = {}
    message = json.dumps([{"role": "user", "parts": [{"type": "text", "content": sample.text}]}])
    shown = message.index(json.dumps(sample.value)[1:-1])
    for length in range(1, len(sample.value) + 1):
        text = sample.text[: start + length]
        cut = message[: shown + length]
        rows |= {
            f"body, {length}": {
                "request": json.dumps(text), "capture": {"state": "complete", "requestTruncatedAt": len(text)},
            },
            f"answer, {length}": {
                "response": json.dumps({"a": {"b": [text]}}), "capture": {"responseTruncatedAt": len(text)},
            },
            f"messages, {length}": {"request": json.dumps({"raw": cut})},
            f"attribute, {length}": {"attributes": json.dumps({"gen_ai.input.messages": cut})},
        }  # fmt: skip
    assert _leaks(sample, rows) == []


_ELSE = st.text(alphabet="aZ0 .,:;=\n\"'{}[]()é日\u00a0%&\\-/@#", max_size=16)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        [BY_NAME[name] for name in ("email", "credit-card", "iban", "github-token", "openai-key")]
    ),
    st.sampled_from(sorted(_DISGUISES)),
    st.lists(st.sampled_from(sorted(PLACES)), min_size=1, max_size=3, unique=True),
    _ELSE,
    _ELSE,
)
def test_among_whatever_else(
    sample: Sample, disguise: str, places: list[str], before: str, after: str
) -> None:
    text = f"{before} {_DISGUISES[disguise](sample.text)} {after}"
    assert _leaks(sample, {place: PLACES[place](text) for place in places}) == []
