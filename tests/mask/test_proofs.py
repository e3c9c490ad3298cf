"""Proofs stay; what only stands in their place is masked."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy

SIGNATURE = hashlib.sha512(b"a record").digest()


def written(value: object) -> object:
    attributes = json.dumps({"audit.integrity.value": value})
    records = Masker(MaskPolicy()).mask(unmasked({"attributes": attributes})).records
    return json.loads(records["attributes"][0].as_py())["audit.integrity.value"]


@pytest.mark.parametrize("size", [32, 64])
def test_a_proof_stays(size: int) -> None:
    proof = base64.b64encode(SIGNATURE[:size]).decode()
    assert written(proof) == proof
    assert written([proof]) == [proof]


@pytest.mark.parametrize(
    "content",
    [
        b"jane.doe@example.com".ljust(64, b"\x80"),
        SIGNATURE[:40] + b"card 4111111111111111 ok",
    ],
)
def test_what_hides_a_text_is_masked(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    assert written(text) != text


def test_plain_personal_data_is_masked_there_too() -> None:
    assert written("jane.doe@example.com") == "[EMAIL]"
