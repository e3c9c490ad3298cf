"""Whatever is sent: a status and a sentence that quotes nothing, and a sink that lives on in little memory."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from collections.abc import Callable

import grpc
import pytest
import requests
import zstandard
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status

from receive.conftest import SinkProcess, StartSink, export_of

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

GOOD = export_of("GET /secret-in-the-body").SerializeToString()
SPAN = b"\x12\x00"


def inside(body: bytes, *fields: int) -> bytes:
    """A message within messages, by the numbers of the fields from the inside out."""
    for field in fields:
        size, length = len(body), b""
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        body = bytes([field << 3 | 2]) + length + bytes([size]) + body
    return body


def deep_value() -> bytes:
    """An attribute of lists within lists, deeper than any parser goes."""
    value = b""
    for _ in range(3_000):
        value = inside(value, 1, 5)
    return inside(inside(b"k", 1) + inside(value, 2), 9, 2, 2, 1)


BODIES = {
    "garbage": (b"secret-in-the-body \xff\x00\x17", 400),
    "cut": (GOOD[:-7], 400),
    "cut at once": (GOOD[:1], 400),
    "invalid UTF-8": (inside(b"secret-in-the-body \xff\xfe", 5, 2, 2, 1), 400),
    "nested too deeply": (deep_value(), 400),
    "another signal": (inside(inside(b"metric", 1), 2, 2, 1), 400),
    "more spans than are taken": (inside(SPAN * 70_000, 2, 1), 413),
    "more attributes than are taken": (inside(b"\x4a\x00" * 1_100_000, 2, 2, 1), 413),
    "more values than are taken": (
        inside(inside(inside(b"\x0a\x00" * 1_100_000, 5), 2), 9, 2, 2, 1),
        413,
    ),
    "larger than is taken": (inside(b"\x00" * (21 << 20), 5, 2, 2, 1), 413),
}


@pytest.mark.parametrize("name", BODIES)
def test_protobuf_over_http(sink: SinkProcess, name: str) -> None:
    body, status = BODIES[name]
    answer = post(sink, body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/x-protobuf"
    told = Status.FromString(answer.content)
    assert told.code == 3
    assert told.message
    assert "secret" not in told.message
    lives(sink)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_protobuf_over_grpc(sink: SinkProcess, name: str, compression: grpc.Compression) -> None:
    if name == "larger than is taken":
        # The limit of a message as it is sent is gRPC's own; packed, it is small enough.
        expected = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT}
    else:
        expected = {grpc.StatusCode.INVALID_ARGUMENT}
    channel = grpc.insecure_channel(sink.grpc, compression=compression)
    with channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(TRACES)(BODIES[name][0], timeout=20)
    assert refused.value.code() in expected
    assert "secret" not in refused.value.details()
    lives(sink)


JSON = {
    "no JSON": (b"secret-in-the-body", 400),
    "no object": (b"[]", 400),
    "cut": (b'{"resourceSpans": [{"scopeSpans"', 400),
    "another signal": (b'{"resourceMetrics": []}', 400),
    "a number for a list": (b'{"resourceSpans": 7}', 400),
    "a text for a span": (b'{"resourceSpans": [{"scopeSpans": [{"spans": ["secret"]}]}]}', 400),
    "invalid UTF-8": (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\xff\xfe"}]}]}]}', 400),
    "nested too deeply": (b'{"resourceSpans": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "more objects than are taken": (b'{"resourceSpans": [' + b"{}," * 1_100_000 + b"{}]}", 413),
    "more spans than are taken": (
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [' + b"{}," * 70_000 + b"{}]}]}]}",
        413,
    ),
}


@pytest.mark.parametrize("name", JSON)
def test_json(sink: SinkProcess, name: str) -> None:
    body, status = JSON[name]
    answer = post(sink, body, **{"content-type": "application/json"})
    assert answer.status_code == status
    told = answer.json()
    assert told["code"] == 3
    assert told["message"]
    assert "secret" not in told["message"]
    lives(sink)


def test_odd_json_is_taken(sink: SinkProcess) -> None:
    text = '{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "a", "name": "b", "unknown": {}}]}]}]}'
    assert post(sink, text.encode(), **{"content-type": "application/json"}).json() == {}
    assert post(sink, b"{}", **{"content-type": "application/json"}).json() == {}


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip bomb": ("gzip", lambda: gzip.compress(bytes(300 << 20), 9)),
    "gzip of many bombs": ("gzip", lambda: gzip.compress(bytes(20 << 20), 9) * 20),
    "zstd bomb": ("zstd", lambda: zstandard.compress(bytes(300 << 20))),
    "deflate bomb": ("deflate", lambda: zlib.compress(bytes(300 << 20), 9)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_never_unpacked(sink: SinkProcess, name: str) -> None:
    encoding, make = BOMBS[name]
    body, before = make(), sink.peak_mib()
    assert post(sink, body, **{"content-encoding": encoding}).status_code == 413
    assert sink.peak_mib() < before + 160
    lives(sink)


def test_a_bomb_over_grpc_is_never_unpacked(sink: SinkProcess) -> None:
    body, before = BOMBS["gzip bomb"][1](), sink.peak_mib()
    # As a client that packs its messages sends it: the sink is not told by a header, it looks.
    with grpc.insecure_channel(sink.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(TRACES)(body, timeout=20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sink.peak_mib() < before + 160
    lives(sink)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "deflate"])
@pytest.mark.parametrize("damage", ["cut", "changed", "not packed", "followed"])
def test_damaged_compression(sink: SinkProcess, encoding: str, damage: str) -> None:
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress, "deflate": zlib.compress}
    packed = bytearray(pack[encoding](GOOD))
    if damage == "changed":
        packed[len(packed) // 2] ^= 0xFF
    body = {"cut": packed[:-3], "changed": packed, "not packed": GOOD, "followed": packed + b"rest"}[damage]
    answer = post(sink, bytes(body), **{"content-encoding": encoding})
    assert answer.status_code == 400
    lives(sink)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/metrics", {}, 404),
        ("POST", "/v1/traces/", {}, 404),
        ("POST", "/secret", {}, 404),
        ("GET", "/", {}, 404),
        ("GET", "/v1/traces", {}, 405),
        ("PUT", "/v1/logs", {}, 405),
        ("POST", "/healthz", {}, 405),
        ("POST", "/v1/traces", {"content-type": "text/plain"}, 415),
        ("POST", "/v1/traces", {"content-type": ""}, 415),
        ("POST", "/v1/traces", {"content-encoding": "br"}, 415),
        ("POST", "/v1/traces", {"content-encoding": "gzip, gzip"}, 415),
    ],
)
def test_wrong_addresses_methods_and_types(
    sink: SinkProcess, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    given = {"content-type": "application/x-protobuf"} | headers
    answer = requests.request(method, sink.http + path, data=GOOD, headers=given, timeout=10)
    assert answer.status_code == status
    assert ("allow" in answer.headers) == (status == 405)
    assert b"secret" not in answer.content


def test_a_service_that_is_none_of_ours_is_unimplemented(sink: SinkProcess) -> None:
    with grpc.insecure_channel(sink.grpc) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(TRACES.replace("trace", "metrics"))(GOOD, timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert channel.unary_unary(LOGS)(b"", timeout=10) == b""


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics"])
def test_a_large_body_that_is_refused_is_answered_all_the_same(sink: SinkProcess, path: str) -> None:
    headers = {"content-type": "text/plain"}
    answer = requests.post(sink.http + path, bytes(15 << 20), headers=headers, timeout=20)
    assert answer.status_code in (404, 415)


def test_a_body_without_a_length_is_cut_off_at_the_limit(sink: SinkProcess) -> None:
    headers = {"content-type": "application/x-protobuf"}
    pieces = (bytes(1 << 20) for _ in range(25))
    before = sink.peak_mib()
    answer = requests.post(f"{sink.http}/v1/traces", pieces, headers=headers, timeout=20)
    assert answer.status_code == 413
    assert sink.peak_mib() < before + 80


def test_a_body_that_says_it_is_too_large_is_not_waited_for(sink: SinkProcess) -> None:
    connection = http.client.HTTPConnection(sink.http.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(1 << 40))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["code"] == 3
    connection.close()


def post(sink: SinkProcess, body: bytes, **headers: str) -> requests.Response:
    given = {"content-type": "application/x-protobuf"} | headers
    return requests.post(f"{sink.http}/v1/traces", body, headers=given, timeout=30)


def lives(sink: SinkProcess) -> None:
    assert post(sink, GOOD).status_code == 200
    assert sink.process.poll() is None


ODDITIES = {
    "ids of wrong length": {"trace_id": b"\x01\x02\x03", "span_id": b"\x07" * 9},
    "ids missing": {"trace_id": b"", "span_id": b""},
    "ids of zeros": {"trace_id": bytes(16), "span_id": bytes(8)},
    "1677, or as much after 1970": {"start_time_unix_nano": 1 << 63, "end_time_unix_nano": (1 << 63) + 1},
    "2262": {"start_time_unix_nano": (1 << 63) - 2, "end_time_unix_nano": (1 << 63) - 1},
    "beyond every clock": {"start_time_unix_nano": (1 << 64) - 1, "end_time_unix_nano": (1 << 64) - 1},
    "no time": {"start_time_unix_nano": 0, "end_time_unix_nano": 0},
    "ends before it starts": {"end_time_unix_nano": 7},
}
"""What is odd about a span, and may not be refused: it happened."""


def test_odd_spans_are_records_that_say_so(start_sink: StartSink) -> None:
    sink = start_sink()
    for name, fields in ODDITIES.items():
        request = export_of(f"{name} as protobuf")
        span = request.resource_spans[0].scope_spans[0].spans[0]
        for field, value in fields.items():
            setattr(span, field, value)
        assert post(sink, request.SerializeToString()).status_code == 200
        span.name = f"{name} as JSON"
        document = MessageToDict(request)
        written = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        for key in ("traceId", "spanId"):
            # OTLP's JSON has ids in hexadecimal.
            written[key] = getattr(span, {"traceId": "trace_id", "spanId": "span_id"}[key]).hex()
        answer = post(sink, json.dumps(document).encode(), **{"content-type": "application/json"})
        assert answer.status_code == 200

    assert sink.stop() == (0, "")
    found = {record["spanName"]: record for record in sink.records()}
    assert found.keys() == {f"{name} as {form}" for name in ODDITIES for form in ("protobuf", "JSON")}
    for name in ODDITIES:
        ours = [found[f"{name} as {form}"] for form in ("protobuf", "JSON")]
        notes = [record.get("attributes", {}).get("audit.notes", []) for record in ours]
        assert notes[0] == notes[1], name
        assert notes[0] or name == "2262", name


def test_levels_that_no_record_has_are_cut_and_it_is_noted(start_sink: StartSink) -> None:
    value: dict[str, object] = {"stringValue": "deepest"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}
    document = MessageToDict(export_of("deep"))
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].append(
        {"key": "k", "value": value}
    )
    sink = start_sink()
    assert (
        post(sink, json.dumps(document).encode(), **{"content-type": "application/json"}).status_code == 200
    )
    assert sink.stop() == (0, "")
    (record,) = sink.records()
    assert "nested-too-deeply" in record["attributes"]["audit.notes"]
    assert "deepest" not in json.dumps(record)


def test_duplicate_keys_of_attributes_are_kept_and_noted(start_sink: StartSink) -> None:
    request = export_of("twice")
    for value in ("one", "two"):
        span = request.resource_spans[0].scope_spans[0].spans[0]
        span.attributes.add(key="app.key").value.string_value = value
    sink = start_sink()
    assert post(sink, request.SerializeToString()).status_code == 200
    assert sink.stop() == (0, "")
    (record,) = sink.records()
    assert (record["attributes"]["app.key"], record["attributes"]["app.key#2"]) == ("one", "two")
    assert "duplicate-key" in record["attributes"]["audit.notes"]


def test_memory_stays_flat_whatever_is_sent(start_sink: StartSink) -> None:
    sink = start_sink()
    body = BODIES["more attributes than are taken"][0]
    for _ in range(3):
        assert post(sink, body).status_code == 413
    before = sink.peak_mib()
    for _ in range(8):
        assert post(sink, body).status_code == 413
        assert post(sink, BODIES["nested too deeply"][0]).status_code == 400
    assert sink.peak_mib() < before + 24
    lives(sink)
