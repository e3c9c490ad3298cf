"""Recognisers of the user's own: bounded, fail at start where they are wrong, and see what ours see."""

from __future__ import annotations

import base64
import json

import pytest

from mask.batches import unmasked
from otel_audit.errors import ConfigurationError
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy, MaskRule, OwnRecognizer

EMPLOYEE = OwnRecognizer(
    "employee", "EMPLOYEE_ID", r"\bE-[0-9]{6}\b", keywords=("E-",), matches=("E-123456",)
)


def _masked(own: OwnRecognizer, *rules: MaskRule, **row: object) -> dict:
    masker = Masker(MaskPolicy(recognizers=(own,), rules=rules))
    return masker.mask(unmasked(row)).records.to_pylist()[0]


@pytest.mark.parametrize("keywords", [("E-",), ()], ids=["keywords", "no keywords"])
def test_it_masks_in_texts_json_keys_and_disguises(keywords: tuple[str, ...]) -> None:
    own = OwnRecognizer(
        "employee", "EMPLOYEE_ID", r"\bE-[0-9]{6}\b", keywords=keywords, matches=("E-123456",)
    )
    inner = json.dumps({"E-123456": ["say\n E-123456", base64.b64encode(b"who is E-123456 please").decode()]})
    record = _masked(
        own,
        request=json.dumps({"a": inner}),
        errorMessage="no E%2D123456",
        target={"type": "x", "id": "E-123456"},
    )
    assert "123456" not in json.dumps(record["request"]) + record["errorMessage"] + record["target"]["id"]
    assert dict(record["masking"]["entities"])["EMPLOYEE_ID"] >= 3
    assert base64.b64encode(b"who is E-123456 please").decode() not in record["request"]


def test_a_rule_may_name_its_entity_and_a_look_alike_of_its_token_is_one() -> None:
    rule = MaskRule("errorMessage", "keep", entity="EMPLOYEE_ID")
    assert _masked(EMPLOYEE, rule, errorMessage="E-123456")["errorMessage"] == "E-123456"
    assert (
        _masked(EMPLOYEE, errorMessage="[EMPLOYEE_ID] and E-123456")["errorMessage"]
        == "[TOKEN] and [EMPLOYEE_ID]"
    )


def test_a_secret_is_withheld_whatever_a_rule_says() -> None:
    own = OwnRecognizer(
        "key", "API_KEY", "zz_[a-z]{8}", keywords=("zz_",), secret=True, matches=("zz_abcdefgh",)
    )
    assert _masked(own, MaskRule("*", "keep"), errorMessage="zz_abcdefgh")["errorMessage"] == "[WITHHELD]"


def test_context_and_check() -> None:
    own = OwnRecognizer(
        "badge", "BADGE", "[0-9]{9}", context=("badge no",), check="nl.bsn", matches=("badge_no: 111222333",)
    )
    assert _masked(own, attributes='{"badge_no":"111222333"}')["attributes"] == '{"badge_no":"[BADGE]"}'
    assert _masked(own, attributes='{"badge_no":"111222334"}')["attributes"] == '{"badge_no":"111222334"}'
    assert _masked(own, attributes='{"room":"111222333"}')["attributes"] == '{"room":"111222333"}'


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Not A Name"}, "a name is of"),
        ({"entity": "lower"}, "an entity is of"),
        ({"entity": "WITHHELD"}, "an entity is of"),
        ({"pattern": "(?=x)y"}, "RE2 does not take"),
        ({"pattern": "[0-9]{900}" * 16}, "instructions"),
        ({"keywords": ("é",)}, "keywords"),
        ({"context": ("(",)}, "context"),
        ({"check": "os.path"}, "no module"),
        ({"check": "sys"}, "check is luhn"),
        ({"matches": ()}, "example"),
        ({"name": "email"}, "one of ours"),
    ],
)
def test_what_is_wrong_is_said_at_start(changes: dict, says: str) -> None:
    given = {"name": "mine", "entity": "MINE", "pattern": "m[0-9]{4}", "matches": ("m1234",), **changes}
    with pytest.raises(ConfigurationError, match=says):
        Masker(MaskPolicy(recognizers=(OwnRecognizer(**given),)))


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        MaskPolicy(recognizers=(EMPLOYEE, EMPLOYEE))


def test_a_rule_with_an_entity_that_nobody_looks_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="accepted are"):
        MaskPolicy(rules=(MaskRule("*", "keep", entity="EMPLOYEE_ID"),))


def test_the_fingerprint_tells_of_them() -> None:
    assert MaskPolicy(recognizers=(EMPLOYEE,)).fingerprint != MaskPolicy().fingerprint
