"""Records come back as they were written: the wanted ones, in order, once."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from otel_audit.encode.options import EncodeOptions
from otel_audit.query.catalog import Catalog
from otel_audit.query.columns import EVERY_COLUMN
from otel_audit.query.findings import Findings
from otel_audit.query.request import Query
from otel_audit.query.scan import scan
from otel_audit.store.base import Store
from otel_audit.store.open import open_store
from query.written_log import DAY, EIGHTEEN, HOUR, SECOND, LogWriter, Record, record

FORMATS = [
    EncodeOptions("parquet", "zstd", row_group_rows=7),
    EncodeOptions("ndjson", "gzip"),
    EncodeOptions("ndjson", "zstd"),
]


@pytest.fixture(params=FORMATS, ids=lambda options: f"{options.format}-{options.compression}")
def options(request: pytest.FixtureRequest) -> EncodeOptions:
    return request.param


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(str(tmp_path))
    yield opened
    opened.close()


def read(
    store: Store, query: Query | None = None, columns: Sequence[str] = EVERY_COLUMN, **given: Any
) -> list[Record]:
    """Rows of a query, with a failing test for any warning."""

    def unexpected(message: str) -> None:
        raise AssertionError(message)

    findings = Findings(on_warning=unexpected, **given)
    tables = list(scan([Catalog(store, findings)], query or Query(), findings, columns=columns))
    return [row for table in tables for row in table.to_pylist()]


def times(rows: Sequence[Record]) -> list[int]:
    return [row["timeUnixNano"] for row in rows]


def test_everything_comes_back_in_order_of_time(store: Store, options: EncodeOptions) -> None:
    records = [record(EIGHTEEN + place * SECOND, user={"id": f"u{place}"}) for place in range(60)]
    shuffled = random.Random(7).sample(records, len(records))
    writer = LogWriter(store, options=options)
    for start in range(0, 60, 20):
        writer.commit(shuffled[start : start + 20])

    rows = read(store)

    assert [row["user"]["id"] for row in rows] == [f"u{place}" for place in range(60)]
    assert {row["writer"] for row in rows} == {str(writer.name)}
    assert sorted(row["sequence"] for row in rows) == list(range(1, 61))


def test_every_field_comes_back(store: Store, options: EncodeOptions) -> None:
    full = record(
        spanName="GET /orders",
        user={"id": "u1", "roles": ["admin", "ops"]},
        userClaims=[{"origin": "baggage", "id": "u2"}],
        requestHeaders=[("accept", ["text/html", "*/*"])],
        request='{"messages":[{"role":"user"}],"n":1.0}',
        response='"text"',
        modelInfo={"modelName": "m", "finishReasons": ["stop"], "extra": [("a", "b")], "pii": False},
        events=[{"name": "exception", "timestamp": "2026-11-21T18:00:00.000000001Z", "attributes": "{}"}],
        masking={"policy": "sha256:0", "entities": [("EMAIL", 2)], "fields": ["request"]},
    )
    LogWriter(store, options=options).commit([full])

    (row,) = read(store)

    for name in ("spanName", "userClaims", "requestHeaders", "request", "response", "events", "attributes"):
        assert row[name] == full.get(name), name
    assert row["user"]["roles"] == ["admin", "ops"]
    assert row["modelInfo"]["extra"] == [("a", "b")]
    assert row["modelInfo"]["pii"] is False
    assert row["masking"]["entities"] == [("EMAIL", 2)]
    assert row["timeUnixNano"] == EIGHTEEN
    assert len(row["digests"]["content"]) == 64


def test_columns_are_what_was_asked_for(store: Store, options: EncodeOptions) -> None:
    LogWriter(store, options=options).commit([record(modelInfo={"modelName": "m"})])

    assert read(store, columns=("user.id", "modelInfo.modelName", "action")) == [
        {"user": {"id": "u1"}, "action": "GET", "modelInfo": {"modelName": "m"}}
    ]


FILTERS: list[tuple[Query, list[str]]] = [
    (Query(users=("u1",)), ["a", "c"]),
    (Query(users=("u1", "u2")), ["a", "b", "c"]),
    (Query(users=("u*",)), ["a", "b", "c"]),
    (Query(users=("?2",)), ["b"]),
    (Query(users=("U1",)), []),
    (Query(users=("u",)), []),
    (Query(users=("svc[1].*",)), ["d"]),
    (Query(actions=("execute",)), ["c", "d"]),
    (Query(actions=("EXE*",)), ["c", "d"]),
    (Query(outcomes=("failure",)), ["b"]),
    (Query(outcomes=("failure", "unknown")), ["b", "d"]),
    (Query(models=("gpt-4o-mini",)), ["c"]),
    (Query(models=("GPT-4o*",)), ["c"]),
    (Query(models=("gpt-4o-mini-2024-07-18",)), ["c"]),
    (Query(users=("u1",), actions=("EXECUTE",)), ["c"]),
    (Query(users=("u1",), outcomes=("failure",)), []),
    (Query(start_unix_nano=EIGHTEEN + SECOND), ["b", "c", "d"]),
    (Query(end_unix_nano=EIGHTEEN + SECOND), ["e", "a"]),
    (Query(start_unix_nano=EIGHTEEN + SECOND, end_unix_nano=EIGHTEEN + 3 * SECOND), ["b", "c"]),
    (Query(start_unix_nano=EIGHTEEN + 1, limit=2), ["b", "c"]),
    (Query(limit=2), ["e", "a"]),
    (Query(limit=2, newest_first=True), ["d", "c"]),
    (Query(newest_first=True, users=("u1",)), ["c", "a"]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_filters(store: Store, options: EncodeOptions, query: Query, expected: list[str]) -> None:
    records = [
        record(EIGHTEEN, spanName="a"),
        record(EIGHTEEN + SECOND, spanName="b", user={"id": "u2"}, outcome="failure"),
        record(
            EIGHTEEN + 2 * SECOND,
            spanName="c",
            action="EXECUTE",
            modelInfo={"modelName": "gpt-4o-mini", "responseModel": "gpt-4o-mini-2024-07-18"},
        ),
        record(
            EIGHTEEN + 3 * SECOND, spanName="d", user={"id": "svc[1].x"}, action="EXECUTE", outcome="unknown"
        ),
        # Nothing is known of it: no filter but a window finds it.
        record(EIGHTEEN - DAY, spanName="e", user=None, action=None, outcome=None, target=None),
    ]
    LogWriter(store, options=options).commit(records[:3])
    LogWriter(store, options=options).commit(records[3:])

    found = [row["spanName"] for row in read(store, query, columns=("spanName",))]

    assert found == expected


def test_streams_are_apart_and_come_back_together(store: Store, options: EncodeOptions) -> None:
    LogWriter(store, "platform").commit([record(EIGHTEEN + place * SECOND) for place in (0, 2, 4)])
    LogWriter(store, "model-io", options).commit([record(EIGHTEEN + place * SECOND) for place in (1, 3)])

    def streams(query: Query) -> list[str]:
        return [row["stream"] for row in read(store, query, columns=("stream",))]

    assert streams(Query()) == ["platform", "model-io", "platform", "model-io", "platform"]
    assert streams(Query(streams=("model-io",))) == ["model-io", "model-io"]
    assert streams(Query(streams=("platform",), limit=2)) == ["platform", "platform"]


def test_a_table_of_another_format_is_part_of_its_stream(store: Store) -> None:
    LogWriter(store).commit([record(EIGHTEEN)])
    LogWriter(store, options=EncodeOptions("ndjson", "gzip"), edition=2).commit([record(EIGHTEEN + SECOND)])

    for query in (Query(), Query(EIGHTEEN, EIGHTEEN + HOUR), Query(EIGHTEEN)):
        assert times(read(store, query)) == [EIGHTEEN, EIGHTEEN + SECOND]


def test_a_record_delivered_twice_is_shown_once(store: Store, options: EncodeOptions) -> None:
    twice = [record(EIGHTEEN + place * SECOND) for place in range(10)]
    LogWriter(store, options=options).commit(twice)
    again = [one | {"observedTimeUnixNano": EIGHTEEN + HOUR} for one in twice]
    LogWriter(store, options=options).commit([again[3], *again, again[5]])

    assert times(read(store)) == [one["timeUnixNano"] for one in twice]
    assert times(read(store, Query(limit=4))) == [one["timeUnixNano"] for one in twice[:4]]
    assert times(read(store, Query(limit=4, newest_first=True), columns=("timeUnixNano",))) == [
        one["timeUnixNano"] for one in twice[:5:-1]
    ]


def test_copies_are_folded_where_one_file_ends_and_the_next_begins(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are handed on as soon as no later file can hold an earlier one, or one of the same instant."""
    monkeypatch.setattr("otel_audit.query.scan.CHUNK_ROWS", 2)
    both = [record(EIGHTEEN, spanName=name) for name in "ab"]
    writer = LogWriter(store)
    writer.commit([*both, record(EIGHTEEN + SECOND)])
    writer.commit([*both, record(EIGHTEEN + 2 * SECOND)])

    for newest_first in (False, True):
        found = read(store, Query(newest_first=newest_first), columns=("timeUnixNano",))
        assert len(found) == 4


