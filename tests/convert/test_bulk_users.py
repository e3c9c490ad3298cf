"""Spans whose user the application knows become columns too, and say the same as rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.building import OBSERVED, START, make_span
from otel_audit.convert import alike, converter
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions, IdentityOptions
from otel_audit.convert.rows import RowBuilder
from otel_audit.convert.span_notes import Actor, BearerToken, Scope, SpanNotes
from otel_audit.convert.spans import ResourceData, SpanData
from otel_audit.tokens.options import JwtOptions
from tokens.issuing import SECRET, token

HTTP = {
    "http.request.method": "GET",
    "url.path": "/x",
    "url.scheme": "https",
    "http.response.status_code": 200,
}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}

TOKENS = (token(SECRET, "HS256", sub="u1", exp=None), token(SECRET, "HS256", aud="other"))

ACTORS = (
    Actor("u1", origin="django", auth={"method": "session"}),
    Actor("u2", origin="set_user"),
    Actor("svc", "service", auth={"method": "api-key", "mfa": True, "sessionId": "s1"}),
    Actor(None, "anonymous", origin="starlette"),
    Actor("ü\ud800"),
    Actor("x" * 300),
    Actor("u3", name="Jane Doe", email="j@e.example"),
    Actor("u4", roles=("admin",)),
)

SHOP = ResourceData({"service.name": "shop"}, "opentelemetry.instrumentation.test", "1.0")


def make_notes(*users: tuple[int, Actor], opens: bool = False, **fields: Any) -> SpanNotes:
    scope = Scope(1)
    for since, user in users:
        scope.identify(user, since)
    return SpanNotes(scope, opens=opens, **fields)


def numbered(number: int, attributes: dict[str, Any], notes: SpanNotes | None, kind: str) -> SpanData:
    return make_span(
        kind, attributes=dict(attributes), notes=notes, span_id=f"{number + 1:016x}", resource=SHOP
    )


def convert(spans: list[SpanData], **identity: Any) -> list[dict[str, Any]]:
    options = ConvertOptions(identity=IdentityOptions(**identity))
    batch = Converter(options).convert(spans, observed_unix_nano=OBSERVED).records
    batch.validate(full=True)
    return batch.to_pylist()


@pytest.fixture
def rows_made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Span ids of rows."""
    made: list[str] = []
    build = RowBuilder.span_row

    def watched(self: RowBuilder, span: SpanData, *args: Any) -> Any:
        made.append(span.span_id)
        return build(self, span, *args)

    monkeypatch.setattr(converter.RowBuilder, "span_row", watched)
    return made


@pytest.mark.parametrize(("attributes", "kind"), [(HTTP, "server"), (CHAT, "client"), (TOOL, "internal")])
def test_a_user_alone_costs_no_rows(attributes: dict[str, Any], kind: str, rows_made: list[str]) -> None:
    spans = [
        numbered(number, attributes, make_notes((START, Actor(f"u{number}"))), kind) for number in range(40)
    ]
    records = convert(spans)
    assert [record["user"]["id"] for record in records] == [f"u{number}" for number in range(40)]
    assert {record["user"]["assurance"] for record in records} == {"verified"}
    assert rows_made == []


def test_a_token_that_proves_it_costs_no_rows_either(rows_made: list[str]) -> None:
    def notes(**claims: Any) -> SpanNotes:
        return SpanNotes(Scope(1, token=BearerToken(token(SECRET, "HS256", **claims), START)))

    jwt = JwtOptions(secret=SECRET, audience=("shop",))
    spans = [numbered(number, HTTP, notes(sub=f"u{number}", exp=None), "server") for number in range(40)]
    records = convert(spans, jwt=jwt)
    assert [record["user"]["id"] for record in records] == [f"u{number}" for number in range(40)]
    assert {record["auth"]["decision"] for record in records} == {"allow"}
    assert rows_made == []
    spans = [numbered(number, HTTP, notes(aud="other"), "server") for number in range(40)]
    assert {record["auth"]["reason"] for record in convert(spans, jwt=jwt)} == {"audience"}


def test_one_that_needs_a_row_costs_only_the_few_around_it(rows_made: list[str]) -> None:
    spans = [numbered(number, HTTP, make_notes((START, ACTORS[0])), "server") for number in range(400)]
    spans[7].notes = make_notes((START, ACTORS[5]))
    records = convert(spans)
    assert records[7]["user"]["id"] == "x" * 256
    assert len(records) == 400


@st.composite
def similar_spans(draw: st.DrawFn) -> list[SpanData]:
    attributes, kind = draw(
        st.sampled_from([(HTTP, "server"), (HTTP, "client"), (CHAT, "client"), (TOOL, "internal")])
    )
    extra = draw(
        st.sampled_from([{}, {}, {"user.id": "asserted"}, {"session.id": "s"}, {"enduser.id": "u1"}])
    )
    times = st.sampled_from([START, START + 5_000_000, START + 5_000_001])
    usual = draw(st.sampled_from(ACTORS))
    spans = []
    for number in range(draw(st.integers(1, 12))):
        users = draw(st.lists(st.tuples(times, st.sampled_from([usual, usual, *ACTORS])), max_size=2))
        more = draw(st.sampled_from([{}, {}, {}, {"on_behalf_of": Actor("boss")}]))
        tokens = draw(st.sampled_from([None, None, TOKENS[0], TOKENS[0], TOKENS[1]]))
        notes = make_notes(*sorted(users, key=lambda user: user[0]), opens=draw(st.booleans()), **more)
        if tokens is not None:
            notes.scope.token = BearerToken(tokens, START, checkers=2)
        spans.append(numbered(number, {**attributes, **extra}, notes if notes else None, kind))
    return spans


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spans=similar_spans(), fields=st.sampled_from([(), ("name", "email"), ("roles",)]))
def test_columns_say_what_rows_say(
    spans: list[SpanData], fields: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    for fewest in (1, 10**9):
        monkeypatch.setattr(alike, "FEWEST", fewest)
        copies = [
            make_span(
                span.kind,
                attributes=dict(span.attributes),
                notes=span.notes,
                span_id=span.span_id,
                resource=SHOP,
            )
            for span in spans
        ]
        batches.append(
            convert(copies, fields=frozenset(fields), jwt=JwtOptions(secret=SECRET, audience=("shop",)))
        )
    assert batches[0] == batches[1]
    assert len(batches[0]) == len(spans)
