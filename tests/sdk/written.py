"""What is at a local destination, as a plain reader of Parquet sees it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq


def rows(places: dict[str, str], *columns: str) -> list[dict[str, object]]:
    """Records of every file under ``places["destination"]``."""
    files = sorted(Path(places["destination"]).glob("log/*/date=*/hour=*/*.parquet"))
    return [
        row
        for file in files
        for row in pq.read_table(file, columns=list(columns) or None, partitioning=None).to_pylist()
    ]
