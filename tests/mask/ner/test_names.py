"""Names in records become tokens, after everything else was masked; what nobody looked at is withheld."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from mask.batches import unmasked
from mask.ner.engines import KNOWN
from otel_audit.errors import ConfigurationError
from otel_audit.mask.masker import Masker
from otel_audit.mask.ner.options import DEFAULT_FIELDS, FIELDS, NerOptions
from otel_audit.mask.ner.port import Failure, Name
from otel_audit.mask.policy import MaskKey, MaskPolicy, MaskRule
from otel_audit.record.schema import BY_NAME, Treatment

NER = NerOptions(model="none")


class Finder:
    """A real finder without an engine: knows names, fails on the word ``failure``, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def find(self, texts: Sequence[str]) -> list[list[Name] | Failure]:
        self.seen += texts
        return [
            "time-out"
            if "failure" in text
            else [
                Name(*match.span(), "LOCATION" if "Rue" in match[0] else "PERSON")
                for match in KNOWN.finditer(text)
            ]
            for text in texts
        ]

    def forget(self) -> None: ...

    def close(self) -> None: ...


def masked(*records: dict[str, Any], finder: Finder | None = None, **policy: Any) -> list[dict[str, Any]]:
    masker = Masker(MaskPolicy(ner=NER, **policy), finder=finder or Finder())
    return masker.mask(unmasked(*records)).records.to_pylist()


def test_in_every_field_that_is_looked_at() -> None:
    text = "ask Jane Doe, Rue de Rivoli 12"
    (record,) = masked(
        {
            "request": json.dumps(
                {"messages": [{"role": "user", "parts": [{"content": text}]}], "Jane Doe": 1}
            ),
            "response": json.dumps(text),
            "errorMessage": text,
            "spanName": text,
            "attributes": json.dumps({"a": {"b": [text]}}),
            "events": [{"name": text, "timestamp": None, "attributes": json.dumps({"x": text})}],
        }
    )
    assert "Jane" not in str(record)
    assert "Rivoli" not in str(record)
    assert record["errorMessage"] == "ask [PERSON], [LOCATION]"
    request = json.loads(record["request"])
    assert request["messages"][0]["parts"][0]["content"] == "ask [PERSON], [LOCATION]"
    assert request["[PERSON]"] == 1
    entities = dict(record["masking"]["entities"])
    assert entities == {"LOCATION": 7, "PERSON": 8}
    assert "attributes.a.b[0]" in record["masking"]["fields"]
    assert "request.messages[0].parts[0].content" in record["masking"]["fields"]


def test_an_engine_sees_nothing_that_patterns_find() -> None:
    finder = Finder()
    (record,) = masked({"errorMessage": "Jane Doe, jane@example.com, password: Jane Doe1"}, finder=finder)
    assert record["errorMessage"].startswith("[PERSON], [EMAIL], password: [WITHHELD]")
    assert not any("example.com" in text for text in finder.seen)


def test_each_text_is_looked_at_once() -> None:
    finder = Finder()
    masked(*[{"errorMessage": "Jane Doe"}] * 50, finder=finder)
    assert finder.seen.count("Jane Doe") == 1


def test_what_nobody_looked_at_is_withheld_and_said() -> None:
    fine, failed = masked(
        {"errorMessage": "Jane Doe"},
        {
            "errorMessage": "failure of Jane Doe",
            "request": json.dumps({"a": "Some failure", "b": "Jane Doe", "n": 3}),
        },
    )
    assert fine["errorMessage"] == "[PERSON]"
    assert failed["errorMessage"] == "[WITHHELD]"
    assert json.loads(failed["request"]) == {"a": "[WITHHELD]", "b": "[PERSON]", "n": 3}
    assert {one["path"]: one["reason"] for one in failed["masking"]["dropped"]} == {
        "request.a": "time-out",
        "errorMessage": "time-out",
    }


def test_rules_decide_about_names_too() -> None:
    rules = (
        MaskRule("errorMessage", "keep", "LOCATION"),
        MaskRule("errorMessage", "hash", "PERSON"),
    )
    (record,) = masked(
        {"errorMessage": "Jane Doe, Rue de Rivoli 12"}, rules=rules, keys=(MaskKey("k1", b"k" * 32),)
    )
    assert record["errorMessage"].startswith("[PERSON:k1:")
    assert record["errorMessage"].endswith("], Rue de Rivoli 12")


def test_long_texts_are_seen_in_windows() -> None:
    at = 7_995
    text = "x " * (at // 2) + " Jane Doe " + "y " * 10_000 + "Jürgen Müller"
    (record,) = masked({"errorMessage": text})
    assert record["errorMessage"] == text.replace("Jane Doe", "[PERSON]").replace("Jürgen Müller", "[PERSON]")


def test_tokens_stay_whole() -> None:
    class Greedy(Finder):
        def find(self, texts: Sequence[str]) -> list[list[Name] | Failure]:
            return [[Name(0, len(text), "PERSON")] for text in texts]

    (record,) = masked({"errorMessage": "Jane jane@example.com Doe"}, finder=Greedy())
    assert record["errorMessage"] == "[PERSON][EMAIL][PERSON]"


def test_fields_that_are_not_looked_at_stay() -> None:
    (record,) = masked({"userAgent": "Jane Doe", "errorMessage": None})
    assert record["userAgent"] == "Jane Doe"


def test_the_policy_says_that_names_are_looked_for() -> None:
    with_names, without = MaskPolicy(ner=NER), MaskPolicy()
    assert with_names.fingerprint != without.fingerprint
    assert json.loads(with_names.content)["ner"]["model"] == "none"
    assert "ner" not in json.loads(without.content)


def test_fields_are_texts_of_the_schema() -> None:
    assert set(DEFAULT_FIELDS) < set(FIELDS)
    assert {BY_NAME[field].treatment for field in FIELDS} <= {Treatment.TEXT, Treatment.JSON}


@pytest.mark.parametrize("options", [{"score": 2.0}, {"timeout_s": 0.0}, {"fields": ("recordId",)}])
def test_options_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        NerOptions(model="none", **options)
