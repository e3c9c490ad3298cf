"""Batches in, masked batches out."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from mask.batches import unmasked
from otel_audit.errors import ConfigurationError
from otel_audit.mask.budget import Budget
from otel_audit.mask.findings import Finding
from otel_audit.mask.judge import Judge
from otel_audit.mask.masker import MaskedBatch, Masker
from otel_audit.mask.neighbours import STRUCTURE_TRIGGERS
from otel_audit.mask.policy import MaskKey, MaskPolicy, MaskRule
from otel_audit.record.batch import UnmaskedBatch
from otel_audit.record.canonical import content_tags
from otel_audit.record.schema import SCHEMA

_KEY = MaskKey("k1", bytes(range(32)))


def masked(*rows: dict[str, Any], policy: MaskPolicy | None = None) -> list[dict[str, Any]]:
    return Masker(policy or MaskPolicy()).mask(unmasked(*rows)).records.to_pylist()


def test_shape_of_a_masked_batch() -> None:
    policy = MaskPolicy()
    batch = Masker(policy).mask(unmasked({}, {}))
    assert batch.records.schema.equals(SCHEMA)
    assert len(batch) == len(batch.record_hashes) == 2
    first, second = batch.records.to_pylist()
    assert first["masking"]["policy"] == policy.fingerprint
    assert first["salts"] != second["salts"]
    assert first["digests"] is not None
    assert repr(batch) == "MaskedBatch(2 records)"


def test_nobody_else_makes_a_masked_batch() -> None:
    records = unmasked({}).records
    with pytest.raises(TypeError, match="only Masker"):
        MaskedBatch(records, pa.array([b""]), seal=object())


def test_an_empty_batch() -> None:
    assert len(Masker(MaskPolicy()).mask(UnmaskedBatch(unmasked({}).records.slice(0, 0)))) == 0


def test_a_slice_of_a_batch() -> None:
    rows = [{"errorMessage": f"user{number}@example.com", "request": "[1]"} for number in range(20)]
    part = UnmaskedBatch(unmasked(*rows).records.slice(5, 3))
    assert Masker(MaskPolicy()).mask(part).records.column("errorMessage").to_pylist() == ["[EMAIL]"] * 3


def test_content_tags_stay_with_their_records() -> None:
    rows = [
        {"stream": stream, "recordId": f"{number}", "attributes": '{"a":"user@example.com"}'}
        for number, stream in enumerate(("platform", "model-io", "platform"))
    ]
    assert Masker(MaskPolicy()).mask(unmasked(*rows)).tags is None
    whole = Masker(MaskPolicy(), tags=True).mask(unmasked(*rows))
    for batch in (whole, *whole.by_stream().values(), whole.chosen([2, 1]), whole.noted_as_copies([0, 2])):
        assert batch.tags == content_tags(batch.records)
    assert len(whole.chosen([2, 1]).by_stream()) == 2


def test_what_is_clean_comes_out_as_it_was() -> None:
    row = {
        "request": '{"a":[1,2.50,"x\\ny"],"b":{"c":null}}',
        "requestHeaders": {"accept": ["*/*"]},
        "attributes": '{"n":1e5,"s":"\\u2028"}',
        "user": {"id": "jane.doe@example.com", "type": "user"},
        "source": {"type": "ipv4", "id": "203.0.113.7"},
        "server": {"address": "203.0.113.8", "port": 443},
    }
    (record,) = masked(row)
    assert all(record[name] == row[name] for name in ("request", "attributes"))
    assert (record["user"]["id"], record["source"]["id"]) == ("jane.doe@example.com", "203.0.113.7")
    assert record["server"]["address"] == "203.0.113.8"
    assert record["masking"]["fields"] is None


def test_evidence_names_masked_paths_and_counts() -> None:
    message = "I am jane.doe@example.com, card 4111 1111 1111 1111."
    row = {
        "request": json.dumps({"messages": [{"parts": [{"content": message}]}]}, separators=(",", ":")),
        "requestHeaders": {"authorization": ["Bearer x"], "x-forwarded-for": ["203.0.113.7, 10.0.0.1"]},
        "events": [{"name": "e", "attributes": '{"exception.message":"bob@example.com"}'}],
    }
    (record,) = masked(row)
    assert record["masking"]["fields"] == [
        "requestHeaders.authorization",
        "requestHeaders.x-forwarded-for",
        "request.messages[0].parts[0].content",
        "events[0].attributes.exception.message",
    ]
    assert dict(record["masking"]["entities"]) == {
        "CREDENTIAL": 1,
        "CREDIT_CARD": 1,
        "EMAIL": 2,
        "IP_ADDRESS": 2,
    }
    assert "I am [EMAIL], card [CREDIT_CARD]." in record["request"]
    assert record["requestHeaders"] == [
        ("authorization", ["[WITHHELD]"]),
        ("x-forwarded-for", ["[IP_ADDRESS]"]),
    ]


def test_keys_are_masked_sorted_and_unique() -> None:
    headers = {"x-bob@example.com": ["1"], "x-ann@example.com": ["2"], "accept": ["3"]}
    body = {"ann@example.com": 1, "bob@example.com": 2}
    (record,) = masked({"requestHeaders": headers, "request": json.dumps(body, separators=(",", ":"))})
    assert [key for key, _ in record["requestHeaders"]] == ["[EMAIL]", "[EMAIL]#2", "accept"]
    assert json.loads(record["request"]) == {"[EMAIL]": 1, "[EMAIL]#2": 2}
    assert "request.[EMAIL]" in record["masking"]["fields"]


def test_numbers_become_text_only_where_they_are_masked() -> None:
    (record,) = masked({"request": '{"card":4111111111111111,"n":1795284941119980390,"price":12.50}'})
    assert record["request"] == '{"card":"[CREDIT_CARD]","n":1795284941119980390,"price":12.50}'


def test_values_under_credential_names() -> None:
    (record,) = masked(
        {"attributes": '{"app":{"client_secret":"a","cvv":123,"max_tokens":5,"has_token":true}}'}
    )
    assert json.loads(record["attributes"])["app"] == {
        "client_secret": "[WITHHELD]",
        "cvv": "[WITHHELD]",
        "max_tokens": 5,
        "has_token": True,
    }


def test_json_in_json_stays_json() -> None:
    inner = json.dumps({"to": "jane.doe@example.com", "n": [1, 2]}, separators=(",", ":"))
    (record,) = masked({"request": json.dumps({"arguments": inner}, separators=(",", ":"))})
    assert json.loads(json.loads(record["request"])["arguments"]) == {"to": "[EMAIL]", "n": [1, 2]}
    assert record["masking"]["fields"] == ["request.arguments.to"]


def test_json_deeper_than_four_levels_is_withheld() -> None:
    text = '{"a":"b"}'
    for _ in range(6):
        text = json.dumps({"a": text})
    (record,) = masked({"request": json.dumps({"a": text}, separators=(",", ":"))})
    assert record["masking"]["dropped"][0]["reason"] == "nesting"
    assert "[WITHHELD]" in record["request"]


def test_urls_stay_urls() -> None:
    query = "email=jane.doe%40example.com&token=s3cr3t&page=2"
    (record,) = masked(
        {"requestQuery": query, "attributes": json.dumps({"url": f"https://a.example/x?{query}"})}
    )
    assert record["requestQuery"] == "email=%5BEMAIL%5D&token=%5BWITHHELD%5D&page=2"
    assert record["requestQuery"] in json.loads(record["attributes"])["url"]


def test_input_that_looks_like_our_tokens() -> None:
    (record,) = masked({"errorMessage": "[EMAIL:k1:abc] and [WITHHELD] and [INST]"})
    assert record["errorMessage"] == "[TOKEN] and [TOKEN] and [INST]"


def test_binary_bodies_are_withheld_unless_kept() -> None:
    row = {"requestBase64": "AAEC"}
    (record,) = masked(row)
    assert record["requestBase64"] is None
    assert record["masking"]["dropped"] == [{"path": "requestBase64", "reason": "binary"}]
    (record,) = masked(row, policy=MaskPolicy(rules=(MaskRule("requestBase64", "keep", entity="BASE64"),)))
    assert record["requestBase64"] == "AAEC"


def test_pseudonym_fields_need_a_key() -> None:
    row = {"session": "s-1", "subjects": ["p-1", "p-2"], "auth": {"method": "oidc", "sessionId": "s-1"}}
    (record,) = masked(row)
    assert (record["session"], record["subjects"], record["auth"]["sessionId"]) == (None, None, None)
    assert {entry["reason"] for entry in record["masking"]["dropped"]} == {"no-key"}
    (record,) = masked(row, policy=MaskPolicy(keys=(_KEY,)))
    assert record["session"].startswith("[SESSION:k1:")
    assert record["session"] == record["auth"]["sessionId"]
    assert len({*record["subjects"], record["session"]}) == 3


def test_a_cut_body_loses_its_tail_after_masking() -> None:
    text = "a" * 300 + " jane.doe@exam"
    (record,) = masked(
        {"request": json.dumps(text), "capture": {"state": "complete", "requestTruncatedAt": 314}}
    )
    assert json.loads(record["request"]) == "a" * 58
    (record,) = masked({"request": json.dumps("short"), "capture": {"state": "complete"}})
    assert json.loads(record["request"]) == "short"


def test_the_open_leaf_of_cut_json_is_withheld() -> None:
    cut = '{"a":"x","card":"4111 1111 11'
    (record,) = masked({"request": json.dumps({"body": cut, "n": "jane.doe@example.com \\u0041"})})
    assert json.loads(record["request"])["body"] == '{"a":"x","card":"[WITHHELD]'


class _Failing(Judge):
    def findings(self, text: bytes, budget: Budget, before: bytes = b"", known: Any = None) -> list[Finding]:
        raise ValueError(text)


def test_a_failing_recogniser_withholds_the_field_and_tells_nothing() -> None:
    judge = _Failing(structure=STRUCTURE_TRIGGERS)
    row = {"errorMessage": "jane.doe@example.com", "request": '{"a":"jane.doe@example.com"}', "route": "/x"}
    record = Masker(MaskPolicy(), judge=judge).mask(unmasked(row)).records.to_pylist()[0]
    assert (record["errorMessage"], record["request"], record["route"]) == (
        "[WITHHELD]",
        '"[WITHHELD]"',
        "/x",
    )
    assert {entry["reason"] for entry in record["masking"]["dropped"]} == {"error"}
    assert "jane" not in repr(record)


def test_time_out_withholds_the_field() -> None:
    (record,) = masked({"errorMessage": "jane.doe@example.com"}, policy=MaskPolicy(field_timeout_s=-1.0))
    assert record["errorMessage"] == "[WITHHELD]"
    assert record["masking"]["dropped"] == [{"path": "errorMessage", "reason": "time-out"}]


def test_rules_by_field_entity_and_record() -> None:
    rules = (
        MaskRule("requestHeaders.x-tenant-*", "keep"),
        MaskRule("request.*", "partial", entity="CREDIT_CARD", stream="model-io"),
        MaskRule("attributes.secret-plan", "drop"),
        MaskRule("user.id", "redact"),
    )
    row = {
        "stream": "model-io",
        "user": {"id": "jane"},
        "requestHeaders": {"x-tenant-mail": ["a@example.com"], "x-tenant-token": ["abc"]},
        "request": '{"m":"4111 1111 1111 1111"}',
        "attributes": '{"secret-plan":"lunch"}',
    }
    model_io, platform = masked(row, {**row, "stream": "platform"}, policy=MaskPolicy(rules=rules))
    assert dict(model_io["requestHeaders"]) == {
        "x-tenant-mail": ["a@example.com"],
        "x-tenant-token": ["[WITHHELD]"],
    }
    assert model_io["request"] == '{"m":"[CREDIT_CARD:*1111]"}'
    assert platform["request"] == '{"m":"[CREDIT_CARD]"}'
    assert "lunch" not in model_io["attributes"]
    assert model_io["user"]["id"] == "[USER_ID]"


def test_a_policy_may_hash_who() -> None:
    policy = MaskPolicy(keys=(_KEY,), identity="hash")
    (record,) = masked(
        {"user": {"id": "jane", "type": "user"}, "userClaims": [{"origin": "x", "id": "jane"}]}, policy=policy
    )
    assert record["user"]["id"] == record["userClaims"][0]["id"]
    assert record["user"]["id"].startswith("[USER_ID:k1:")
    assert record["user"]["type"] == "user"


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaskKey("k1", b"short"),
        lambda: MaskKey("K 1", bytes(32)),
        lambda: MaskPolicy(rules=(MaskRule("*", "hash"),)),
        lambda: MaskPolicy(identity="hash"),
        lambda: MaskRule("*", "partial", entity="EMAIL"),
        lambda: MaskPolicy(rules=(MaskRule("*", "keep", entity="NONSENSE"),)),
        lambda: MaskPolicy(keys=(_KEY, _KEY)),
    ],
)
def test_wrong_policies_are_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert "short" not in str(refused.value)


def test_the_fingerprint_tells_policies_apart_and_holds_no_key() -> None:
    other = MaskKey("k1", bytes(range(1, 33)))
    assert MaskPolicy(keys=(_KEY,)).fingerprint == MaskPolicy(keys=(other,)).fingerprint
    assert MaskPolicy().fingerprint != MaskPolicy(identity="redact").fingerprint
    assert bytes(range(32)).hex() not in json.dumps(MaskPolicy(keys=(_KEY,)).document())


def test_masking_is_linear_in_the_length_of_a_text() -> None:
    """A long text is judged within its budget: patterns that backtrack would not come to an end."""
    hostile = [
        "1 " * 300_000,
        "a" * 500_000 + "@",
        "%25" * 200_000,
        "\\" * 200_000,
        "call " * 100_000,
        "[" * 5_000,
        "\\101" * 10_000,
        "&#" + "0" * 100_000 + "64;",
        "² " * 5_000,
        "1111:" * 5_000,
        "41" * 100_000,
    ]
    records = masked(*({"errorMessage": text, "request": json.dumps(text)} for text in hostile))
    assert len(records) == len(hostile)
