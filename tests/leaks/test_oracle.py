"""The oracle reads what it must, in whatever it is written, and nothing into what is harmless."""

from __future__ import annotations

import ast
import base64
import gzip
import html
import json
import zlib
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from leaks.artefacts import ids, texts_of_file
from leaks.oracle import Harmless, Oracle
from leaks.planted import API_KEY, CARD, EMAIL, OPENAI_KEY, PHONE, PLANTED, SSN, Planted

_ROOM = Path(__file__).parent


def names(text: str, harmless: Harmless | None = None) -> set[str]:
    return {leak.planted for leak in Oracle(harmless=harmless).leaks([("here", text)])}


def names_in_file(content: bytes) -> set[str]:
    return {leak.planted for leak in Oracle().leaks(texts_of_file("file", content))}


@pytest.mark.parametrize("module", ["oracle", "planted", "decodings", "artefacts"])
def test_it_shares_no_code_with_the_product(module):
    tree = ast.parse((_ROOM / f"{module}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {f"leaks.{name}" for name in ("oracle", "planted", "decodings", "artefacts")}
    roots = {name.partition(".")[0] for name in imported - own}
    assert not roots & {"otel_audit", "leaks", "mask", "importlib"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__import__"]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_it_reads_each_value_as_it_is(planted):
    assert planted.name in names(f"see {planted.text}, please")


_WAYS = {
    "JSON four times": lambda text: json.dumps([json.dumps({"a": json.dumps([json.dumps(text)])})]),
    "escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "escapes twice": lambda text: "".join(f"\\\\u{ord(char):04x}" for char in text),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent three times, beside Latin-1": lambda text: "M%FCller " + quote(quote(quote(text, safe=""))),
    "html": lambda text: "".join(f"&#{ord(char)}" + ";" for char in text),
    "html of html": lambda text: html.escape("".join(f"&#x{ord(char):x};" for char in text)),
    "base64, glued": lambda text: "abc" + base64.b64encode(b"q" + text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes(b"x" * 70 + text.encode()).decode(),
    "base64 of gzip": lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
    "base64 of zlib": lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
    "base64 of zstd": lambda text: base64.b64encode(zstandard.compress(text.encode())).decode(),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base64 of JSON of percent": lambda text: base64.b64encode(json.dumps([quote(text)]).encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "full width": lambda text: "".join(
        chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text
    ),
    "zero width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "list items": lambda text: json.dumps([text[:7], text[7:]]),
    "message parts": lambda text: json.dumps([{"type": "text", "content": text[:7]}, {"content": text[7:]}]),
    "a key": lambda text: json.dumps({text: 1}),
}


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("planted", [EMAIL, CARD, OPENAI_KEY], ids=lambda planted: planted.name)
def test_it_undoes(way, planted):
    assert planted.name in names(_WAYS[way](planted.text))


@pytest.mark.parametrize(
    "text",
    ["4111111111111111", "4111-1111-1111-1111", "4111 … 1111", "41 11 11", "4,1,1,1,1,1", "٤١١١١١", "𝟒𝟏𝟏𝟏𝟏𝟏",
     "x411111x", '{"n":4111111111111111}', '{"n":4.111111111111111e15}', "4\u00a01\u20091\u202f1\u30001\u2011" + "1"],
)  # fmt: skip
def test_any_six_digits_of_a_number(text):
    assert names(text) == {"card"}


def test_part_of_a_value_is_enough():
    assert names("the last ones are 550100") == {PHONE.name}
    assert names("45-67-89") == {SSN.name}
    assert names("JANE.DOE") == {EMAIL.name}
    assert names("...FAKESECR...") == {OPENAI_KEY.name}
    assert names("[key-123]") == {API_KEY.name}


@pytest.mark.parametrize(
    "text",
    ["", "411-11", "line 41, column 11, 11", "[CREDIT_CARD]", "Jane Doe", "jane", "sk-proj", "key-12", "2 or 3",
     "2026-11-11T11:11:11.111111Z", "fallback-20261111-11111111", "41111111-1111-4111-8111-411111111111",
     "[EMAIL:k1:5dqk3v7mzr2hxw4tabn6c4pfya]", "aGVsbG8gd29ybGQgaGVsbG8=", "%", "&", "\\", "\\u12", "{", "[1,2"],
)  # fmt: skip
def test_what_is_harmless(text):
    assert names(text) == set()


def test_ids_are_harmless_only_where_they_were_seen_as_ids():
    span, nanos = "a411111111abc123", "1795411111119980390"
    known = Harmless([span, nanos])
    for text in (span, f"{span}{span}", f"parent {span} at {nanos}", json.dumps({"at": int(nanos)})):
        assert names(text)
        assert names(text, known) == set()
    assert names(f"{span}4111111111111111", known) == {"card"}
    assert names(f"{nanos[:-1]}0411111", known) == {"card"}


def test_ids_are_taken_from_their_fields_and_only_in_their_form():
    row = {
        "recordId": "x",
        "traceId": "ab" * 16,
        "spanId": "411111",
        "salts": {"identity": "cd" * 16},
        "request": "ef" * 16,
    }
    assert set(ids(json.dumps(row).encode())) == {"ab" * 16, "cd" * 16}


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue().to_pybytes()


def ipc(table: pa.Table, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


_TABLE = pa.table({"a": ["x", EMAIL.text], "b": [["y"], [CARD.text]]})
_BOTH = {EMAIL.name, CARD.name}


@pytest.mark.parametrize(
    "content",
    [
        parquet(_TABLE),
        parquet(_TABLE, use_dictionary=False, write_statistics=False),
        b"\0" * 3 + ipc(_TABLE)[:-8] + b"\1\2\3" + ipc(_TABLE, "zstd"),
        b"head" + ipc(_TABLE, "zstd")[:-8],
        gzip.compress("\n".join(map(json.dumps, _TABLE.to_pylist())).encode()),
        zstandard.compress("\n".join(map(json.dumps, _TABLE.to_pylist())).encode()),
        zstandard.compress(b"first\n") + zstandard.compress(str(_TABLE.to_pylist()).encode()),
        b"\0\1\2" + EMAIL.text.encode() + b"\0" + CARD.text.encode(),
    ],
    # Compressed bytes tell the time: as names of tests they would differ between workers.
    ids=["parquet", "plain-parquet", "arrow-in-bytes", "cut-arrow", "gzip", "zstd", "zstd-frames", "bytes"],
)
def test_it_reads_every_kind_of_file(content):
    assert names_in_file(content) == _BOTH


def test_it_reads_where_no_reader_looks():
    entries = pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.array(["x", EMAIL.text]))
    assert names_in_file(parquet(pa.table({"a": entries}))) == {EMAIL.name}
    said = pa.table({"a": ["x"]}).replace_schema_metadata({"note": CARD.text})
    assert names_in_file(parquet(said)) == {CARD.name}
    hidden = pa.Array.from_buffers(
        pa.string(), 2, [pa.py_buffer(b"\1"), *pa.array(["x", EMAIL.text]).buffers()[1:]], null_count=1
    )
    assert hidden.to_pylist() == ["x", None]
    assert names_in_file(ipc(pa.table({"a": hidden}))) == {EMAIL.name}


def test_needles():
    assert Planted("n", "number", "12-34 5678").needles == {"123456", "234567", "345678"}
    assert Planted("a", "address", "Jane.Doe@x").needles == {"jane.doe"}
    assert Planted("s", "secret", "abcDEFghij").needles == {"abcdefgh", "bcdefghi", "cdefghij"}
    assert Planted("s", "secret", "short").needles == {"short"}
