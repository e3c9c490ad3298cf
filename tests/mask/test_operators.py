"""Tokens and pseudonyms."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from otel_audit.mask.operators import canonical_value, partial, pseudonym
from otel_audit.mask.policy import MaskKey

_KEY = MaskKey("k1", bytes(range(32)))


def test_golden_pseudonym() -> None:
    message = b'["otel-audit/1","default","EMAIL","jane.doe@example.com"]'
    digest = hmac.new(bytes(range(32)), message, hashlib.sha256).digest()[:16]
    expected = base64.b32encode(digest).decode().rstrip("=").lower()
    assert len(expected) == 26
    assert pseudonym("EMAIL", b"Jane.Doe@Example.com", key=_KEY, tenant="default") == f"[EMAIL:k1:{expected}]"


def test_tenants_and_types_are_apart() -> None:
    made = {
        pseudonym(kind, b"x", key=_KEY, tenant=tenant)
        for kind in ("USER_ID", "NAME")
        for tenant in ("a", "b")
    }
    assert len({token.rpartition(":")[2] for token in made}) == 4


@pytest.mark.parametrize(
    ("entity", "spellings", "canonical"),
    [
        ("EMAIL", ["Jane@BÜCHER.example", "jane@xn--bcher-kva.example"], "jane@xn--bcher-kva.example"),
        ("PHONE", ["+1 415 555 0100", "(415) 555-0100", "001-415-555-0100"], "+14155550100"),
        ("CREDIT_CARD", ["4111 1111 1111 1111", "4111-1111-1111-1111"], "4111111111111111"),
        ("IBAN", ["de89 3704 0044 0532 0130 00"], "DE89370400440532013000"),
        ("IP_ADDRESS", ["2001:0db8:0::1"], "2001:db8::1"),
        ("USER_ID", ["Jane"], "Jane"),
    ],
)
def test_canonical_values(entity: str, spellings: list[str], canonical: str) -> None:
    assert {canonical_value(entity, spelling.encode()) for spelling in spellings} == {canonical}


@pytest.mark.parametrize(
    ("entity", "value", "shown"),
    [
        ("CREDIT_CARD", b"4111 1111 1111 1111", "[CREDIT_CARD:*1111]"),
        ("PHONE", b"785 8949", "[PHONE:*49]"),
        ("EMAIL", b"jane@example.com", "[EMAIL]"),
    ],
)
def test_partial_shows_at_most_a_third(entity: str, value: bytes, shown: str) -> None:
    assert partial(entity, value) == shown


def test_keys_do_not_show_themselves() -> None:
    assert repr(_KEY) == "MaskKey(id='k1')"
