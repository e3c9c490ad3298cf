"""The test of the corpus can fail: with a part of masking switched off, the oracle reads what the corpus holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from leaks.artefacts import texts_of_row
from leaks.oracle import Oracle
from leaks.test_corpus import batches
from leaks.written import OBSERVED
from otel_audit.convert.converter import Converter
from otel_audit.mask.decode import DECODERS
from otel_audit.mask.judge import Judge
from otel_audit.mask.masker import Masker
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.recognizers import RECOGNIZERS
from otel_audit.record.batch import UnmaskedBatch

_POLICY = MaskPolicy(field_timeout_s=3600)


def without_recognizer(name: str) -> Masker:
    rest = tuple(entry for entry in RECOGNIZERS if entry.name != name)
    assert len(rest) == len(RECOGNIZERS) - 1
    return Masker(_POLICY, judge=Judge(rest, structure=STRUCTURE_TRIGGERS))


def without_decoder(name: str) -> Masker:
    rest = tuple(decoder for decoder in DECODERS if decoder.name != name)
    assert len(rest) == len(DECODERS) - 1
    return Masker(_POLICY, judge=Judge(decoders=rest, structure=STRUCTURE_TRIGGERS))


@cache
def converted() -> tuple[UnmaskedBatch, ...]:
    converter = Converter()
    return tuple(converter.convert(spans, logs, observed_unix_nano=OBSERVED) for spans, logs in batches())


def read(masker: Masker, planted: str) -> bool:
    """Whether a value can be read in what a masker lets out of the corpus."""
    oracle = Oracle()
    for batch in converted():
        for row in masker.mask(batch).records.drop_columns(["salts", "digests"]).to_pylist():
            if any(leak.planted == planted for leak in oracle.leaks(texts_of_row("", row))):
                return True
    return False


@pytest.mark.parametrize(
    ("switch_off", "part", "planted"),
    [
        (without_recognizer, "email", "e-mail"),
        (without_recognizer, "credit-card", "card"),
        (without_recognizer, "phone", "phone"),
        (without_recognizer, "us-ssn", "ssn"),
        (without_recognizer, "iban", "iban"),
        (without_recognizer, "named-secret", "token"),
        (without_decoder, "percent", "e-mail"),
    ],
)
def test_without(switch_off: Callable[[str], Masker], part: str, planted: str) -> None:
    assert read(switch_off(part), planted)
