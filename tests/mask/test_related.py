"""What stands in relation to a tagged call is tagged, in whichever batch it comes."""

from __future__ import annotations

from typing import Any

import pytest

from mask.batches import unmasked
from otel_audit.mask.masker import Masker
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.related import Relations
from otel_audit.mask.tags import UNREAD, ModelTag, RegisteredTags
from otel_audit.mask.traces import Row

_POLICY = MaskPolicy(
    models=(ModelTag("churn", endpoint="/v1/models/churn:predict", pii=True), ModelTag("open"))
)
_BODY = '{"age":41}'
_S = 1_000_000_000
_T0 = 1_795_284_941_000_000_000


def span(span: str, parent: str = "", *, at: int = 0, lasts: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "traceId": "t",
        "spanId": span,
        "parentSpanId": parent or None,
        "spanKind": "internal",
        "timeUnixNano": _T0 + at * _S,
        "durationNs": lasts * _S,
        "request": _BODY,
        **more,
    }


def server(name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    return span(name, parent, eventName="http.server", spanKind="server", **more)


def client(name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    return span(name, parent, eventName="http.client", spanKind="client", method="POST", **more)


def call(name: str, parent: str = "", model: str | None = "churn", **more: Any) -> dict[str, Any]:
    info = {"modelName": model, **more.pop("info", {})}
    return span(name, parent, eventName="gen_ai.chat", stream="model-io", modelInfo=info, **more)


def event(span_id: str | None, model: str | None = None, **more: Any) -> dict[str, Any]:
    info = {"modelName": model, **more.pop("info", {})}
    return {
        "eventName": "gen_ai.message",
        "stream": "model-io",
        "traceId": "t" if span_id else None,
        "spanId": span_id,
        "modelInfo": info,
        "request": _BODY,
        **more,
    }


def tagged(*batches: list[dict[str, Any]], policy: MaskPolicy = _POLICY) -> list[list[bool]]:
    """Of each record of each batch whether its body was withheld."""
    masker = Masker(policy)
    return [
        [record["request"] is None for record in masker.mask(unmasked(*batch)).records.to_pylist()]
        for batch in batches
    ]


def test_the_spans_above_a_call_may_come_in_any_later_batch() -> None:
    assert tagged([call("3", "2")], [span("2", "1", at=-1, lasts=3)], [server("1", at=-2, lasts=9)]) == [
        [True],
        [True],
        [True],
    ]


def test_spans_between_that_are_no_records_break_no_relation() -> None:
    # The server span is not the parent of the call: one that is no record stands between them.
    assert tagged([call("3", "2", at=1)], [server("1", lasts=5)]) == [[True], [True]]
    assert tagged([call("3", "2", at=1), server("1", lasts=5)]) == [[True, True]]
    # Likewise below.
    assert tagged([call("3", "2", at=1, lasts=5)], [span("5", "4", at=2)]) == [[True], [True]]


def test_siblings_and_what_came_after_are_not_related() -> None:
    assert tagged([call("3", "1", at=1)], [span("4", "1", at=1)], [server("1", lasts=9)]) == [
        [True],
        [False],
        [True],
    ]
    assert tagged([call("3", "2", at=1)], [span("5", "4", at=7)]) == [[True], [False]]
    assert tagged([call("3", "2", at=1)], [span("5", "4", at=1, traceId="u")]) == [[True], [False]]


def test_the_endpoint_of_a_model_relates_its_callers() -> None:
    place = {"route": "/v1/models/churn:predict", "requestPath": "/v1/models/churn:predict"}
    gateway = client("2", "1", at=-1, lasts=4, requestPath="/gateway/7")
    assert tagged([server("3", "2", **place)], [gateway, server("1", at=-2, lasts=9)]) == [
        [True],
        [True, True],
    ]


def test_an_emitted_event_neither_hides_its_span_nor_is_withheld() -> None:
    emitted = {"eventName": "user.login", "traceId": "t", "spanId": "1", "changes": "[1]"}
    masker = Masker(_POLICY)
    rows = [server("1", lasts=9), call("2", "1"), emitted]
    records = masker.mask(unmasked(*rows)).records.to_pylist()
    assert [record["request"] for record in records[:2]] == [None, None]
    assert records[2]["changes"] == "[1]"


@pytest.mark.parametrize("model", [None, "alias"])
def test_an_event_of_a_tagged_span_that_came_before(model: str | None) -> None:
    assert tagged([call("3", "2")], [event("3", model)]) == [[True], [True]]


def test_an_event_whose_span_is_not_known_is_undecidable() -> None:
    assert tagged([event("3")], [event(None)]) == [[True], [True]]
    assert tagged([event("3")], policy=MaskPolicy(models=(ModelTag("open"),))) == [[False]]


def test_an_event_of_a_call_that_is_known_to_be_untagged_stays() -> None:
    assert tagged([call("3", "2", "open")], [event("3")]) == [[False], [False]]


def test_an_event_that_names_the_model_tags_the_span_that_does_not() -> None:
    assert tagged([event("3", "churn")], [call("3", "2", "alias", at=1)]) == [[True], [True]]


def test_a_conversation_and_a_response_are_related_over_traces() -> None:
    for bond in ({"conversationId": "c1"}, {"responseId": "r1"}):
        later = call("8", "7", "open", traceId="u", info=bond)
        other = call("8", "7", "open", traceId="u", info={"conversationId": "c2", "responseId": "r2"})
        assert tagged([call("3", "2", info=bond)], [later], [other]) == [[True], [True], [False]]


def test_a_span_that_links_to_a_tagged_one_is_related() -> None:
    links = [{"traceId": "t", "spanId": "3", "attributes": "{}"}]
    reader = server("9", traceId="u", links=links)
    other = server("9", traceId="u", links=[{**links[0], "spanId": "4"}])
    assert tagged([call("3", "2")], [reader], [other]) == [[True], [True], [False]]


def test_a_body_that_is_sent_from_a_span_that_is_not_known_is_undecidable() -> None:
    sent = client("4", "3", requestPath="/score")
    assert tagged([sent], [call("3", "2", lasts=3)]) == [[True], [True]]
    assert tagged([sent], policy=MaskPolicy(models=(ModelTag("open"),))) == [[False]]
    # Its parent is there and no call, it is nobody's child, or it says which model it is for.
    assert tagged([sent, span("3")]) == [[False, False]]
    assert tagged([client("4", requestPath="/score")]) == [[False]]
    assert tagged([client("4", "3", requestPath="/score", request='{"model":"open"}')]) == [[False]]


def test_what_follows_of_a_body_is_tagged_like_its_span() -> None:
    rest = {"eventName": "audit.content", "response": _BODY}
    assert (
        tagged(
            [call("3", "2"), call("6", "5", None)],
            [{**call("3", "2"), **rest}, {**call("6", "5", None, info={"operation": "chat"}), **rest}],
            [{**server("2", at=-1, lasts=9), **rest}, {**client("9", "8", requestPath="/score"), **rest}],
        )
        == [[True, True]] * 3
    )
    masker = Masker(_POLICY)
    row = {**call("3", "2", info={"operation": "chat"}), **rest}
    assert masker.mask(unmasked(row)).records.to_pylist()[0]["response"] is None


def test_the_endpoint_itself_has_no_parameters_to_hide() -> None:
    masker = Masker(_POLICY)
    place = {"requestPath": "/v1/models/churn:predict"}
    known = client("3", **place, modelInfo={"modelName": "churn", "endpointPath": "/v1/models/churn:predict"})
    other = client(
        "4", requestPath="/v1/models/jane", modelInfo={"modelName": "churn", "endpointPath": "/v1/*"}
    )
    records = masker.mask(unmasked(known, other)).records.to_pylist()
    assert [record["requestPath"] for record in records] == ["/v1/models/churn:predict", None]


def test_the_reason_is_told() -> None:
    masker = Masker(_POLICY)
    masker.mask(unmasked(call("3", "2")))
    (record,) = masker.mask(unmasked(server("2", "1", at=-1, lasts=3))).records.to_pylist()
    assert {"path": "request", "reason": "model-pii-related"} in record["masking"]["dropped"]


def test_while_the_registry_was_never_read_all_input_is_undecidable() -> None:
    masker = Masker(MaskPolicy())
    masker.know(UNREAD)
    rows = [call("1", model="any"), server("2"), server("3", request=None, requestQuery="a=1")]
    records = masker.mask(unmasked(*rows)).records.to_pylist()
    assert [record["request"] for record in records] == [None, None, None]
    assert records[0]["masking"]["dropped"][0]["reason"] == "model-registry-unread"
    assert records[2]["requestQuery"] == "a=1"
    masker.know(RegisteredTags())
    assert masker.mask(unmasked(rows[0])).records.to_pylist()[0]["request"] == _BODY


@pytest.mark.parametrize(
    ("configured", "registered", "trusted", "withheld"),
    [
        (False, True, False, True),
        (True, False, False, True),
        (True, False, True, False),
        (False, True, True, True),
        (None, True, False, True),
        (None, False, False, False),
    ],
)
def test_a_registered_tag_raises_and_lowers_only_when_trusted(
    configured: bool | None, registered: bool, trusted: bool, withheld: bool
) -> None:
    tags = () if configured is None else (ModelTag("m*", endpoint="/m", pii=configured),)
    masker = Masker(MaskPolicy(models=tags))
    masker.know(RegisteredTags((ModelTag("m1", endpoint="/m", pii=registered),), is_trusted=trusted))
    for row in (call("1", model="m1"), server("1", route="/m")):
        (record,) = masker.mask(unmasked(row)).records.to_pylist()
        assert (record["request"] is None) is withheld
    (other,) = masker.mask(unmasked(call("1", model="m2", traceId="u"))).records.to_pylist()
    assert (other["request"] is None) is bool(configured)


@pytest.mark.parametrize(
    ("name", "withheld"),
    [
        ("models:/churn/3", True),
        ("models:/churn/4", False),
        ("models:/churn@champion", True),
        ("churn", True),
    ],
)
def test_mlflow_names(name: str, withheld: bool) -> None:
    policy = MaskPolicy(models=(ModelTag("churn", "3", pii=True), ModelTag("churn", "4")))
    assert tagged([call("1", model=name)], policy=policy) == [[withheld]]


def test_memory_is_bounded_and_short() -> None:
    now = 0.0
    relations = Relations(100, clock=lambda: now)

    def relate(row: Row, *, decided: bool) -> bool:
        marks = {0} if decided else set()
        return bool(relations.relate([row], decided=marks, undecided=(), clear=(), sending=()).related)

    def row(trace: str, name: str, parent: str) -> Row:
        return Row(trace, name, parent, 5, 6, True, False, False, (), ())

    assert not relate(row("t", "2", "1"), decided=True)
    now = 3_500.0
    assert relate(row("t", "1", ""), decided=False)
    now = 7_200.0
    assert not relate(row("t", "1", ""), decided=False)
    for number in range(200):
        relate(row(str(number), "2", "1"), decided=True)
    assert not relate(row("0", "1", ""), decided=False)
    assert relate(row("199", "1", ""), decided=False)
