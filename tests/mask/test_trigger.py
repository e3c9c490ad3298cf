"""What the trigger lets through, and what it need not."""

from __future__ import annotations

import base64

import pytest

from otel_audit.mask.judge import Judge

_TRIGGER = Judge().trigger
_LOOKS_LIKE_BASE64 = "b340b301c313"


def found(text: str) -> bytes | None:
    data = text.encode()
    span = _TRIGGER.over(data).find(0)
    return None if span is None else data[slice(*span)]


@pytest.mark.parametrize("around", ["{}", '"{}"', "id {} of", "a1{}ff", "{}-0d1e-4f2a", "x\n{}\ny"])
def test_ids_are_passed_by(around: str) -> None:
    assert found(around.format(_LOOKS_LIKE_BASE64)) is None


@pytest.mark.parametrize("around", ["{}Z", "G{}", "{}==", "+{}", "{}/a"])
def test_a_part_of_base64_that_looks_like_an_id_is_not(around: str) -> None:
    assert found(around.format(_LOOKS_LIKE_BASE64)) is not None


def test_base64_behind_an_id_is_found() -> None:
    hidden = base64.b64encode(b"jane.doe@example.com").decode()
    assert found(f"{_LOOKS_LIKE_BASE64} {hidden}") in hidden.encode()


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        ("(4111111111111111)", b"4111111111111111"),
        ("Basic YWxhZGRpbjpvcGVu", b"Basic YWxhZGRpbjpvcGVu"),
        ("a@b", b"@"),
    ],
)
def test_surroundings_are_left_out(text: str, trigger: bytes) -> None:
    assert found(text) == trigger
