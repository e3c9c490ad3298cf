"""Writes ``tests/golden/records``: what conversion makes of the whole corpus, one record a line.

Run it after a change that is meant to change records, and read the difference before committing it::

    .venv/bin/python tests/golden/regenerate.py

The records are not masked: all people, cards and keys of the corpus are invented.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from convert.building import compact  # noqa: E402 - the path above makes it importable
from otel_audit.convert.converter import Converter  # noqa: E402
from otel_audit.convert.options import ConvertOptions, IdentityOptions  # noqa: E402
from otel_audit.convert.otlp_files import read_file  # noqa: E402
from otel_audit.convert.spans import LogData, SpanData  # noqa: E402

CORPUS = TESTS / "corpus"
RECORDS = TESTS / "golden" / "records"

OBSERVED = 1_795_300_000_000_000_000
"""A time after that of every span."""


def runs() -> list[str]:
    """Names of the corpus's runs; traces and log events of one run are converted together."""
    return sorted(path.stem for path in CORPUS.glob("*.json") if not path.name.endswith(".logs.json"))


def converted(run: str) -> str:
    """Returns the golden text of a run."""
    spans: list[SpanData] = []
    logs: list[LogData] = []
    for path in (CORPUS / f"{run}.json", CORPUS / f"{run}.logs.json"):
        if path.exists():
            for export in read_file(path):
                spans += export.spans
                logs += export.logs
    options = ConvertOptions(identity=IdentityOptions(trusted_proxies=("10.0.0.0/8", "127.0.0.0/8")))
    batch = Converter(options).convert(spans, logs, observed_unix_nano=OBSERVED)
    return "".join(f"{_line(row)}\n" for row in batch.records.to_pylist())


def _line(row: dict[str, Any]) -> str:
    return json.dumps(compact(row), ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    RECORDS.mkdir(exist_ok=True)
    for stale in RECORDS.glob("*.jsonl"):
        stale.unlink()
    for run in runs():
        (RECORDS / f"{run}.jsonl").write_text(converted(run))


if __name__ == "__main__":
    main()
