"""Secrets told in prose are withheld in every column, however the sentence is broken and written there."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.spoken_secrets import SPOKEN_SECRETS

MASKER = Masker(MaskPolicy())
TOLD = [
    *SPOKEN_SECRETS[0].matches,
    "Hi,\npassword is hunter2",
    "my password is\nhunter2",
    "my password is\r\n\t'sun shine'",
    "Hi\n\nThe api key is:\n\n  9fK2-xx81",
    'the password for "x" is hunter2',
    "the secret\u00a0is\u00a0hunter2",
    "x" * 300 + " password is hunter2 " + "y" * 300,
    "mot de passe oubli\u00e9? Le mot de passe est Soleil99",
]


def records(text: str) -> list[dict[str, object]]:
    message = {"messages": [{"role": "user", "parts": [{"type": "text", "content": text}]}]}
    nested = {"a": json.dumps({"b": text}, separators=(",", ":"))}
    rows = (
        {"errorMessage": text},
        {"spanName": text},
        {"requestHeaders": {"x-note": [text]}},
        {"request": json.dumps(message, ensure_ascii=False, separators=(",", ":"))},
        {"attributes": json.dumps(nested, separators=(",", ":"))},
        {"requestQuery": f"q={quote(text)}"},
    )
    masked: list[dict[str, object]] = MASKER.mask(unmasked(*rows)).records.to_pylist()
    return masked


@pytest.mark.parametrize("text", TOLD)
def test_what_is_told_is_withheld(text: str) -> None:
    for record in records(text):
        assert dict(record["masking"]["entities"] or ()).get("CREDENTIAL") == 1, record  # type: ignore[index]


@pytest.mark.parametrize("text", SPOKEN_SECRETS[0].rejects)
def test_what_is_only_said_of_a_secret_stays(text: str) -> None:
    for record in records(text):
        assert record["masking"]["entities"] is None, record  # type: ignore[index]