def test_our_notes_make_no_other_record(store: Store) -> None:
    one = record(attributes={"kept": 1})
    noted = one | {"attributes": '{"kept":1,"audit.notes":["odd"]}'}
    LogWriter(store).commit([one, noted])

    assert len(read(store)) == 1


def test_one_id_with_other_content_is_another_record(store: Store, options: EncodeOptions) -> None:
    one = record(spanName="first")
    LogWriter(store, options=options).commit([one, one | {"spanName": "forged"}, one])

    assert [row["spanName"] for row in read(store, columns=("spanName",))] == ["first", "forged"]


def test_a_time_that_was_not_believed_is_found_as_it_says_and_where_it_was_observed(
    store: Store, options: EncodeOptions
) -> None:
    forged = record(
        EIGHTEEN - 400 * DAY, observed=EIGHTEEN + 60 * SECOND, spanName="forged", not_believed=True
    )
    LogWriter(store, options=options).commit([record(EIGHTEEN, spanName="true"), forged])

    def names(query: Query) -> list[str]:
        return [row["spanName"] for row in read(store, query, columns=("spanName",))]

    assert names(Query(EIGHTEEN, EIGHTEEN + HOUR)) == ["true", "forged"]
    assert names(Query(EIGHTEEN, EIGHTEEN + SECOND)) == ["true"]
    assert names(Query(EIGHTEEN + 30 * SECOND, EIGHTEEN + HOUR)) == ["forged"]
    assert names(Query(EIGHTEEN - 401 * DAY, EIGHTEEN - 399 * DAY)) == ["forged"]
    assert names(Query()) == ["forged", "true"]
    assert names(Query(newest_first=True)) == ["true", "forged"]


