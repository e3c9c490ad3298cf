"""By what a record is known when it comes again."""

from __future__ import annotations

import uuid

import pyarrow as pa

from otel_audit.record.canonical import content_tags
from otel_audit.record.imprints import imprints, parse_imprints
from spool.masked import masked


def records(ids: list[str], text: str = "text") -> pa.RecordBatch:
    made = masked([text] * len(ids)).records
    place = made.schema.get_field_index("recordId")
    return made.set_column(place, made.schema.field(place), pa.array(ids, pa.string()))


def test_it_is_half_of_the_id_and_half_of_the_content_tag() -> None:
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    batch = records(ids)
    rows = [row.tobytes() for row in imprints(batch)]
    assert [row[:16] for row in rows] == [uuid.UUID(text).bytes for text in ids]
    assert [row[16:] for row in rows] == [tag[:16] for tag in content_tags(batch).to_pylist()]
    assert parse_imprints(b"".join(rows)).tolist() == imprints(batch).tolist()


def test_an_id_has_the_same_imprint_in_every_batch() -> None:
    given = str(uuid.uuid4())
    odd = ["no UUID", "é" * 36, given.replace("-", "") + "----", given.upper()]
    together = imprints(records([given, *odd]))
    for row, text in enumerate([given, *odd]):
        assert imprints(records([text]))[0, :2].tolist() == together[row, :2].tolist()
    assert len({tuple(row) for row in together[:, :2].tolist()}) == 3
    assert not len(imprints(records([])))


def test_other_content_has_another_tag() -> None:
    given = [str(uuid.uuid4())]
    one, other = imprints(records(given)), imprints(records(given, "other"))
    assert (one[0, :2] == other[0, :2]).all()
    assert (one[0, 2:] != other[0, 2:]).all()
