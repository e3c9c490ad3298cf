"""`otel-audit show`: one record in full."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cli.conftest import Invoke
from otel_audit.cli.record_hash import hashes_of
from otel_audit.record.canonical import record_hashes
from otel_audit.store.open import open_store
from query.written_log import EIGHTEEN, LogWriter, record

RECORD = record(
    spanName="GET /\x1b]0;x\x07",
    user={"id": "u1", "roles": ["admin", "ops"]},
    request='{"messages":[{"parts":[{"content":"I am [EMAIL].\\nWhere\\u202e is it?"}]}]}',
    requestHeaders=[("accept", ["*/*"])],
    events=[{"name": "exception", "attributes": '{"a":1}'}, {"name": "other"}],
    masking={"fields": ["request.messages[0].parts[0].content"], "entities": [("EMAIL", 1)]},
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    LogWriter(open_store(str(tmp_path))).commit([record(EIGHTEEN + place) for place in range(20)] + [RECORD])
    return tmp_path


@pytest.mark.parametrize("length", [36, 13, 8])
def test_a_record_is_shown_by_its_id_or_the_beginning_of_it(invoke: Invoke, log: Path, length: int) -> None:
    result = invoke("show", "-d", log, RECORD["recordId"][:length])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"recordId           {RECORD['recordId']}"


def test_every_field_with_a_value_is_there_and_what_proves_it_last(invoke: Invoke, log: Path) -> None:
    lines = invoke("show", "-d", log, RECORD["recordId"]).stdout.splitlines()
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names[-5:] == ["salts", "digests", "writer", "sequence", "recordHash"]
    assert {"user", "request", "requestHeaders", "events", "masking"} <= set(names)
    assert "attributes" not in names
    assert '  roles: ["admin", "ops"]' in lines
    assert "    EMAIL: 1" in lines
    assert "  - name: exception" in lines


def test_the_hash_is_that_of_what_is_stored_and_a_change_is_told(invoke: Invoke, log: Path) -> None:
    (file,) = log.glob("log/platform/*/*/*.parquet")
    table = pq.read_table(file, partitioning=None)
    table = table.filter(pc.equal(table["recordId"], RECORD["recordId"]))
    (stored,) = record_hashes(table.to_batches()[0]).to_pylist()
    last = invoke("show", "-d", log, RECORD["recordId"]).stdout.splitlines()[-1]
    assert last.split() == ["recordHash", f"sha256:{stored.hex()}"]
    (fits,) = hashes_of(table)
    place = table.schema.get_field_index("outcome")
    changed = table.set_column(place, table.schema.field(place), pa.array(["failure"], pa.string()))
    (told,) = hashes_of(changed)
    assert told.text != fits.text
    place = table.schema.get_field_index("spanName")
    (tampered,) = hashes_of(
        table.set_column(place, table.schema.field(place), pa.array(["another"], pa.string()))
    )
    assert (fits.fits, tampered.fits) == (True, False)


def test_texts_have_their_lines_and_nothing_else_moves(invoke: Invoke, log: Path) -> None:
    shown = invoke("show", "-d", log, RECORD["recordId"]).stdout
    assert "content: I am [EMAIL].\n" in shown
    assert "Where\\u202e is it?\n" in shown
    assert r"GET /\x1b]0;x\x07" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_json_is_the_line_that_ndjson_would_hold(invoke: Invoke, log: Path) -> None:
    shown = invoke("show", "-d", log, RECORD["recordId"], "--format", "json").stdout
    assert RECORD["request"] in shown
    assert json.loads(shown)["recordId"] == RECORD["recordId"]


def test_an_id_that_is_not_there(invoke: Invoke, log: Path) -> None:
    result = invoke("show", "-d", log, "00000000-0000-0000-0000-000000000000")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "no record" in result.stderr


def test_a_beginning_of_several(invoke: Invoke, tmp_path: Path) -> None:
    twins = [record(recordId=f"abcd{place}234-0000-8000-8000-000000000000") for place in range(3)]
    LogWriter(open_store(str(tmp_path))).commit(twins)
    result = invoke("show", "-d", tmp_path, "abcd")
    assert result.exit_code == 2
    assert "abcd1234-0000" in result.stderr


def test_records_that_share_an_id_are_all_shown(invoke: Invoke, tmp_path: Path) -> None:
    LogWriter(open_store(str(tmp_path))).commit([RECORD, RECORD | {"spanName": "forged"}, RECORD])
    result = invoke("show", "-d", tmp_path, RECORD["recordId"])
    assert result.exit_code == 0
    assert result.stdout.count("recordId") == 2
    assert "different content" in result.stderr


@pytest.mark.parametrize("given", ["", "abc", "nothex!!", "*", "a" * 37])
def test_what_is_no_id(invoke: Invoke, log: Path, given: str) -> None:
    result = invoke("show", "-d", log, given)
    assert result.exit_code == 2
    assert "UUID" in result.stderr