def test_ids_are_found_by_their_beginning(store: Store, options: EncodeOptions) -> None:
    records = [record(EIGHTEEN + place) for place in range(50)]
    LogWriter(store, options=options).commit(records)
    wanted = records[17]["recordId"]

    for given in (wanted, wanted.upper(), wanted[:13]):
        assert [row["recordId"] for row in read(store, Query(record_ids=(given,)))] == [wanted]


def test_a_file_of_an_older_minor_version_lacks_columns(tmp_path: Path, store: Store) -> None:
    """A column that came later is null in files written before."""
    (path,) = LogWriter(store).commit([record(spanName="old")])
    whole = pq.read_table(tmp_path / path)
    manifest = next(tmp_path.glob("_audit/manifests/*/*/*.json"))
    older = tmp_path / "older.parquet"
    pq.write_table(whole.drop_columns(["purpose", "responseHeaders", "onBehalfOf"]), older)
    content = older.read_bytes()
    older.unlink()
    new_digest = hashlib.sha256(content).hexdigest()
    name = Path(path).name
    renamed = name.rsplit("-", 1)[0] + f"-{new_digest[:12]}.parquet"
    (tmp_path / path).unlink()
    (tmp_path / path).with_name(renamed).write_bytes(content)
    text = manifest.read_text().replace(name, renamed)
    listed = json.loads(text)
    listed["files"][0] |= {"bytes": len(content), "sha256": new_digest}
    manifest.write_text(json.dumps(listed))

    (row,) = read(store)

    assert row["spanName"] == "old"
    assert row["purpose"] is None
    assert row["responseHeaders"] is None
    assert len(row) == len(EVERY_COLUMN)


def test_an_empty_log_has_no_records(store: Store) -> None:
    assert read(store) == []
    assert read(store, Query(EIGHTEEN, EIGHTEEN + DAY)) == []


def test_more_rows_than_a_chunk_keep_their_order(store: Store) -> None:
    writer = LogWriter(store, options=EncodeOptions(row_group_rows=300))
    records = [record(EIGHTEEN + place * SECOND // 4) for place in range(5000)]
    shuffled = random.Random(3).sample(records, len(records))
    for start in range(0, 5000, 1250):
        writer.commit(shuffled[start : start + 1250])

    assert times(read(store, columns=("timeUnixNano",))) == times(records)
    assert times(read(store, Query(newest_first=True, limit=1500), columns=("timeUnixNano",))) == times(
        records[:-1501:-1]
    )
