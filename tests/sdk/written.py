"""What is at a local destination, as a plain reader of Parquet sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

LIFE: Final = frozenset({"audit.start", "audit.stop", "audit.config", "audit.policy"})
"""What each process says of itself, beside what the application recorded."""


def rows(places: dict[str, str], *columns: str, life: bool = False) -> list[dict[str, object]]:
    """Records of every file under ``places["destination"]``.

    Args:
        places: where.
        columns: which; by default all.
        life: also those of :data:`LIFE`.
    """
    files = sorted(Path(places["destination"]).glob("log/*/date=*/hour=*/*.parquet"))
    wanted = [*columns, *({"eventName"} - set(columns))] if columns else None
    return [
        {name: row[name] for name in columns or row}
        for file in files
        for row in pq.read_table(file, columns=wanted, partitioning=None).to_pylist()
        if life or row["eventName"] not in LIFE
    ]
