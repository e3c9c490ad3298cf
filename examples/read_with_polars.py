"""Read a log's folders with polars, whichever format they have.

Run it with::

    python examples/read_with_polars.py ./audit-log
"""

import sys
from pathlib import Path

import polars as pl

destination = Path(sys.argv[1])

for folder in sorted((destination / "log").iterdir()):
    if any(folder.glob("*/*/*.parquet")):
        records = pl.scan_parquet(folder, hive_partitioning=True)
    else:
        # Name the columns you want: requests and responses have any shape, so no type can be inferred.
        wanted = {"recordId": pl.String, "eventName": pl.String, "outcome": pl.String}
        lines = pl.scan_ndjson(f"{folder}/**/*.ndjson.*", schema=wanted, include_file_paths="path")
        date = pl.col("path").str.extract(r"date=(\d{4}-\d{2}-\d{2})").str.to_date()
        records = lines.with_columns(date=date)
    outcomes = (
        # A record that was delivered twice is there twice: its id folds the copies.
        records.unique("recordId")
        .group_by("date", "eventName", "outcome")
        .len()
        .sort("date", "eventName", "outcome")
        .collect()
    )
    for date, event, outcome, count in outcomes.iter_rows():
        print(folder.name, date, event, outcome, count)
