"""Read a log's folders with DuckDB, whichever format they have.

Run it with::

    python examples/read_with_duckdb.py ./audit-log

`otel-audit schema --format sql --dialect duckdb` prints views with every column's type.
"""

import sys
from pathlib import Path

import duckdb

destination = Path(sys.argv[1])

for folder in sorted((destination / "log").iterdir()):
    if any(folder.glob("*/*/*.parquet")):
        source = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, union_by_name = true)"
    else:
        # gzip and zstd are told by the names.
        source = f"read_ndjson('{folder}/**/*.ndjson.*', hive_partitioning = true, union_by_name = true)"
    outcomes = duckdb.sql(
        f"SELECT date, eventName, outcome, count(DISTINCT recordId) AS records FROM {source} "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for date, event, outcome, records in outcomes:
        print(folder.name, date, event, outcome, records)
