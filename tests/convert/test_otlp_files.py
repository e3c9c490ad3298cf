"""Files as a Collector writes them, whole and damaged."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_audit.convert.otlp_files import read_file
from otel_audit.errors import InputError


def traces(*names: str) -> dict[str, Any]:
    """One export a call, one span a name; ids in base64, as protobuf's reader of JSON wants them."""
    spans = [
        {"traceId": "e9+o933VchRu6ohi0Q3FzQ==", "spanId": "VNJgzbyAzDg=", "name": name} for name in names
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def logs(*names: str) -> dict[str, Any]:
    records = [{"eventName": name, "timeUnixNano": "5", "body": {"stringValue": "b"}} for name in names]
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}


def protobuf(document: dict[str, Any]) -> bytes:
    kind = TracesData if "resourceSpans" in document else LogsData
    return ParseDict(document, kind()).SerializeToString()


def prefixed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


def text(*documents: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(document) for document in documents).encode()


A, B, C = traces("a"), traces("b", "c"), logs("d")

ZSTD = zstandard.ZstdCompressor().compress

FORMS: dict[str, bytes] = {
    "json-lines": text(A, B, C),
    "json-lines-with-blanks": b"\n\n" + text(A, B, C).replace(b"\n", b"\r\n\r\n") + b"\n",
    "json-list": json.dumps([A, B, C]).encode(),
    "json-laid-out": json.dumps([A, B, C], indent=2).encode(),
    "json-with-mark": b"\xef\xbb\xbf" + text(A, B, C),
    "protobuf-prefixed": prefixed(protobuf(A), protobuf(B), protobuf(C)),
    "zstd-messages": prefixed(ZSTD(protobuf(A)), ZSTD(protobuf(B)), ZSTD(protobuf(C))),
    "zstd-json-messages": prefixed(ZSTD(text(A)), ZSTD(text(B)), ZSTD(text(C))),
}


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "export"
    path.write_bytes(data)
    return path


def names_in(path: Path, **options: Any) -> list[str]:
    return [item.name for export in read_file(path, **options) for item in [*export.spans, *export.logs]]


@pytest.mark.parametrize("wrap", [bytes, gzip.compress, ZSTD], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form(form: str, wrap: Callable[[bytes], bytes], tmp_path: Path) -> None:
    assert names_in(write(tmp_path, wrap(FORMS[form]))) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("document", [A, B, C], ids=["one", "two", "logs"])
def test_a_single_protobuf_message(document: dict[str, Any], tmp_path: Path) -> None:
    assert names_in(write(tmp_path, protobuf(document))) == names_in(write(tmp_path, text(document)))


def test_frames_of_zstd_and_members_of_gzip_one_after_the_other(tmp_path: Path) -> None:
    assert names_in(write(tmp_path, ZSTD(text(A) + b"\n") + ZSTD(text(B)))) == ["a", "b", "c"]
    assert names_in(write(tmp_path, gzip.compress(text(A) + b"\n") + gzip.compress(text(B)))) == [
        "a",
        "b",
        "c",
    ]


def test_empty_file(tmp_path: Path) -> None:
    assert names_in(write(tmp_path, b"")) == []
    assert names_in(write(tmp_path, b"\n \n")) == []


def test_metrics_are_passed_over_in_json_and_refused_in_protobuf(tmp_path: Path) -> None:
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "unit": "s"}]}]}]}
    assert names_in(write(tmp_path, text(A, metrics))) == ["a"]
    message = ParseDict(metrics, MetricsData()).SerializeToString()
    with pytest.raises(InputError, match="neither spans nor log records"):
        names_in(write(tmp_path, message))


def test_batches_hold_whole_exports(tmp_path: Path) -> None:
    path = write(tmp_path, text(*[traces("x", "y", "z")] * 5))
    assert [len(export) for export in read_file(path, batch_items=5)] == [6, 6, 3]


def test_traces_and_logs_of_a_file_are_read_together(tmp_path: Path) -> None:
    (export,) = read_file(write(tmp_path, text(A, C)))
    assert (len(export.spans), len(export.logs)) == (1, 1)


DAMAGED = [
    ("line 2", b"\n".join([text(A), b'{"resourceSpans": [', text(B)]), ["a", "b", "c"]),
    ("line 1", b"\n".join([b"nonsense {", text(B)]), ["b", "c"]),
    ("line 1, byte", b'{"resourceSpans": [\n' + text(B), ["b", "c"]),
    ("line 3", text(A, B) + b'\n{"resourceSpans":[{"scopeSp', ["a", "b", "c"]),
    ("line 2, resourceSpans[0]", text(A, {"resourceSpans": [5]}, B), ["a", "b", "c"]),
    ("not JSON", json.dumps(A, indent=1).encode()[:-3], []),
    (f"byte {len(prefixed(protobuf(A)))}", prefixed(protobuf(A), b"\xff" * 9, protobuf(B)), ["a", "b", "c"]),
    (f"byte {len(prefixed(protobuf(A)))}", prefixed(protobuf(A)) + prefixed(protobuf(B))[:-3], ["a"]),
    (
        f"byte {len(protobuf(A))}, resourceSpans[1]",
        protobuf(A) + b"\x0a\x05\xff\xff\xff\xff\xff" + protobuf(B),
        ["a", "b", "c"],
    ),
    (f"byte {len(protobuf(A))}, resourceSpans[1]", protobuf(A) + protobuf(B)[:-5], ["a"]),
    ("malformed protobuf", protobuf(A)[:-2], []),
    ("byte 0", b"\x00\x01not otlp at all", []),
    ("end of what", gzip.compress(b"\n".join([text(A)] * 2000))[:-20], None),
    ("end of what", ZSTD(text(A))[:-4] + b"\x00" * 4, None),
]  # fmt: skip


@pytest.mark.parametrize(("place", "data", "readable"), DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_parts_are_named_and_the_rest_is_read(
    place: str, data: bytes, readable: list[str] | None, tmp_path: Path
) -> None:
    path = write(tmp_path, data)
    problems: list[InputError] = []
    found = names_in(path, problems=problems)
    if readable is not None:
        assert found == readable
    assert problems
    assert problems[0].source == str(path)
    assert place in str(problems[0])
    with pytest.raises(InputError):
        names_in(path)


def test_what_could_be_read_comes_before_the_error(tmp_path: Path) -> None:
    path = write(tmp_path, text(A) + b"\nnonsense\n" + text(B))
    exports = read_file(path)
    assert [span.name for span in next(exports).spans] == ["a", "b", "c"]
    with pytest.raises(InputError, match="line 2"):
        next(exports)


def test_missing_file_is_an_operating_system_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        names_in(tmp_path / "nowhere")
