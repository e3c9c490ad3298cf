"""Makes the files of the schema's current minor version: ``python tests/golden/files/make.py``.

Once a version is released its folder is never written again: readers must read those very bytes for ever.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from golden.canonical.make import CASES, TIMES
from otel_audit.encode.options import EXTENSIONS
from otel_audit.encode.partitions import open_writer
from otel_audit.record.canonical import digest
from otel_audit.record.schema import EXACT_TIMES, SCHEMA_MINOR_VERSION
from record import slow_canonical as slow
from record.strategies import batch_of

HERE = Path(__file__).parent


def main() -> None:
    folder = HERE / SCHEMA_MINOR_VERSION
    folder.mkdir()
    rows, salts = [], b""
    for sequence, (name, case) in enumerate(CASES.items(), 1):
        row = TIMES | case | {"writer": "golden-20261121-5f2c91ab", "sequence": sequence}
        row |= {coarse: row[exact] // 1_000 for coarse, exact in EXACT_TIMES.items()}
        rows.append(row)
        salts += hashlib.sha256(name.encode()).digest()
    hashes = [slow.record_hash(row, salts[32 * i : 32 * i + 32]).hex() for i, row in enumerate(rows)]
    (folder / "hashes.json").write_text(json.dumps(hashes, indent=1) + "\n")
    records = digest(batch_of(rows), salts).records
    for (form, compression), extension in EXTENSIONS.items():
        sink = io.BytesIO()
        with open_writer(form, compression, sink) as writer:
            writer.write(records)
        (folder / f"records.{extension}").write_bytes(sink.getvalue())


if __name__ == "__main__":
    main()
