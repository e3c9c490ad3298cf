"""What names alone decide, and that remembering it stays bounded."""

from __future__ import annotations

from convert.building import OBSERVED, make_span, record_of
from otel_audit.convert import sorter, verdicts
from otel_audit.convert.converter import Converter
from otel_audit.convert.options import ConvertOptions, IdentityOptions
from otel_audit.convert.verdicts import Judge, Verdict

HTTP = {"http.request.method": "GET", "http.response.status_code": 200, "client.address": "10.0.0.1"}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}


def verdict(attributes: dict[str, object], options: ConvertOptions | None = None) -> Verdict:
    return Judge(options or ConvertOptions(), frozenset({"x-user", "x-token"})).judge(
        "server", dict(attributes), None
    )  # type: ignore[arg-type]


def test_settings_that_ask_for_something_of_each_span_leave_nothing_to_bulk() -> None:
    assert verdict(HTTP).bulk is not None
    for options in (
        ConvertOptions(content="off"),
        ConvertOptions(identity=IdentityOptions(trusted_proxies=("10.0.0.0/8",))),
    ):
        assert verdict(HTTP, options).bulk is None


def test_names_that_need_rows_leave_nothing_to_bulk() -> None:
    for name in ("rpc.method", "audit.purpose", "user.email", "user.hash", "http.request.header.x_token",
                 "audit.notes", "http.request.body"):  # fmt: skip
        assert verdict({**HTTP, name: "x"}).bulk is None, name


def test_names_of_old_conventions_and_of_who_claims_to_call_do_not_need_rows() -> None:
    for name in ("http.method", "url.full", "http.url", "net.peer.ip", "http.request.header.x_user"):
        assert verdict({**HTTP, name: "x"}).bulk is not None, name


def test_what_is_remembered_is_bounded() -> None:
    converter = Converter()
    spans = [make_span(attributes={"http.request.method": "GET", f"made.up.{n}": n}) for n in range(3_000)]
    records = converter.convert(spans, observed_unix_nano=OBSERVED).records
    assert records.num_rows == 3_000
    assert len(converter._builder.judge._verdicts) <= verdicts._MAX_VERDICTS
    assert len(sorter._SHAPES) <= sorter._MAX_SHAPES


def test_huge_names_are_not_remembered() -> None:
    name = "x" * 1_000_000
    record = record_of(make_span(attributes={"http.request.method": "GET", name: 1}))
    assert record["attributes"] == {name: 1}
    assert not any(name in names for names in sorter._SHAPES)
