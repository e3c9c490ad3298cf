"""Read a log's Parquet folders with pyarrow.dataset: only the columns named and the days asked for.

Run it with::

    python examples/read_with_pyarrow.py ./audit-log
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

destination = Path(sys.argv[1])

for folder in sorted((destination / "log").iterdir()):
    partitions = ds.partitioning(pa.schema([("date", pa.string()), ("hour", pa.string())]), flavor="hive")
    records = ds.dataset(folder, format="parquet", partitioning=partitions)
    table = records.to_table(
        columns=["recordId", "eventName", "outcome", "date"], filter=ds.field("date") >= "2026-01-01"
    )
    # A record that was delivered twice is there twice: its id folds the copies.
    outcomes = table.group_by(["date", "eventName", "outcome"]).aggregate([("recordId", "count_distinct")])
    order = [(name, "ascending") for name in ("date", "eventName", "outcome")]
    for row in outcomes.sort_by(order).to_pylist():
        print(folder.name, row["date"], row["eventName"], row["outcome"], row["recordId_count_distinct"])
