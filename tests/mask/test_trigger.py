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


@pytest.mark.parametrize("around", ["{}", "id {}", "a={}&b", '"{}"'])
def test_an_id_that_could_be_an_address_of_a_coin_is_passed_by(around: str) -> None:
    assert found(around.format("14ff1328db757644cfec3827536a2bbf")) is None


def test_an_address_of_a_coin_is_found() -> None:
    assert found("to 1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD now") is not None
    assert found("0x52908400098527886e0f7030069857d2e4169ee7") is not None


@pytest.mark.parametrize(
    "text",
    ["born on time", "a driver's license", "long 3 nights", "platform 2.345", "dobro jutro 1985-03-14"],
)
def test_words_without_what_they_introduce_are_passed_by(text: str) -> None:
    assert found(text) is None


@pytest.mark.parametrize(
    "text",
    ["born 14 March 1985", '"x\\nlat: 48.85837"', "license no. 425700624", "DOB 1985-03-14", "a_long:48.123"],
)
def test_words_with_it_are_found(text: str) -> None:
    assert found(text) is not None
