"""Whatever the bytes: a request is read, or refused with a reason that quotes nothing; nothing else is raised."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.convert.spans import Sender
from otel_audit.errors import InputError, TooLarge
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request, read
from otel_audit.receive.unpacking import unpack
from receive.conftest import export_of

CORPUS = Path(__file__).parents[1] / "corpus"
OPTIONS = ReceiveOptions()
SENDER = Sender("none", "192.0.2.7")
PROTOBUF = export_of("GET", "POST", note="some text").SerializeToString()
JSON = (CORPUS / "http_new.json").read_bytes()
PACK = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}


def request(
    body: bytes, kind: str = "protobuf", encoding: str = "identity", signal: str = "traces"
) -> Request:
    return Request(signal, kind, encoding, body, SENDER)  # type: ignore[arg-type]


changes = st.lists(
    st.tuples(
        st.integers(0, 1 << 16), st.sampled_from(["set", "cut", "insert", "drop"]), st.binary(max_size=4)
    ),
    min_size=1,
    max_size=4,
)


def changed(body: bytes, how: list[tuple[int, str, bytes]]) -> bytes:
    for position, what, bytes_ in how:
        at = position % (len(body) + 1)
        match what:
            case "set":
                body = body[:at] + bytes_ + body[at + len(bytes_) :]
            case "cut":
                body = body[:at]
            case "insert":
                body = body[:at] + bytes_ + body[at:]
            case _:
                body = body[:at] + body[at + len(bytes_) :]
    return body


@settings(deadline=None)
@given(changes, st.sampled_from(["protobuf", "json"]), st.sampled_from(sorted(PACK)), st.booleans())
def test_damaged_requests_are_read_or_refused(
    how: list[tuple[int, str, bytes]], kind: str, encoding: str, before: bool
) -> None:
    body = PROTOBUF if kind == "protobuf" else JSON
    packed = PACK[encoding](changed(body, how)) if before else changed(PACK[encoding](body), how)
    for signal in ("traces", "logs"):
        with contextlib.suppress(InputError):
            export = read(request(packed, kind, encoding, signal), OPTIONS)
            assert all(span.resource.sender is SENDER for span in export.spans)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["protobuf", "json"]), st.sampled_from(sorted(PACK)))
def test_any_bytes_are_read_or_refused(body: bytes, kind: str, encoding: str) -> None:
    with contextlib.suppress(InputError):
        assert read(request(body, kind, encoding), OPTIONS) is not None


@given(st.lists(st.binary(max_size=2_000), min_size=1, max_size=4), st.sampled_from(sorted(PACK)))
def test_what_was_packed_is_unpacked(parts: list[bytes], encoding: str) -> None:
    packed = b"".join(PACK[encoding](part) for part in parts)
    assert unpack(packed, encoding, OPTIONS) == b"".join(parts)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("missing", [1, 4, 9])
def test_what_ends_early_is_refused_at_every_end(encoding: str, missing: int) -> None:
    with pytest.raises(InputError, match="compress"):
        unpack(PACK[encoding](JSON)[:-missing], encoding, OPTIONS)


def test_a_zstd_stream_without_a_size_is_unpacked_and_its_end_is_known() -> None:
    stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    packed = stream.compress(JSON) + stream.flush()
    assert unpack(packed, "zstd", OPTIONS) == JSON
    with pytest.raises(InputError):
        unpack(packed[:-1], "zstd", OPTIONS)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_the_limit_is_exact(encoding: str) -> None:
    options = ReceiveOptions(max_unpacked_bytes=len(JSON), max_ratio=1_000)
    assert unpack(PACK[encoding](JSON), encoding, options) == JSON
    with pytest.raises(TooLarge):
        unpack(PACK[encoding](JSON + b" "), encoding, options)


def test_elements_are_counted_wherever_they_are() -> None:
    spans = export_of(*map(str, range(100))).SerializeToString()
    assert len(read(request(spans), OPTIONS)) == 100
    with pytest.raises(TooLarge):
        read(request(spans), ReceiveOptions(max_items=99))
    document = json.loads(JSON)
    count = sum(len(leaf["spans"]) for group in document["resourceSpans"] for leaf in group["scopeSpans"])
    assert len(read(request(JSON, "json"), ReceiveOptions(max_items=count))) == count
    with pytest.raises(TooLarge):
        read(request(JSON, "json"), ReceiveOptions(max_items=count - 1))
