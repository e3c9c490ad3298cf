"""Read a log's folders with pandas, whichever format they have.

Run it with::

    python examples/read_with_pandas.py ./audit-log
"""

import sys
from pathlib import Path

import pandas as pd

destination = Path(sys.argv[1])

for folder in sorted((destination / "log").iterdir()):
    if any(folder.glob("*/*/*.parquet")):
        records = pd.read_parquet(folder, columns=["recordId", "eventName", "outcome", "date"])
    else:
        files = sorted(folder.glob("*/*/*.ndjson.*"))
        records = pd.concat(
            # Values stay as they are written; gzip and zstd are told by the names.
            pd.read_json(file, lines=True, dtype=False).assign(
                date=file.parent.parent.name.removeprefix("date=")
            )
            for file in files
        )
    # A record that was delivered twice is there twice: its id folds the copies.
    records = records.drop_duplicates("recordId")
    outcomes = records.groupby(["date", "eventName", "outcome"], observed=True).size()
    for (date, event, outcome), count in outcomes.items():
        print(folder.name, date, event, outcome, count)
